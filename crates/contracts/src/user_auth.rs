//! What others say to user-auth, and what it announces: accounts, their e-mail addresses and roles.

use std::fmt;

use nexus_kernel::auth::Role;
use nexus_kernel::config::Secret;
use nexus_kernel::events::Event;
use nexus_kernel::id_type;
use nexus_kernel::mesh::{Mesh, MeshError};
use nexus_kernel::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The service's name.
pub const SERVICE: &str = "user-auth";

id_type!(
    /// A group's id.
    GroupId
);

/// The most characters that an e-mail address has (RFC 5321 section 4.5.3.1.3, without the angle brackets).
pub const MAX_EMAIL_CHARACTERS: usize = 254;

/// An e-mail address as accounts know it: without space around it and in lower case, however it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.com")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The address that this text means. Whether it is one, [`garde::Validate`] says.
    pub fn normalised(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::normalised(&text))
    }
}

impl garde::Validate for EmailAddress {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> garde::Path, report: &mut garde::Report) {
        if self.0.chars().count() > MAX_EMAIL_CHARACTERS {
            report.append(parent(), garde::Error::new(format!("must have at most {MAX_EMAIL_CHARACTERS} characters")));
        } else if let Err(error) = garde::rules::email::apply(&self.0, ()) {
            report.append(parent(), error);
        }
    }
}

/// Asks whether a password is an account's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCredentials {
    /// The address that somebody typed.
    pub email: EmailAddress,
    /// The password that somebody typed.
    pub password: Secret,
}

/// An account and its organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRef {
    /// The person.
    pub user: UserId,
    /// The organisation.
    pub tenant: TenantId,
}

/// Whether a password is an account's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum CredentialCheck {
    /// It is, and the person may sign in.
    Valid {
        /// The account.
        account: AccountRef,
        /// The person's roles.
        roles: Vec<Role>,
        /// The moment before the account was looked at.
        checked_at: Timestamp,
    },
    /// It is, but the address was never verified.
    Unverified {
        /// The account.
        account: AccountRef,
    },
    /// It is not, or there is no such account. The client must not learn which.
    Invalid {
        /// The account that somebody tried to enter, if there is one: for the audit only.
        account: Option<AccountRef>,
    },
}

/// A person as other services may know them: what ID tokens and userinfo say (`OpenID` Connect Core 1.0 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The person.
    pub user: UserId,
    /// The organisation.
    pub tenant: TenantId,
    /// The person's name.
    pub name: String,
    /// The address that the person signs in with.
    pub email: EmailAddress,
    /// Whether the person has shown that the address is theirs.
    pub email_verified: bool,
    /// What the person may do: the roles of their own and those of their groups, from most to least.
    pub roles: Vec<Role>,
    /// The names of the groups that the person is in, sorted.
    pub groups: Vec<String>,
    /// Whether the account may be used; nobody signs in to one that is not.
    pub active: bool,
    /// When any of this last changed.
    pub updated_at: Timestamp,
}

/// Asks whose account an address is, for somebody who has shown that the address is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindAccount {
    /// The address.
    pub email: EmailAddress,
}

/// Asks to mail a link that signs in, if the address has an account that may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendSignInLink {
    /// Where to.
    pub email: EmailAddress,
    /// What the link carries.
    pub token: Secret,
    /// For how many minutes it is good.
    pub minutes: u64,
}

/// What a person has to know about their account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Notice {
    /// Somebody signed in from where nobody did before.
    NewDevice {
        /// As "Firefox on Linux".
        device: String,
        /// The network address; empty when it is not known.
        address: String,
        /// When.
        at: Timestamp,
    },
    /// An authenticator app is asked for at sign-in from now on.
    AuthenticatorAdded,
    /// No authenticator app is asked for any more.
    AuthenticatorRemoved,
    /// A recovery code was used.
    RecoveryCodeUsed {
        /// How many are left.
        left: u32,
    },
}

/// Asks to tell somebody something by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendNotice {
    /// The mail's id: asked for twice, it is one mail.
    pub id: uuid::Uuid,
    /// The organisation.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
    /// What there is to say.
    pub notice: Notice,
}

/// The way to the first account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupLink {
    /// Whether there is no owner yet.
    pub needed: bool,
    /// What `POST /api/users/setup` takes; new at each start, and absent when set-up is done.
    pub token: Option<Secret>,
}

/// An account was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {
    /// The person.
    pub user_id: UserId,
    /// The person's roles.
    pub roles: Vec<Role>,
}

impl Event for UserCreated {
    const TYPE: &'static str = "user-auth.user.created.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// A person has shown that the e-mail address is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserVerified {
    /// The person.
    pub user_id: UserId,
}

impl Event for UserVerified {
    const TYPE: &'static str = "user-auth.user.verified.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// What a person may do has changed: the roles of their own, or those of their groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRolesChanged {
    /// The person.
    pub user_id: UserId,
    /// All roles from now on, those of groups included.
    pub roles: Vec<Role>,
}

impl Event for UserRolesChanged {
    const TYPE: &'static str = "user-auth.user.roles-changed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// A person's account may not be used any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDeactivated {
    /// The person.
    pub user_id: UserId,
}

impl Event for UserDeactivated {
    const TYPE: &'static str = "user-auth.user.deactivated.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// A person's account that was deactivated may be used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserReactivated {
    /// The person.
    pub user_id: UserId,
}

impl Event for UserReactivated {
    const TYPE: &'static str = "user-auth.user.reactivated.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// A person's account is gone for good. Whoever knows more of the person than this id forgets it, or keeps it without a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserErased {
    /// Who it was.
    pub user_id: UserId,
}

impl Event for UserErased {
    const TYPE: &'static str = "user-auth.user.erased.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// A group was made, or its name, roles or members are others now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupChanged {
    /// The group.
    pub group_id: GroupId,
    /// What its members may do because of it.
    pub roles: Vec<Role>,
}

impl Event for GroupChanged {
    const TYPE: &'static str = "user-auth.group.changed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.group_id.to_string()
    }
}

/// A group is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDeleted {
    /// The group.
    pub group_id: GroupId,
}

impl Event for GroupDeleted {
    const TYPE: &'static str = "user-auth.group.deleted.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.group_id.to_string()
    }
}

/// Calls user-auth.
#[derive(Debug, Clone)]
pub struct UserAuth<'a> {
    mesh: &'a Mesh,
}

impl<'a> UserAuth<'a> {
    /// A client that calls over this mesh.
    pub fn new(mesh: &'a Mesh) -> Self {
        Self { mesh }
    }

    /// Whether a password is an account's. Takes as long for an address that nobody has.
    pub async fn check_credentials(&self, request: &CheckCredentials) -> Result<CredentialCheck, MeshError> {
        self.mesh.to(SERVICE).post("/internal/credentials/verify").json(request).send().await?.json().await
    }

    /// A person; [`MeshError::Refused`] with 404 when the organisation has no such account.
    pub async fn person(&self, user: UserId, tenant: TenantId) -> Result<Person, MeshError> {
        self.mesh.to(SERVICE).get(&format!("/internal/people/{tenant}/{user}")).send().await?.json().await
    }

    /// Whose account an address is, as if its password had been right.
    pub async fn find_account(&self, request: &FindAccount) -> Result<CredentialCheck, MeshError> {
        self.mesh.to(SERVICE).post("/internal/accounts/find").json(request).idempotent().send().await?.json().await
    }

    /// Mails a link that signs in, if the address has an account that may; nobody learns whether it has.
    pub async fn send_sign_in_link(&self, request: &SendSignInLink) -> Result<(), MeshError> {
        self.mesh.to(SERVICE).post("/internal/mails/sign-in-link").json(request).send().await.map(drop)
    }

    /// Tells somebody something by mail. Asked for twice, it is one mail.
    pub async fn send_notice(&self, request: &SendNotice) -> Result<(), MeshError> {
        self.mesh.to(SERVICE).post("/internal/mails/notice").json(request).idempotent().send().await.map(drop)
    }

    /// The set-up token, for the program that prints the link.
    pub async fn setup_link(&self) -> Result<SetupLink, MeshError> {
        self.mesh.to(SERVICE).get("/internal/setup-link").send().await?.json().await
    }
}

#[cfg(test)]
mod tests {
    use garde::Validate;

    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_typed() {
        let typed: EmailAddress = serde_json::from_str("\"  Ada@Example.COM \"").unwrap();
        assert_eq!(typed.as_str(), "ada@example.com");
        assert!(typed.validate().is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "ada", "@example.com", "ada@", "a@b c.de", "ada@example.com\r\nBcc: eve@example.com"] {
            assert!(EmailAddress::normalised(text).validate().is_err(), "{text}");
        }
        assert!(EmailAddress::normalised(&format!("{}@example.com", "a".repeat(300))).validate().is_err());
    }
}
