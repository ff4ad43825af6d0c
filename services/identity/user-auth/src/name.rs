//! The name of a person or an organisation: what others read, so that nothing in it may mislead them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The most characters of a name.
const MAX_CHARACTERS: usize = 100;

/// A name, without space around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100, example = "Ada Lovelace")]
pub(crate) struct Name(String);

impl Name {
    /// A name that was valid when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.trim().to_owned()))
    }
}

impl garde::Validate for Name {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> garde::Path, report: &mut garde::Report) {
        if !(1..=MAX_CHARACTERS).contains(&self.0.chars().count()) {
            report.append(parent(), garde::Error::new(format!("must have 1 to {MAX_CHARACTERS} characters")));
        } else if self.0.chars().any(|character| character.is_control() || changes_direction(character)) {
            report.append(parent(), garde::Error::new("must not have control characters"));
        }
    }
}

/// Characters that make what follows read as something else (Unicode Standard Annex #9, explicit formatting).
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use garde::Validate;

    use super::*;

    fn read(text: &str) -> Name {
        serde_json::from_value(serde_json::Value::from(text)).unwrap()
    }

    #[test]
    fn a_name_is_trimmed_and_may_be_in_any_script() {
        for text in ["Ada", "  Ada Lovelace ", "李小龍", "Zoë O'Neill-Śmith", "מרים"] {
            assert!(read(text).validate().is_ok(), "{text}");
        }
        assert_eq!(read("  Ada ").as_str(), "Ada");
    }

    #[test]
    fn what_misleads_readers_is_no_name() {
        for text in ["", "   ", "Ada\nLovelace", "\u{0}", "ada\u{202E}nimda", &"a".repeat(101)] {
            assert!(read(text).validate().is_err(), "{text:?}");
        }
    }
}
