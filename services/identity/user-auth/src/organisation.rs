//! An organisation, as its people see and change it.

use std::fmt;

use garde::Validate;
use nexus_kernel::extract::IfMatch;
use nexus_kernel::{Context, Principal, Problem, Resource, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::with_current_roles;
use crate::error::Error;
use crate::name::Name;
use crate::store;

/// The most characters of a short name: as many as one label of a host name has (RFC 1035 section 2.3.4).
const MAX_SLUG: usize = 63;

/// An organisation's short name, for addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 2, max_length = 63, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", example = "analytical-engines")]
pub(crate) struct Slug(String);

impl Slug {
    /// One that was valid when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Validate for Slug {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> garde::Path, report: &mut garde::Report) {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !(2..=MAX_SLUG).contains(&self.0.len()) {
            report.append(parent(), garde::Error::new(format!("must have 2 to {MAX_SLUG} characters")));
        } else if !self.0.split('-').all(word) {
            report
                .append(parent(), garde::Error::new("must be words of a to z and 0 to 9, with one hyphen between two"));
        }
    }
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Organisation {
    /// The organisation's id.
    #[serde(rename = "id")]
    pub(crate) tenant: TenantId,
    /// Its name.
    #[schema(example = "Analytical Engines Ltd")]
    pub(crate) name: Name,
    /// Its short name; absent until somebody chooses it.
    pub(crate) slug: Option<Slug>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// Grows by one with every change; also the `ETag`.
    #[schema(minimum = 1, example = 1)]
    pub(crate) version: i64,
}

/// Changes an organisation.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganisationChanges {
    /// The new name; as it is when absent.
    #[garde(dive)]
    #[serde(default)]
    #[schema(example = "Analytical Engines Ltd")]
    pub(crate) name: Option<Name>,
    /// The new short name; as it is when absent.
    #[garde(dive)]
    #[serde(default)]
    pub(crate) slug: Option<Slug>,
}

/// The asker's organisation.
pub(crate) async fn view(context: &Context, principal: &Principal) -> Result<Organisation, Problem> {
    let resource = Resource::new("Organisation", principal.tenant).tenant(principal.tenant);
    context.authorize(principal, "view-organisation", &resource)?;
    let found = store::organisation(&mut context.store.read(principal.tenant)).await?;
    Ok(found.ok_or(Error::NoSuchOrganisation)?)
}

/// Changes the asker's organisation.
pub(crate) async fn change(
    context: &Context,
    principal: Principal,
    version: IfMatch,
    changes: OrganisationChanges,
) -> Result<Organisation, Problem> {
    let tenant = principal.tenant;
    if let Some(slug) = &changes.slug
        && store::slug_taken(context, tenant, slug).await?
    {
        return Err(Error::SlugTaken.into());
    }
    let mut tx = context.store.begin(tenant).await?;
    let asker = with_current_roles(&mut tx, principal).await?;
    context.authorize(&asker, "change-organisation", &Resource::new("Organisation", tenant).tenant(tenant))?;
    let before = store::organisation(&mut tx).await?.ok_or(Error::NoSuchOrganisation)?;
    version.check(before.version)?;
    let next = Organisation {
        name: changes.name.unwrap_or(before.name),
        slug: changes.slug.or(before.slug),
        version: before.version + 1,
        ..before
    };
    if !store::update_organisation(&mut tx, &next).await? {
        return Err(Error::Changed.into());
    }
    tx.commit().await?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_good_in_an_address() {
        for text in ["ab", "engines", "analytical-engines-2", &"a".repeat(63)] {
            assert!(Slug::stored(text.to_owned()).validate().is_ok(), "{text}");
        }
        for text in ["", "a", "Engines", "-engines", "engines-", "a--b", "a b", "ä-b", "a.b", &"a".repeat(64)] {
            assert!(Slug::stored(text.to_owned()).validate().is_err(), "{text}");
        }
    }
}
