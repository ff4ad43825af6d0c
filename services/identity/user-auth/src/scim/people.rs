//! People, as directories write and read them.

use garde::Validate;
use http::StatusCode;
use nexus_contracts::session_mgr::RevocationReason;
use nexus_contracts::user_auth::{EmailAddress, UserCreated, UserDeactivated, UserReactivated};
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, UserId};
use serde_json::{Map, Value, json};

use super::attribute::read_all;
use super::error::ScimError;
use super::resource::{Answer, Expected, Meta, Projection, complete, location};
use super::schema::{GROUPS, USERS};
use crate::accounts::end_sessions;
use crate::error::Error;
use crate::name::Name;
use crate::password::PasswordHash;
use crate::session_revocation::SessionRevocation;
use crate::user::{Described, Entry, Owners, User};
use crate::{erasure, invitations, mailer, session_revocation, store};

/// Stored in place of `active` when a directory has taken its value back: the account stays as usable as it was, and what it is
/// is not shown.
const UNASSIGNED: Value = Value::Null;

/// What a directory may write of an account. Until one has, it is what the account itself says.
pub(crate) fn entry(user: &User) -> Entry {
    let mut entry = user.entry.clone().unwrap_or_else(|| {
        Map::from_iter([
            ("userName".to_owned(), json!(user.user_name)),
            ("displayName".to_owned(), json!(user.name)),
            ("emails".to_owned(), json!([{"value": user.email, "primary": true}])),
        ])
    });
    if entry.remove("active") != Some(UNASSIGNED) {
        entry.insert("active".to_owned(), json!(user.is_active()));
    }
    entry
}

/// What a directory says of a person, understood; of somebody whose account may be used, or may not.
fn described(mut entry: Entry, usable: bool) -> Result<Described, ScimError> {
    let text = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let user_name = entry.get("userName").and_then(text);
    let user_name = user_name.ok_or_else(|| ScimError::invalid_value("userName is missing"))?;
    let email = EmailAddress::normalised(&primary_address(&entry).unwrap_or_default());
    email.validate().map_err(|_| ScimError::invalid_value(format!("`{email}` is no e-mail address")))?;
    let said = entry.remove("active");
    if said.is_none() {
        entry.insert("active".to_owned(), UNASSIGNED);
    }
    let active = said.map_or(usable, |active| active == true);
    Ok(Described { name: shown_name(&entry, &user_name)?, user_name, email, active, entry })
}

/// The address that the person signs in with: the primary one, else that of work, else the first.
fn primary_address(entry: &Entry) -> Option<String> {
    let emails = entry.get("emails")?.as_array()?;
    let primary = emails.iter().find(|email| email["primary"] == true);
    let work =
        || emails.iter().find(|email| email["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("work")));
    primary.or_else(work).or(emails.first())?["value"].as_str().map(str::to_owned)
}

/// The person's name: as the directory shows it, or else as it can be put together.
fn shown_name(entry: &Entry, user_name: &str) -> Result<Name, ScimError> {
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let part = |name: &str| text(entry.get("name").and_then(|parts| parts.get(name)));
    let together = || {
        let names: Vec<String> = ["givenName", "familyName"].into_iter().filter_map(part).collect();
        Some(names.join(" ")).filter(|name| !name.is_empty())
    };
    let name = text(entry.get("displayName")).or_else(|| part("formatted")).or_else(together);
    let name = name.unwrap_or_else(|| user_name.chars().take(100).collect());
    let name: Name =
        serde_json::from_value(json!(name)).map_err(|_| ScimError::invalid_value("displayName must be text"))?;
    name.validate().map_err(|report| ScimError::invalid_value(format!("displayName: {report}")))?;
    Ok(name)
}

/// What a client sent, read. Where it names no addresses, the name that the person has there may be one.
pub(super) fn read(body: Value) -> Result<Entry, ScimError> {
    let Value::Object(mut values) = body else { return Err(ScimError::invalid_syntax("the body must be an object")) };
    let value_of = |values: &Map<String, Value>, name: &str| {
        values.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    let no_emails = value_of(&values, "emails").is_none_or(|emails| emails.is_null() || emails == json!([]));
    if no_emails
        && let Some(Value::String(user_name)) = value_of(&values, "userName")
        && user_name.contains('@')
    {
        values.retain(|name, _| !name.eq_ignore_ascii_case("emails"));
        values.insert("emails".to_owned(), json!([{"value": user_name, "primary": true}]));
    }
    read_all(USERS.attributes, values)
}

/// The account as it is shown.
pub(super) async fn shown(context: &Context, user: &User, projection: &Projection) -> Result<Value, ScimError> {
    let meta =
        Meta { id: user.id.to_string(), created: user.created_at, modified: user.updated_at, version: user.version };
    let mut entry = entry(user);
    let roles: Vec<Value> =
        (0..).zip(user.effective_roles()).map(|(place, role)| json!({"value": role, "primary": place == 0})).collect();
    if !roles.is_empty() {
        entry.insert("roles".to_owned(), Value::Array(roles));
    }
    if projection.wants(&USERS, "groups") {
        let groups = store::named_groups(&mut context.store.read(user.tenant), user.id).await?;
        let url = &context.config.public_url;
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|group| {
                let address = location(url, &GROUPS, &group.id);
                json!({"value": group.id, "$ref": address, "display": group.name, "type": "direct"})
            })
            .collect();
        if !groups.is_empty() {
            entry.insert("groups".to_owned(), Value::Array(groups));
        }
    }
    Ok(projection.of(&USERS, complete(&context.config.public_url, &USERS, &meta, entry)))
}

async fn answer(
    context: &Context,
    user: &User,
    status: StatusCode,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    Ok(Answer {
        status,
        location: Some(location(&context.config.public_url, &USERS, &user.id.to_string())),
        version: Some(user.version),
        body: Some(shown(context, user, projection).await?),
    })
}

/// What is not an id names nobody.
fn id(text: &str) -> Result<UserId, Error> {
    text.parse().map_err(|_| Error::NoSuchUser)
}

/// One account.
pub(super) async fn view(
    context: &Context,
    asker: &Principal,
    text: &str,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    let user = store::user(&mut context.store.read(asker.tenant), id(text)?).await?.ok_or(Error::NoSuchUser)?;
    answer(context, &user, StatusCode::OK, projection).await
}

/// Makes an account. Nobody can sign in to it before its person has opened the link that is mailed to them, and has chosen a
/// password: a directory can't show whose an address is.
pub(super) async fn create(
    context: &Context,
    mut tx: Tx,
    asker: &Principal,
    body: Value,
    projection: &Projection,
) -> Result<Answer, ScimError> {
    let mut entry = read(body)?;
    entry.entry("active").or_insert(Value::Bool(true));
    let described = described(entry, true)?;
    let organisation = store::organisation(&mut tx).await?.ok_or(Error::NoSuchOrganisation)?;
    let now = context.clock.now();
    let new = User::new(
        UserId(context.ids.next()),
        asker.tenant,
        organisation.name,
        described.name.clone(),
        described.email.clone(),
        now,
    );
    let (user, _) = new.described(described, now)?;
    let user = User { version: 1, ..user };
    if store::user_name_taken(&mut tx, user.id, &user.user_name).await? {
        return Err(Error::UserNameTaken.into());
    }
    if !store::add_user(&mut tx, &user, &PasswordHash::none()).await? {
        return Err(ScimError::uniqueness("another account has this e-mail address"));
    }
    tx.publish(&UserCreated { user_id: user.id, roles: user.roles.clone() }).await?;
    if user.is_active() {
        invitations::invite_to_account(context, &mut tx, asker.user, &user.email).await?;
    }
    tx.commit().await?;
    context.wake(mailer::JOB);
    answer(context, &user, StatusCode::CREATED, projection).await
}

/// Changes an account to what `change` makes of what the directory may write of it.
pub(super) async fn change(
    context: &Context,
    mut tx: Tx,
    asker: &Principal,
    text: &str,
    expected: &Expected,
    projection: &Projection,
    change: impl FnOnce(Entry) -> Result<Entry, ScimError>,
) -> Result<Answer, ScimError> {
    let user = store::user(&mut tx, id(text)?).await?.ok_or(Error::NoSuchUser)?;
    expected.check(user.version)?;
    let before = entry(&user);
    let after = change(before.clone())?;
    let described = described(after, user.is_active())?;
    if user.entry.is_some() && described == self::described(before, user.is_active())? {
        return answer(context, &user, StatusCode::OK, projection).await;
    }
    user.may_be_administered_by(asker)?;
    if described.email != user.email && store::address_taken(context, user.id, &described.email).await? {
        return Err(ScimError::uniqueness("another account has this e-mail address"));
    }
    let (changed, owners) = user.described(described, context.clock.now())?;
    let order = keep(context, &mut tx, asker, &user, &changed, owners).await?;
    tx.commit().await?;
    context.wake(mailer::JOB);
    session_revocation::carry_out_at_once(context, order.as_slice()).await;
    answer(context, &changed, StatusCode::OK, projection).await
}

/// Stores a changed account, and says what follows from the change.
async fn keep(
    context: &Context,
    tx: &mut Tx,
    asker: &Principal,
    user: &User,
    changed: &User,
    owners: Owners,
) -> Result<Option<SessionRevocation>, ScimError> {
    if store::user_name_taken(tx, user.id, &changed.user_name).await? {
        return Err(Error::UserNameTaken.into());
    }
    if !store::update(tx, changed).await? {
        return Err(Error::Changed.into());
    }
    if !store::count_owners(tx, owners).await? {
        return Err(Error::LastOwner.into());
    }
    if changed.email != user.email {
        store::remove_invitation_of(tx, &user.email).await?;
    }
    let waits = changed.is_active() && changed.email_verified_at.is_none();
    if waits && (changed.email != user.email || !user.is_active()) {
        invitations::invite_to_account(context, tx, asker.user, &changed.email).await?;
    }
    match (user.is_active(), changed.is_active()) {
        (true, false) => {
            tx.publish(&UserDeactivated { user_id: user.id }).await?;
            Ok(Some(end_sessions(context, tx, asker, user.id, RevocationReason::AccountDeactivated).await?))
        }
        (false, true) => {
            tx.publish(&UserReactivated { user_id: user.id }).await?;
            Ok(None)
        }
        (true, true) | (false, false) => Ok(None),
    }
}

/// Erases an account: directories expect that it is gone.
pub(super) async fn delete(
    context: &Context,
    mut tx: Tx,
    asker: &Principal,
    text: &str,
    expected: &Expected,
) -> Result<Answer, ScimError> {
    let user = store::user(&mut tx, id(text)?).await?.ok_or(Error::NoSuchUser)?;
    expected.check(user.version)?;
    let order = erasure::forget(context, &mut tx, asker, &user).await?;
    tx.commit().await?;
    session_revocation::carry_out_at_once(context, &[order]).await;
    Ok(Answer::nothing())
}
