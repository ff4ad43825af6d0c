//! The way of a request through the gateway.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use nexus_kernel::layers::MeasuredAs;
use nexus_kernel::{Caller, Context, Problem};
use tower::ServiceExt;

use crate::console::Console;
use crate::way::Way;
use crate::{access_log, admission, compression, conditional, cors, documents, metrics, proxy, security_headers};

/// Puts the gateway in front of its own routes. Read it from the bottom up: the last layer added meets the request first.
pub(crate) fn layers(routes: Router<Context>, context: &Context) -> Router<Context> {
    let own = routes.clone().with_state(context.clone());
    routes
        // Innermost: answers, or forwards to whoever does.
        .layer(from_fn_with_state(context.clone(), dispatch))
        // Nothing that may not go on costs a service anything.
        .layer(from_fn_with_state(context.clone(), admission::admit))
        // Compares what was read before with the reply as it was made, before compression gives it another shape.
        .layer(from_fn(conditional::answer))
        .layer(compression::layer())
        // Every reply to another site's page carries the permission to read it, refusals included.
        .layer(from_fn_with_state(context.clone(), cors::allow))
        .layer(from_fn_with_state(context.clone(), security_headers::add))
        .layer(from_fn(access_log::write))
        .layer(from_fn(find_way))
        // Other services call the gateway's own routes, as any service's; what protects from outside is not for them.
        .layer(from_fn_with_state(own, straight_for_services))
}

async fn straight_for_services(State(own): State<Router>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Caller>().is_none() {
        return next.run(request).await;
    }
    own.oneshot(request).await.into_response()
}

async fn find_way(mut request: Request, next: Next) -> Response {
    let way = Way::of(request.uri().path());
    request.extensions_mut().insert(way);
    let mut response = next.run(request).await;
    // The gateway's own routes have templates of their own.
    if !matches!(way, Way::System | Way::Health) {
        response.extensions_mut().insert(MeasuredAs(way.label()));
    }
    response
}

async fn dispatch(State(context): State<Context>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Way>().copied().unwrap_or(Way::Nothing) {
        Way::Service { entry, .. } => proxy::forward(&context, entry, request).await,
        Way::System | Way::Health => next.run(request).await,
        Way::Metrics => metrics::answer(&context, request.extensions().get().copied()).await,
        Way::Documents => documents::answer(&context, &request.into_parts().0).await,
        Way::Console => context.state::<Console>().answer(&request),
        Way::Nothing | Way::Refused(_) => Problem::not_found("there is nothing at this path").into_response(),
    }
}
