//! Groups, as directories write and read them. What a group's members may do, a directory does not say: an admin does.

use std::collections::BTreeSet;

use garde::Validate;
use http::StatusCode;
use nexus_contracts::user_auth::GroupId;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, UserId};
use serde_json::{Map, Value, json};

use super::attribute::read_all;
use super::error::ScimError;
use super::resource::{Answer, Expected, Meta, Projection, complete, location};
use super::schema::{GROUPS, USERS};
use crate::error::Error;
use crate::group::Group;
use crate::groups::{self, MemberChange};
use crate::name::Name;
use crate::store;
use crate::user::Entry;

/// What a directory may write of a group, but its members.
pub(crate) fn entry(group: &Group) -> Entry {
    let mut entry = Map::from_iter([("displayName".to_owned(), json!(group.name))]);
    if let Some(external_id) = &group.external_id {
        entry.insert("externalId".to_owned(), json!(external_id));
    }
    entry
}

/// What a directory says of a group, understood.
#[derive(Debug)]
struct Described {
    name: Name,
    external_id: Option<String>,
    members: BTreeSet<UserId>,
}

fn described(entry: &Entry) -> Result<Described, ScimError> {
    let name = entry.get("displayName").cloned().unwrap_or_default();
    let name: Name = serde_json::from_value(name).map_err(|_| ScimError::invalid_value("displayName is missing"))?;
    name.validate().map_err(|report| ScimError::invalid_value(format!("displayName: {report}")))?;
    let external_id = entry.get("externalId").and_then(Value::as_str).map(str::to_owned);
    let members = entry.get("members").and_then(Value::as_array).into_iter().flatten().map(member);
    Ok(Described { name, external_id, members: members.collect::<Result<_, _>>()? })
}

fn member(value: &Value) -> Result<UserId, ScimError> {
    if value["type"].as_str().is_some_and(|kind| !kind.eq_ignore_ascii_case("User")) {
        return Err(ScimError::invalid_value("the members of a group are people"));
    }
    let id = value["value"].as_str().and_then(|id| id.parse().ok());
    id.ok_or_else(|| ScimError::invalid_value("the value of a member is the id of a person"))
}

/// What a client sent, read.
pub(super) fn read(body: Value) -> Result<Entry, ScimError> {
    match body {
        Value::Object(values) => read_all(GROUPS.attributes, values),
        _ => Err(ScimError::invalid_syntax("the body must be an object")),
    }
}

/// The group as it is shown.
pub(super) async fn shown(context: &Context, group: &Group, projection: &Projection) -> Result<Value, ScimError> {
    let meta = Meta {
        id: group.id.to_string(),
        created: group.created_at,
        modified: group.updated_at,
        version: group.version,
    };
    let mut entry = entry(group);
    if group.members > 0 && projection.wants(&GROUPS, "members") {
        let members = store::member_ids(&mut context.store.read(group.tenant), group.id).await?;
        entry.insert("members".to_owned(), values(&context.config.public_url, members));
    }
    Ok(projection.of(&GROUPS, complete(&context.config.public_url, &GROUPS, &meta, entry)))
}

fn values(url: &str, members: Vec<UserId>) -> Value {
    let value = |id: UserId| json!({"value": id, "$ref": location(url, &USERS, &id.to_string()), "type": "User"});
    members.into_iter().map(value).collect()
}

async fn answer(
    context: &Context,
    tenant: &Principal,
    id: GroupId,
    status: StatusCode,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    let group = store::group(&mut context.store.read(tenant.tenant), id).await?.ok_or(Error::NoSuchGroup)?;
    Ok(Answer {
        status,
        location: Some(location(&context.config.public_url, &GROUPS, &id.to_string())),
        version: Some(group.version),
        body: Some(shown(context, &group, projection).await?),
    })
}

/// What is not an id names no group.
fn id(text: &str) -> Result<GroupId, Error> {
    text.parse().map_err(|_| Error::NoSuchGroup)
}

/// One group.
pub(super) async fn view(
    context: &Context,
    asker: &Principal,
    text: &str,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    answer(context, asker, id(text)?, StatusCode::OK, projection).await
}

/// Makes a group.
pub(super) async fn create(
    context: &Context,
    mut tx: Tx,
    asker: &Principal,
    body: Value,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    let described = described(&read(body)?)?;
    let id = GroupId(context.ids.next());
    let new = Group::new(id, asker.tenant, described.name, Vec::new(), context.clock.now());
    groups::add(&mut tx, &Group { external_id: described.external_id, ..new }).await?;
    let changes: Vec<_> = described.members.into_iter().map(MemberChange::Add).collect();
    let orders = groups::change_members(context, &mut tx, asker, id, &changes).await.map_err(no_such_member)?;
    tx.commit().await?;
    groups::end_now(context, orders).await;
    answer(context, asker, id, StatusCode::CREATED, projection).await
}

/// A member that is nobody is a wrong value, not a group that is not there.
fn no_such_member(error: Error) -> ScimError {
    match error {
        Error::NoSuchUser => ScimError::invalid_value("a member must be the id of a person who is here"),
        other => other.into(),
    }
}

/// Changes a group to what `change` makes of what the directory may write of it.
pub(super) async fn change(
    context: &Context,
    mut tx: Tx,
    asker: &Principal,
    text: &str,
    expected: &Expected,
    projection: &Projection,
    change: impl FnOnce(Entry) -> Result<Entry, ScimError>,
) -> Result<Answer, ScimError> {
    let id = id(text)?;
    let group = store::group(&mut tx, id).await?.ok_or(Error::NoSuchGroup)?;
    expected.check(group.version)?;
    let mut before = entry(&group);
    let members = store::member_ids(&mut tx, id).await?;
    if !members.is_empty() {
        before.insert("members".to_owned(), values(&context.config.public_url, members));
    }
    let is = described(&before)?;
    let wanted = described(&change(before)?)?;
    if (&wanted.name, &wanted.external_id) != (&is.name, &is.external_id) {
        let changed = Group { name: wanted.name, external_id: wanted.external_id, ..group.next(context.clock.now()) };
        groups::update(&mut tx, &changed).await?;
    }
    let gone = is.members.difference(&wanted.members).copied().map(MemberChange::Remove);
    let new = wanted.members.difference(&is.members).copied().map(MemberChange::Add);
    let changes: Vec<_> = gone.chain(new).collect();
    let orders = groups::change_members(context, &mut tx, asker, id, &changes).await.map_err(no_such_member)?;
    tx.commit().await?;
    groups::end_now(context, orders).await;
    answer(context, asker, id, StatusCode::OK, projection).await
}

/// Ends a group. Its members stay.
pub(super) async fn delete(
    context: &Context,
    mut tx: Tx,
    asker: &Principal,
    text: &str,
    expected: &Expected,
) -> Result<Answer, ScimError> {
    let group = store::group(&mut tx, id(text)?).await?.ok_or(Error::NoSuchGroup)?;
    expected.check(group.version)?;
    let orders = groups::remove(context, &mut tx, asker, group.id).await?;
    tx.commit().await?;
    groups::end_now(context, orders).await;
    Ok(Answer::nothing())
}
