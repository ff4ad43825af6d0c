//! The way of a request through the gateway.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header;
use nexus_kernel::auth::VAULT_TOKEN;
use nexus_kernel::layers::MeasuredAs;
use nexus_kernel::{Caller, Context, Problem};
use tower::ServiceExt;

use crate::access_log::AccessLog;
use crate::admission::{Admission, Head};
use crate::client::Client;
use crate::compression::{self, Encodings};
use crate::conditional::Reading;
use crate::console::Console;
use crate::limits::Limits;
use crate::overload::Doors;
use crate::rate::Allowance;
use crate::revocation::Revocations;
use crate::security_headers::SecurityHeaders;
use crate::way::Way;
use crate::{admission, cors, documents, metrics, proxy};

/// About as many headers does a reply get here; it makes room for them once.
const ADDED: usize = 12;

/// What stands before all services.
pub(crate) struct Front {
    pub(crate) context: Context,
    /// The gateway's own routes.
    own: Router,
    console: Arc<Console>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) limits: Limits,
    pub(crate) doors: Doors,
    log: AccessLog,
    security_headers: SecurityHeaders,
}

/// Where the listening side finds the front, which is made when the routes are.
#[derive(Default)]
pub(crate) struct Entrance(OnceLock<Arc<Front>>);

impl Entrance {
    pub(crate) fn front(&self) -> Option<Arc<Front>> {
        self.0.get().cloned()
    }
}

/// Puts the gateway in front of its own routes, for calls that do not come through its own listener: those of other services,
/// and tests.
pub(crate) fn layers(routes: Router<Context>, context: &Context) -> Router<Context> {
    let front = Arc::new(Front {
        context: context.clone(),
        own: routes.clone().with_state(context.clone()),
        console: context.state(),
        revocations: context.state(),
        limits: Limits::new(context),
        doors: Doors::new(context.config.gateway.max_in_flight),
        log: AccessLog::new(context),
        security_headers: SecurityHeaders::new(&context.config),
    });
    // The layers are put around the routes once.
    let _ = context.state::<Entrance>().0.set(Arc::clone(&front));
    routes.layer(from_fn_with_state(front, pass))
}

/// Other services call the gateway's own routes, as any service's; what protects from outside is not for them.
async fn pass(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Caller>().is_some() {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip());
    let way = Way::of(request.uri().path());
    let mut response = front.answer(peer, way, request, Some(next)).await;
    // The gateway's own routes have templates of their own.
    if !matches!(way, Way::System | Way::Health) {
        response.extensions_mut().insert(MeasuredAs(way.label()));
    }
    response
}

impl Front {
    /// The whole way in and out. One function instead of a stack of layers: each layer would cost every request two
    /// allocations and a copy of all that it carries. `next` is the way to the gateway's own routes where a router that knows
    /// them was asked already.
    pub(crate) async fn answer(&self, peer: IpAddr, way: Way, mut request: Request, next: Option<Next>) -> Response {
        let line = AccessLog::begin(&request, way);
        let origin = cors::origin(&self.context, request.headers());
        let mut response = if cors::is_preflight(&request) {
            cors::preflight(origin.is_some(), request.headers())
        } else {
            let (reading, encodings) = (Reading::of(&request), Encodings::of(request.headers()));
            let response = self.admitted(peer, way, &mut request, next).await;
            // Compares what was read before with the reply as it was made, before compression gives it another shape.
            compression::shrink(encodings, reading.answer(response).await).await
        };
        // Every reply to another site's page carries the permission to read it, refusals included.
        cors::allow(&self.context, origin, response.headers_mut());
        self.security_headers.add(response.headers_mut());
        self.log.end(line, response)
    }

    /// From here on the request is taken from where it is: each function that had it for itself would make all larger.
    async fn admitted(&self, peer: IpAddr, way: Way, request: &mut Request, next: Option<Next>) -> Response {
        // First of all, as it costs nothing: a service that has more than it can do gets nothing more.
        if let Way::Service { entry, .. } = way
            && self.doors.is_full(&entry.name)
        {
            return self.doors.refuse();
        }
        let client = Client::of(peer, request.headers(), &self.context.config.gateway.trusted_proxies);
        let mut allowance = Allowance::default();
        let mut response = match admission::examine(self, &client, way, &mut allowance, Head::of(request)).await {
            Ok(admission) => {
                if admission == Admission::AsAStranger {
                    request.headers_mut().remove(header::AUTHORIZATION);
                    request.headers_mut().remove(VAULT_TOKEN);
                }
                self.dispatch(client, way, request, next).await
            }
            Err(problem) => problem.into_response(),
        };
        response.headers_mut().reserve(ADDED);
        allowance.tell(response.headers_mut());
        response
    }

    /// What most requests do not need is in boxes: each request carries room for all that is not.
    async fn dispatch(&self, client: Client, way: Way, request: &mut Request, next: Option<Next>) -> Response {
        match way {
            Way::Service { entry, .. } => match self.doors.enter(&entry.name) {
                Some(place) => proxy::forward(&self.context, entry, client, place, request).await,
                None => self.doors.refuse(),
            },
            Way::System | Way::Health => match next {
                Some(next) => next.run(mem::take(request)).await,
                None => Box::pin(self.own.clone().oneshot(mem::take(request))).await.into_response(),
            },
            Way::Metrics => Box::pin(metrics::answer(&self.context, client)).await,
            Way::Documents => Box::pin(documents::answer(&self.context, &mem::take(request).into_parts().0)).await,
            Way::Console => self.console.answer(request),
            Way::Nothing | Way::Refused(_) => Problem::not_found("there is nothing at this path").into_response(),
        }
    }
}
