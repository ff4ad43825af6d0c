//! What a token says about its bearer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Role;
use crate::ids::{TenantId, UserId};

/// How somebody proved who they are (`amr`, RFC 8176 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum AuthenticationMethod {
    /// A password.
    #[serde(rename = "pwd")]
    Password,
    /// A one-time password.
    #[serde(rename = "otp")]
    OneTimePassword,
    /// A key in hardware.
    #[serde(rename = "hwk")]
    HardwareKey,
    /// More than one of the others.
    #[serde(rename = "mfa")]
    MultipleFactors,
    /// A link that was mailed; the registry has no value for it.
    #[serde(rename = "email")]
    Mail,
}

/// The key that a token is bound to (`cnf`, RFC 7800 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The thumbprint of the key that has to sign a proof with each use (RFC 9449 section 6.1).
    pub jkt: String,
}

/// What an access token says (RFC 7519 section 4.1, RFC 9068 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// [`super::ISSUER`], or the public address for a token of an application.
    pub iss: String,
    /// [`super::AUDIENCE`], or the one other server that the token is meant for.
    pub aud: String,
    /// The person.
    pub sub: UserId,
    /// The organisation.
    pub tid: TenantId,
    /// The session that the token belongs to; the token's own id where there is none.
    pub sid: Uuid,
    /// The person's roles.
    pub roles: Vec<Role>,
    /// Scopes, separated by spaces (RFC 6749 section 3.3).
    pub scope: String,
    /// When the token ends, in seconds since the epoch.
    pub exp: i64,
    /// When the token began, in seconds since the epoch.
    pub iat: i64,
    /// The token's own id.
    pub jti: Uuid,
    /// The application that the person lets act for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// When the person last proved who they are, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How they did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<AuthenticationMethod>,
    /// The key that the token is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// What kind of token was looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenUse {
    /// A signed access token.
    AccessToken,
    /// A refresh token: good for a refresh, and for nothing else.
    RefreshToken,
    /// A person's own long-lived token.
    PersonalToken,
    /// A program's long-lived token.
    ServiceToken,
}

/// What the publisher of tokens knows of one (RFC 7662 section 2.2). Of a token that is not good it says nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introspection {
    /// Whether the token is good now.
    pub active: bool,
    /// What kind of token it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_use: Option<TokenUse>,
    /// What it says.
    #[serde(flatten)]
    pub claims: Option<AccessClaims>,
}

impl Introspection {
    /// What is said of every token that is not good, whatever the reason.
    pub fn inactive() -> Self {
        Self::default()
    }

    /// A good token.
    pub fn active(token_use: TokenUse, claims: AccessClaims) -> Self {
        Self { active: true, token_use: Some(token_use), claims: Some(claims) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_token_that_is_not_good_is_that_and_nothing_else() {
        let text = serde_json::to_string(&Introspection::inactive()).unwrap();
        assert_eq!(text, r#"{"active":false}"#);
        assert_eq!(serde_json::from_str::<Introspection>(&text).unwrap(), Introspection::inactive());
    }

    #[test]
    fn what_is_said_of_a_good_token_comes_back_as_it_was_said() {
        let claims = AccessClaims {
            iss: "https://cloud.example".to_owned(),
            aud: "nexus".to_owned(),
            sub: UserId(Uuid::nil()),
            tid: TenantId(Uuid::nil()),
            sid: Uuid::nil(),
            roles: vec![Role::Editor],
            scope: "openid".to_owned(),
            exp: 2,
            iat: 1,
            jti: Uuid::nil(),
            client_id: Some("app".to_owned()),
            auth_time: Some(1),
            amr: vec![AuthenticationMethod::Password, AuthenticationMethod::OneTimePassword],
            cnf: Some(Confirmation { jkt: "thumb".to_owned() }),
        };
        let said = Introspection::active(TokenUse::AccessToken, claims);
        let json = serde_json::to_value(&said).unwrap();
        assert_eq!(
            (&json["amr"][0], &json["cnf"]["jkt"], &json["token_use"]),
            (&"pwd".into(), &"thumb".into(), &"access_token".into())
        );
        assert_eq!(serde_json::from_value::<Introspection>(json).unwrap(), said);
    }
}
