//! Bodies as Vault's clients send them: JSON under any media type or none, and numbers and truth values also as text, as its
//! command line writes them.

use std::fmt;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::reply::Refusal;
use crate::error::Error;

/// A JSON body; an empty one is an empty object.
#[derive(Debug, Clone)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            let said =
                if status == StatusCode::PAYLOAD_TOO_LARGE { "the body is too large" } else { "the body broke off" };
            Refusal::new(status, said)
        })?;
        let text = if bytes.is_empty() { b"{}" } else { bytes.as_ref() };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Refusal::bad_request(format!("failed to parse JSON input: {error}")))
    }
}

/// A truth value, also as text.
pub(super) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Truth {
        Plain(bool),
        Text(String),
    }
    match Option::<Truth>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Truth::Plain(value)) => Ok(Some(value)),
        Some(Truth::Text(text)) => match text.as_str() {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" | "" => Ok(Some(false)),
            _ => Err(D::Error::custom("expected true or false")),
        },
    }
}

/// A number that is not negative, also as text.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    deserializer.deserialize_any(Number)
}

struct Number;

impl<'de> Visitor<'de> for Number {
    type Value = Option<u32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that is not negative")
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        value.try_into().map(Some).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        value.try_into().map(Some).map_err(|_| E::custom("the number is out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.trim().parse().map(Some).map_err(|_| E::custom("expected a whole number that is not negative"))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Numbers, also as text.
pub(super) fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Numbers {
        Many(Vec<One>),
        Text(String),
        One(u32),
    }
    #[derive(Deserialize)]
    struct One(#[serde(deserialize_with = "number")] Option<u32>);
    match Numbers::deserialize(deserializer)? {
        Numbers::Many(many) => Ok(many.into_iter().filter_map(|one| one.0).collect()),
        Numbers::One(one) => Ok(vec![one]),
        Numbers::Text(text) => {
            let parts = text.split(',').map(|part| part.trim().parse());
            parts
                .collect::<Result<_, _>>()
                .map_err(|_| D::Error::custom("expected whole numbers with commas between them"))
        }
    }
}

/// How long: seconds as a number or as text, or `1h30m10s`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Long {
        Seconds(u64),
        Text(String),
    }
    let duration = match Option::<Long>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Long::Seconds(seconds)) => parse_duration(&seconds.to_string()),
        Some(Long::Text(text)) => parse_duration(&text),
    };
    duration.map(Some).ok_or_else(|| D::Error::custom("expected a duration of at most 100 years, as 90s or 1h30m"))
}

fn parse_duration(text: &str) -> Option<Duration> {
    const MOST: u64 = 100 * 366 * 86_400;
    if let Ok(seconds) = text.parse::<u64>() {
        return (seconds <= MOST).then(|| Duration::from_secs(seconds));
    }
    let mut seconds: u64 = 0;
    let mut digits = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        seconds = seconds.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    (digits.is_empty() && seconds <= MOST).then(|| Duration::from_secs(seconds))
}

/// How long, as Vault's clients read it.
pub(super) fn write_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Bytes of a field in base64.
pub(super) fn base64(field: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    STANDARD.decode(text).map(Zeroizing::new).map_err(|_| Error::invalid(format!("failed to base64-decode {field}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_duration_is_read_as_it_was_written(seconds in 0_u64..3_000_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&write_duration(duration)), Some(duration));
        }

        #[test]
        fn any_text_is_a_duration_or_none(text in "[0-9smhdx. -]{0,30}") {
            let _ = parse_duration(&text);
        }
    }

    #[test]
    fn numbers_and_truth_are_read_as_the_command_line_writes_them() {
        #[derive(Deserialize)]
        struct Both {
            #[serde(default, deserialize_with = "number")]
            number: Option<u32>,
            #[serde(default, deserialize_with = "truth")]
            truth: Option<bool>,
            #[serde(default, deserialize_with = "numbers")]
            numbers: Vec<u32>,
        }
        let read = |text: &str| serde_json::from_str::<Both>(text);
        let both = read(r#"{"number": "7", "truth": "true", "numbers": "1, 2"}"#).unwrap();
        assert_eq!((both.number, both.truth, both.numbers), (Some(7), Some(true), vec![1, 2]));
        let both = read(r#"{"number": 7, "truth": false, "numbers": [1, "2"]}"#).unwrap();
        assert_eq!((both.number, both.truth, both.numbers), (Some(7), Some(false), vec![1, 2]));
        let both = read(r#"{"number": null}"#).unwrap();
        assert_eq!((both.number, both.truth, both.numbers), (None, None, vec![]));
        for text in [r#"{"number": -1}"#, r#"{"number": 5000000000}"#, r#"{"truth": "maybe"}"#, r#"{"numbers": "1,x"}"#]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
