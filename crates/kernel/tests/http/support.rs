//! A service of the test's own, under a name of the registry: notes that people keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use garde::Validate;
use http::StatusCode;
use nexus_kernel::extract::{IfMatch, Page, Paged, Valid, Versioned};
use nexus_kernel::store::Migration;
use nexus_kernel::{Caller, Context, MaybePrincipal, Principal, Problem, Resource, Service, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The name that the service borrows.
pub(crate) const NAME: &str = "scheduler";

/// What the test sees of the service from inside, and how it steers it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inside {
    pub(crate) made: Arc<AtomicUsize>,
    pub(crate) fails: Arc<AtomicBool>,
    pub(crate) entered: Arc<Notify>,
    pub(crate) go_on: Arc<Notify>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// What it says.
    #[garde(length(chars, min = 1, max = 20))]
    pub(crate) text: String,
    /// From 1 to 5.
    #[garde(range(min = 1, max = 5))]
    pub(crate) weight: u8,
}

const POLICIES: &str = r#"
    permit (principal in Role::"editor", action == Action::"make", resource is Note);
    permit (principal, action == Action::"read", resource is Note) when { resource.visibility == "public" };
"#;

static SCHEMA: [Migration; 1] =
    [Migration::new(1, "kept", "CREATE TABLE kept (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL)")];

/// The service.
pub(crate) fn service(inside: &Inside) -> Service {
    let inside = inside.clone();
    Service::new(NAME)
        .migrations(&SCHEMA)
        .policies(POLICIES)
        .state(move |_| inside.clone())
        .routes(
            OpenApiRouter::new()
                .routes(routes!(make))
                .route("/api/scheduler/notes/{id}", get(read).put(change))
                .route("/api/scheduler/list", get(list))
                .route("/api/scheduler/open", post(open))
                .route("/api/scheduler/slow", post(slow))
                .route("/api/scheduler/kept", post(keep))
                .route("/api/scheduler/me", get(me))
                .route("/api/scheduler/numbers/{number}", get(|Path(number): Path<u64>| async move { Json(number) }))
                .route("/api/scheduler/panic", get(|| async { panic!("a bug in a handler") as () }))
                .route("/internal/who", get(who)),
        )
        .ready("quill", |context| {
            Box::pin(async move {
                if context.state::<Inside>().fails.load(Ordering::SeqCst) {
                    Err("the quill is dry".to_owned())
                } else {
                    Ok(())
                }
            })
        })
}

/// Makes a note
#[utoipa::path(post, path = "/api/scheduler/notes", operation_id = "make_note", tag = "scheduler", responses((status = 201, body = Note)))]
async fn make(
    State(context): State<Context>,
    principal: Principal,
    Valid(note): Valid<Note>,
) -> Result<(StatusCode, Versioned<Value>), Problem> {
    context.authorize(&principal, "make", &Resource::all("Note", principal.tenant))?;
    let inside = context.state::<Inside>();
    if inside.fails.load(Ordering::SeqCst) {
        return Err(Problem::unavailable("the ink is out"));
    }
    let number = inside.made.fetch_add(1, Ordering::SeqCst) + 1;
    Ok((StatusCode::CREATED, Versioned { version: 1, body: json!({"number": number, "note": note}) }))
}

async fn read(
    State(context): State<Context>,
    MaybePrincipal(asker): MaybePrincipal,
    Path(id): Path<String>,
) -> Result<&'static str, Problem> {
    context.authorize_any(asker.as_ref(), "read", &Resource::new("Note", &id).text("visibility", &id))?;
    Ok("a note")
}

async fn change(_: Principal, if_match: IfMatch, Valid(note): Valid<Note>) -> Result<Versioned<Note>, Problem> {
    if_match.check(7)?;
    Ok(Versioned { version: 8, body: note })
}

async fn list(page: Page) -> Json<Paged<u32>> {
    let start = page.after.as_ref().and_then(|after| after.parse::<u32>().ok()).map_or(0, |after| after + 1);
    let rows = (start..25).take(usize::try_from(page.fetch()).unwrap()).collect();
    Json(Paged::of(rows, &page, ToString::to_string))
}

async fn open(State(context): State<Context>) -> String {
    context.state::<Inside>().made.fetch_add(1, Ordering::SeqCst).to_string()
}

async fn slow(State(context): State<Context>, _: Principal) -> &'static str {
    let inside = context.state::<Inside>();
    inside.made.fetch_add(1, Ordering::SeqCst);
    inside.entered.notify_one();
    inside.go_on.notified().await;
    "done"
}

/// Commits its reply with its change, and may fail after that.
async fn keep(State(context): State<Context>, principal: Principal) -> Result<Response, Problem> {
    let inside = context.state::<Inside>();
    inside.entered.notify_one();
    inside.go_on.notified().await;
    let mut tx = context.store.begin(principal.tenant).await?;
    tx.execute("INSERT INTO kept (id, tenant_id) VALUES ($1, :tenant)", params![context.ids.next()]).await?;
    let reply = tx.commit_reply((StatusCode::CREATED, "kept")).await?;
    if inside.fails.load(Ordering::SeqCst) {
        return Err(Problem::unavailable("nobody heard of it"));
    }
    Ok(reply)
}

async fn me(principal: Principal) -> String {
    principal.user.to_string()
}

async fn who(caller: Caller) -> Result<String, Problem> {
    caller.must_be(&["billing-service"])?;
    Ok(caller.0)
}
