//! What directories may do with people and groups (RFC 7644 section 3).

use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, Problem, Resource};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ScimError;
use super::filter::{self, Filter, Names};
use super::patch::{self, PatchRequest};
use super::resource::{Answer, Expected, Projection, names, sort_steps};
use super::schema::{GROUPS, ResourceType, USERS};
use super::search::{Search, Sorting};
use super::{groups, people};
use crate::accounts::with_current_roles;
use crate::store;

/// The most resources in one reply.
pub(crate) const MAX_RESULTS: i64 = 200;
/// How many resources a reply has when the client does not say.
const RESULTS: i64 = 100;
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A kind of resource that requests are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// People.
    Users,
    /// Groups.
    Groups,
}

impl Kind {
    /// The kind at an endpoint, as `Users`.
    pub(crate) fn at(endpoint: &str) -> Option<Self> {
        match endpoint {
            "Users" => Some(Self::Users),
            "Groups" => Some(Self::Groups),
            _ => None,
        }
    }

    /// What it is like.
    pub(crate) fn resource(self) -> &'static ResourceType {
        match self {
            Self::Users => &USERS,
            Self::Groups => &GROUPS,
        }
    }
}

/// What everything here is about, for policies.
fn directory(principal: &Principal) -> Resource {
    Resource::all("Account", principal.tenant)
}

/// 403 unless this directory may read.
pub(crate) fn may_read(context: &Context, principal: &Principal) -> Result<(), Problem> {
    context.authorize(principal, "read-directory", &directory(principal))
}

/// Begins a change by a directory that may make it now.
async fn begin(context: &Context, principal: Principal) -> Result<(Tx, Principal), ScimError> {
    let mut tx = context.store.begin(principal.tenant).await?;
    let asker = with_current_roles(&mut tx, principal).await?;
    context.authorize(&asker, "provision", &directory(&asker))?;
    Ok((tx, asker))
}

/// One resource.
pub(crate) async fn view(
    context: &Context,
    principal: &Principal,
    kind: Kind,
    id: &str,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    may_read(context, principal)?;
    match kind {
        Kind::Users => people::view(context, principal, id, projection).await,
        Kind::Groups => groups::view(context, principal, id, projection).await,
    }
}

/// Makes a resource.
pub(crate) async fn create(
    context: &Context,
    principal: Principal,
    kind: Kind,
    body: Value,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    let (tx, asker) = begin(context, principal).await?;
    check_schemas(kind, &body)?;
    match kind {
        Kind::Users => people::create(context, tx, &asker, body, projection).await,
        Kind::Groups => groups::create(context, tx, &asker, body, projection).await,
    }
}

/// Puts another resource in the place of one.
pub(crate) async fn replace(
    context: &Context,
    principal: Principal,
    (kind, id): (Kind, &str),
    expected: &Expected,
    body: Value,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    let (tx, asker) = begin(context, principal).await?;
    check_schemas(kind, &body)?;
    match kind {
        Kind::Users => {
            // Without a word about it, the account stays as usable as it is.
            let replace = |before: crate::user::Entry| {
                let mut after = people::read(body)?;
                if let Some(active) = before.get("active") {
                    after.entry("active").or_insert_with(|| active.clone());
                }
                Ok(after)
            };
            people::change(context, tx, &asker, id, expected, projection, replace).await
        }
        Kind::Groups => groups::change(context, tx, &asker, id, expected, projection, |_| groups::read(body)).await,
    }
}

/// Changes parts of a resource.
pub(crate) async fn patch(
    context: &Context,
    principal: Principal,
    (kind, id): (Kind, &str),
    expected: &Expected,
    body: Value,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    let (tx, asker) = begin(context, principal).await?;
    let request: PatchRequest =
        serde_json::from_value(body).map_err(|error| ScimError::invalid_syntax(error.to_string()))?;
    let resource = kind.resource();
    match kind {
        Kind::Users => {
            people::change(context, tx, &asker, id, expected, projection, |before| {
                patch::apply(resource, before, request)
            })
            .await
        }
        Kind::Groups => {
            groups::change(context, tx, &asker, id, expected, projection, |before| {
                patch::apply(resource, before, request)
            })
            .await
        }
    }
}

/// Ends a resource.
pub(crate) async fn delete(
    context: &Context,
    principal: Principal,
    (kind, id): (Kind, &str),
    expected: &Expected,
) -> Result<Answer, ScimError> {
    let (tx, asker) = begin(context, principal).await?;
    match kind {
        Kind::Users => people::delete(context, tx, &asker, id, expected).await,
        Kind::Groups => groups::delete(context, tx, &asker, id, expected).await,
    }
}

/// A resource names its schema (RFC 7643 section 3.1).
fn check_schemas(kind: Kind, body: &Value) -> Result<(), ScimError> {
    let wanted = kind.resource().schema.id;
    let named = body["schemas"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if named.into_iter().any(|name| name.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!("schemas must name {wanted}")))
}

/// What is looked for (RFC 7644 section 3.4.3).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchRequest {
    #[serde(default)]
    attributes: Vec<String>,
    #[serde(default)]
    excluded_attributes: Vec<String>,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    sort_by: Option<String>,
    #[serde(default)]
    sort_order: Option<String>,
    #[serde(default)]
    start_index: Option<i64>,
    #[serde(default)]
    count: Option<i64>,
}

/// The same in the query of an address (RFC 7644 section 3.4.2).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchQuery {
    attributes: Option<String>,
    excluded_attributes: Option<String>,
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
}

impl SearchQuery {
    /// Which attributes are wanted.
    pub(crate) fn projection(&self) -> Projection {
        Projection::new(names(self.attributes.as_deref()), names(self.excluded_attributes.as_deref()))
    }
}

impl From<SearchQuery> for SearchRequest {
    fn from(query: SearchQuery) -> Self {
        Self {
            attributes: names(query.attributes.as_deref()),
            excluded_attributes: names(query.excluded_attributes.as_deref()),
            filter: query.filter,
            sort_by: query.sort_by,
            sort_order: query.sort_order,
            start_index: query.start_index,
            count: query.count,
        }
    }
}

impl SearchRequest {
    fn filter(&self, kind: Kind) -> Result<Option<Filter>, ScimError> {
        self.filter.as_deref().map(|text| filter::read(text, Names::Resource(kind.resource()))).transpose()
    }

    fn sorting(&self, kind: Kind) -> Option<Sorting> {
        let by = sort_steps(kind.resource(), self.sort_by.as_deref()?)?;
        let descending = self.sort_order.as_deref().is_some_and(|order| order.eq_ignore_ascii_case("descending"));
        Some(Sorting { by, descending })
    }
}

/// The resources of one kind that are looked for.
pub(crate) async fn search(
    context: &Context,
    principal: &Principal,
    kind: Kind,
    request: SearchRequest,
) -> Result<Answer, ScimError> {
    may_read(context, principal)?;
    let filter = request.filter(kind)?;
    find(context, principal, &[(kind, filter)], request).await
}

/// The resources of all kinds that are looked for. What a kind does not have, none of its resources has.
pub(crate) async fn search_all(
    context: &Context,
    principal: &Principal,
    request: SearchRequest,
) -> Result<Answer, ScimError> {
    may_read(context, principal)?;
    let (people, groups) = (request.filter(Kind::Users), request.filter(Kind::Groups));
    let kinds = match (people, groups) {
        (Err(error), Err(_)) => return Err(error),
        (people, groups) => [(Kind::Users, people), (Kind::Groups, groups)],
    };
    let kinds: Vec<_> =
        kinds.into_iter().filter_map(|(kind, filter)| filter.ok().map(|filter| (kind, filter))).collect();
    find(context, principal, &kinds, request).await
}

async fn find(
    context: &Context,
    principal: &Principal,
    kinds: &[(Kind, Option<Filter>)],
    request: SearchRequest,
) -> Result<Answer, ScimError> {
    let start = request.start_index.unwrap_or(1).max(1);
    let most = request.count.unwrap_or(RESULTS).clamp(0, MAX_RESULTS);
    let projection = Projection::new(request.attributes.clone(), request.excluded_attributes.clone());
    let mut found = Vec::new();
    let mut total = 0;
    for (kind, filter) in kinds {
        let search = Search::new(kind.resource(), filter.as_ref(), request.sorting(*kind).as_ref());
        let from = (start - 1 - total).max(0);
        let left = most - i64::try_from(found.len()).unwrap_or(most);
        total += page(context, principal, *kind, &search, (from, left), &projection, &mut found).await?;
    }
    let items = found.len();
    let mut body = json!({"schemas": [LIST], "totalResults": total, "startIndex": start, "itemsPerPage": items});
    body["Resources"] = Value::Array(found);
    Ok(Answer::document(body))
}

/// Adds what one kind has to a page; how many there are in all.
async fn page(
    context: &Context,
    principal: &Principal,
    kind: Kind,
    search: &Search,
    (from, most): (i64, i64),
    projection: &Projection,
    found: &mut Vec<Value>,
) -> Result<i64, ScimError> {
    let tenant = principal.tenant;
    match kind {
        Kind::Users => {
            let total = store::count_found_users(context, tenant, search).await?;
            if most > 0 && from < total {
                for user in store::found_users(context, tenant, search, from, most).await? {
                    found.push(people::shown(context, &user, projection).await?);
                }
            }
            Ok(total)
        }
        Kind::Groups => {
            let total = store::count_found_groups(context, tenant, search).await?;
            if most > 0 && from < total {
                for group in store::found_groups(context, tenant, search, from, most).await? {
                    found.push(groups::shown(context, &group, projection).await?);
                }
            }
            Ok(total)
        }
    }
}
