//! The development mailbox.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::mail::Mail;
use crate::mailer::Mailer;
use crate::store;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list_mails))
}

/// The development mailbox
///
/// The mails that would have gone out, while no mail server is configured.
#[utoipa::path(
    get,
    path = "/api/users/mailbox",
    operation_id = "list_mails",
    tag = "user-auth",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The mails of the last day, newest first", body = Paged<Mail>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`mailbox-off`: mail goes to a mail server", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_mails(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<impl IntoResponse, Problem> {
    context.authorize(&principal, "read-mailbox", &Resource::all("Mailbox", principal.tenant))?;
    if !context.state::<Mailer>().is_mailbox() {
        return Err(Error::MailboxOff.into());
    }
    let mails = store::mailbox(&context, principal.tenant, &page).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Paged::of(mails, &page, Mail::position))))
}
