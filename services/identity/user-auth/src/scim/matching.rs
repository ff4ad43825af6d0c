//! Whether one value of an attribute is as a filter says: for changes, whose filters select among the values of one resource.

use serde_json::Value;

use super::filter::{Filter, Operator};
use super::schema::Steps;

impl Filter {
    /// Whether one value of an attribute is like this.
    pub(crate) fn matches(&self, value: &Value) -> bool {
        match self {
            Self::And(left, right) => left.matches(value) && right.matches(value),
            Self::Or(left, right) => left.matches(value) || right.matches(value),
            Self::Not(inner) => !inner.matches(value),
            Self::Present(steps) => found(steps, value).is_some(),
            Self::One(steps, inner) => found(steps, value).is_some_and(|found| inner.matches(found)),
            Self::Compare(steps, operator, wanted) => compare(steps, *operator, found(steps, value), wanted),
        }
    }
}

/// The value at the end of the way, where there is one. An attribute without parts is its own value.
fn found<'a>(steps: &Steps, value: &'a Value) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| value.get(step.name)).filter(|found| !found.is_null())
}

fn compare(steps: &Steps, operator: Operator, found: Option<&Value>, wanted: &Value) -> bool {
    let key = |text: &str| steps.last().map_or_else(|| text.to_owned(), |attribute| attribute.key(text));
    let (found, wanted) = match (found, wanted) {
        (None, Value::Null) => return operator == Operator::Eq,
        (None, _) | (Some(_), Value::Null) => return operator == Operator::Ne,
        (Some(Value::String(found)), Value::String(wanted)) => (key(found), key(wanted)),
        (Some(found), wanted) => (found.to_string(), wanted.to_string()),
    };
    match operator {
        Operator::Eq => found == wanted,
        Operator::Ne => found != wanted,
        Operator::Co => found.contains(&wanted),
        Operator::Sw => found.starts_with(&wanted),
        Operator::Ew => found.ends_with(&wanted),
        Operator::Gt => found > wanted,
        Operator::Ge => found >= wanted,
        Operator::Lt => found < wanted,
        Operator::Le => found <= wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::scim::filter::{Names, read};
    use crate::scim::schema::USERS;

    #[test]
    fn values_are_compared_by_their_attributes_rules() {
        let emails = Names::Parts(USERS.resolve("emails").unwrap()[0].parts());
        let value = json!({"value": "Ada@Example.com", "type": "work", "primary": true});
        for (text, matches) in [
            (r#"value eq "ada@example.COM""#, true),
            (r#"value sw "ADA" and value ew ".com" and value co "@ex""#, true),
            ("primary eq true", true),
            ("primary ne true", false),
            (r#"display eq "x""#, false),
            (r#"display ne "x""#, true),
            ("display eq null and not (display pr)", true),
            (r#"value gt "a" and value lt "b""#, true),
            (r#"type eq "home" or type eq "WORK""#, true),
        ] {
            assert_eq!(read(text, emails).unwrap().matches(&value), matches, "{text}");
        }
    }
}
