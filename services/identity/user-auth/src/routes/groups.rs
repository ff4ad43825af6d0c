//! Groups, for those who run the organisation.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::{StatusCode, header};
use nexus_contracts::user_auth::GroupId;
use nexus_kernel::extract::{IfMatch, Page, Paged, Valid, Versioned};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::user_id;
use crate::error::Error;
use crate::group::{Group, GroupChanges, GroupRequest};
use crate::user::{self, UserProfile};
use crate::{groups, store};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_groups, create_group))
        .routes(routes!(get_group, change_group, delete_group))
        .routes(routes!(list_members))
        .routes(routes!(add_member, remove_member))
        .routes(routes!(list_groups_of_user))
}

/// What is not an id names no group.
fn group_id(text: &str) -> Result<GroupId, Error> {
    text.parse().map_err(|_| Error::NoSuchGroup)
}

fn reply(group: Group) -> Versioned<Group> {
    Versioned { version: group.version, body: group }
}

/// List the groups of your organisation
#[utoipa::path(
    get,
    path = "/api/users/groups",
    operation_id = "list_groups",
    tag = "user-auth",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The groups, newest first", body = Paged<Group>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_groups(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<Group>>, Problem> {
    context.authorize(&principal, "list-groups", &Resource::all("Group", principal.tenant))?;
    let groups = store::groups(&context, principal.tenant, &page).await?;
    Ok(Json(Paged::of(groups, &page, Group::position)))
}

/// Make a group
#[utoipa::path(
    post,
    path = "/api/users/groups",
    operation_id = "create_group",
    tag = "user-auth",
    request_body = GroupRequest,
    responses(
        (status = 201, description = "The group, nobody in it yet", body = Group, headers(("ETag" = String, description = "Its version"), ("Location" = String, description = "Its address"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`group-name-taken`: another group has this name; `too-many-groups`: delete one first", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn create_group(
    State(context): State<Context>,
    principal: Principal,
    Valid(request): Valid<GroupRequest>,
) -> Result<impl IntoResponse, Problem> {
    let group = groups::create(&context, principal, request).await?;
    let location = format!("/api/users/groups/{}", group.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], reply(group)))
}

/// One group of your organisation
#[utoipa::path(
    get,
    path = "/api/users/groups/{id}",
    operation_id = "get_group",
    tag = "user-auth",
    params(("id" = GroupId, Path, description = "The group's id")),
    responses(
        (status = 200, description = "The group", body = Group, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such group", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn get_group(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(groups::view(&context, &principal, group_id(&id)?).await?))
}

/// Change a group's name or roles
///
/// Other roles end the sessions of the members who may do something else because of it, as those carry the old roles.
#[utoipa::path(
    patch,
    path = "/api/users/groups/{id}",
    operation_id = "change_group",
    tag = "user-auth",
    params(
        ("id" = GroupId, Path, description = "The group's id"),
        ("If-Match" = String, Header, description = "The `ETag` of the version that this changes", example = "\"1\""),
    ),
    request_body = GroupChanges,
    responses(
        (status = 200, description = "The group as changed", body = Group, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such group", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`group-name-taken`: another group has this name", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed it meanwhile", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 428, description = "`precondition-required`: If-Match is missing", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn change_group(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    version: IfMatch,
    Valid(changes): Valid<GroupChanges>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(groups::change(&context, principal, group_id(&id)?, version, changes).await?))
}

/// Delete a group
///
/// Its members stay. The sessions of those who may do less without it end.
#[utoipa::path(
    delete,
    path = "/api/users/groups/{id}",
    operation_id = "delete_group",
    tag = "user-auth",
    params(("id" = GroupId, Path, description = "The group's id")),
    responses(
        (status = 204, description = "The group is gone"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such group", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn delete_group(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    groups::delete(&context, principal, group_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the people in a group
#[utoipa::path(
    get,
    path = "/api/users/groups/{id}/members",
    operation_id = "list_group_members",
    tag = "user-auth",
    params(
        ("id" = GroupId, Path, description = "The group's id"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The people, newest account first", body = Paged<UserProfile>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such group", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_members(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    page: Page,
) -> Result<Json<Paged<UserProfile>>, Problem> {
    let group = groups::view(&context, &principal, group_id(&id)?).await?;
    let members = store::members(&context, group.tenant, group.id, &page).await?;
    let profiles = members.into_iter().map(UserProfile::from).collect();
    Ok(Json(Paged::of(profiles, &page, UserProfile::position)))
}

/// Put somebody into a group
///
/// The person's sessions end when the group lets them do more. Nothing happens when the person is in the group.
#[utoipa::path(
    put,
    path = "/api/users/groups/{id}/members/{user}",
    operation_id = "add_group_member",
    tag = "user-auth",
    params(
        ("id" = GroupId, Path, description = "The group's id"),
        ("user" = UserId, Path, description = "The account's id"),
    ),
    responses(
        (status = 204, description = "The person is in the group"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such group or user", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`group-full`: no more people fit into the group", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn add_member(
    State(context): State<Context>,
    principal: Principal,
    Path((id, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    groups::add_member(&context, principal, group_id(&id)?, user_id(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take somebody out of a group
///
/// The person's sessions end when they may do less without it. Nothing happens when the person is not in the group.
#[utoipa::path(
    delete,
    path = "/api/users/groups/{id}/members/{user}",
    operation_id = "remove_group_member",
    tag = "user-auth",
    params(
        ("id" = GroupId, Path, description = "The group's id"),
        ("user" = UserId, Path, description = "The account's id"),
    ),
    responses(
        (status = 204, description = "The person is not in the group"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such group or user", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn remove_member(
    State(context): State<Context>,
    principal: Principal,
    Path((id, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    groups::remove_member(&context, principal, group_id(&id)?, user_id(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the groups that somebody is in
#[utoipa::path(
    get,
    path = "/api/users/{id}/groups",
    operation_id = "list_groups_of_user",
    tag = "user-auth",
    params(
        ("id" = UserId, Path, description = "The account's id"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The groups, newest first", body = Paged<Group>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: it is not you, and you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such user", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_groups_of_user(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    page: Page,
) -> Result<Json<Paged<Group>>, Problem> {
    let id = user_id(&id)?;
    context.authorize(&principal, "list-own-groups", &user::resource(principal.tenant, id))?;
    store::user(&mut context.store.read(principal.tenant), id).await?.ok_or(Error::NoSuchUser)?;
    let groups = store::groups_of(&context, principal.tenant, id, &page).await?;
    Ok(Json(Paged::of(groups, &page, Group::position)))
}
