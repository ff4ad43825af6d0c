//! Filters (RFC 7644 section 3.4.2.2): what they mean, and how they are read. Names are looked up while a filter is read, so
//! that what comes out speaks of attributes that exist.

use serde_json::Value;

use super::attribute::{Attribute, Kind};
use super::error::ScimError;
use super::schema::{ResourceType, Steps, attribute_of};

/// The longest filter, in bytes.
const MAX_BYTES: usize = 4_096;
/// The most comparisons in a filter.
const MAX_TERMS: usize = 50;
/// How deep parentheses go.
const MAX_DEPTH: usize = 20;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Is the same.
    Eq,
    /// Is not the same.
    Ne,
    /// Contains it.
    Co,
    /// Starts with it.
    Sw,
    /// Ends with it.
    Ew,
    /// Is greater, or later.
    Gt,
    /// Is at least as great.
    Ge,
    /// Is less, or earlier.
    Lt,
    /// Is at most as great.
    Le,
}

impl Operator {
    const ALL: [(&'static str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, operator)| operator)
    }

    /// Whether it is one of order.
    pub(crate) fn is_order(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }
}

/// A condition.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    /// Both.
    And(Box<Self>, Box<Self>),
    /// At least one.
    Or(Box<Self>, Box<Self>),
    /// Not.
    Not(Box<Self>),
    /// A value compares like this. `null` means that there is none.
    Compare(Steps, Operator, Value),
    /// There is a value.
    Present(Steps),
    /// One of the values of an attribute that has several is like this.
    One(Steps, Box<Self>),
}

/// Where names are looked up: among a resource's attributes, or among the parts of one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Names {
    /// Those of a resource.
    Resource(&'static ResourceType),
    /// Those inside of the brackets.
    Parts(&'static [Attribute]),
}

impl Names {
    fn resolve(self, name: &str) -> Option<Steps> {
        match self {
            Self::Resource(resource) => resource.resolve(name),
            Self::Parts(parts) => attribute_of(parts, name),
        }
    }
}

/// Reads a filter about these names.
pub(crate) fn read(text: &str, names: Names) -> Result<Filter, ScimError> {
    if text.len() > MAX_BYTES {
        return Err(ScimError::invalid_filter(format!("a filter has at most {MAX_BYTES} bytes")));
    }
    let mut reader = Reader { rest: text, terms: 0 };
    let filter = reader.either(names, 0)?;
    match reader.rest.trim_start() {
        "" => Ok(filter),
        rest => Err(ScimError::invalid_filter(format!("nothing can follow here: {rest}"))),
    }
}

struct Reader<'a> {
    rest: &'a str,
    terms: usize,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// Takes this character, if it is next.
    fn take(&mut self, character: char) -> bool {
        self.space();
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn must_take(&mut self, character: char) -> Result<(), ScimError> {
        if self.take(character) { Ok(()) } else { Err(ScimError::invalid_filter(format!("`{character}` is missing"))) }
    }

    /// The word that is next, without taking it.
    fn word(&mut self) -> &'a str {
        self.space();
        let end = self.rest.find([' ', '(', ')', '[', ']', '"']).unwrap_or(self.rest.len());
        &self.rest[..end]
    }

    /// Takes this word, if it is next.
    fn take_word(&mut self, word: &str) -> bool {
        let next = self.word();
        let same = next.eq_ignore_ascii_case(word);
        if same {
            self.rest = &self.rest[next.len()..];
        }
        same
    }

    fn either(&mut self, names: Names, depth: usize) -> Result<Filter, ScimError> {
        let mut left = self.both(names, depth)?;
        while self.take_word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both(names, depth)?));
        }
        Ok(left)
    }

    fn both(&mut self, names: Names, depth: usize) -> Result<Filter, ScimError> {
        let mut left = self.term(names, depth)?;
        while self.take_word("and") {
            left = Filter::And(Box::new(left), Box::new(self.term(names, depth)?));
        }
        Ok(left)
    }

    fn term(&mut self, names: Names, depth: usize) -> Result<Filter, ScimError> {
        self.terms += 1;
        if depth > MAX_DEPTH || self.terms > MAX_TERMS {
            let detail = format!("a filter has at most {MAX_TERMS} conditions, {MAX_DEPTH} deep");
            return Err(ScimError::invalid_filter(detail));
        }
        if self.take('(') {
            let inner = self.either(names, depth + 1)?;
            return self.must_take(')').map(|()| inner);
        }
        let name = self.word();
        self.rest = &self.rest[name.len()..];
        if name.eq_ignore_ascii_case("not") && self.take('(') {
            let inner = self.either(names, depth + 1)?;
            return self.must_take(')').map(|()| Filter::Not(Box::new(inner)));
        }
        let steps = names
            .resolve(name)
            .ok_or_else(|| ScimError::invalid_filter(format!("there is no attribute `{}`", shown(name))))?;
        if self.rest.starts_with('[') {
            return self.one(steps, depth);
        }
        self.condition(steps)
    }

    fn one(&mut self, steps: Steps, depth: usize) -> Result<Filter, ScimError> {
        let parts = steps.last().map_or(&[][..], |last| last.parts());
        if parts.is_empty() {
            return Err(ScimError::invalid_filter("only an attribute with parts can be followed by `[`"));
        }
        self.must_take('[')?;
        let inner = self.either(Names::Parts(parts), depth + 1)?;
        self.must_take(']')?;
        Ok(Filter::One(steps, Box::new(inner)))
    }

    fn condition(&mut self, steps: Steps) -> Result<Filter, ScimError> {
        if self.take_word("pr") {
            return Ok(Filter::Present(steps));
        }
        let word = self.word();
        let operator = Operator::read(word)
            .ok_or_else(|| ScimError::invalid_filter(format!("`{}` is no way to compare", shown(word))))?;
        self.rest = &self.rest[word.len()..];
        let value = self.value()?;
        let steps = to_value(steps)?;
        check(&steps, operator, &value)?;
        Ok(Filter::Compare(steps, operator, value))
    }

    /// A value as JSON writes it (RFC 8259).
    fn value(&mut self) -> Result<Value, ScimError> {
        self.space();
        let (value, length) = if self.rest.starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
            (values.next().and_then(Result::ok), values.byte_offset())
        } else {
            let word = self.word();
            (serde_json::from_str(word).ok(), word.len())
        };
        self.rest = &self.rest[length..];
        value.ok_or_else(|| ScimError::invalid_filter("a comparison ends with a value, as JSON writes it"))
    }
}

/// As much of a text as an answer repeats.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// An attribute with parts compares by the part `value`, as in `emails co "example.com"` (RFC 7644 section 3.4.2.2).
fn to_value(mut steps: Steps) -> Result<Steps, ScimError> {
    if let Some(last) = steps.last().filter(|last| !last.parts().is_empty()) {
        let value = last.parts().iter().find(|part| part.name == "value");
        let value = value.ok_or_else(|| ScimError::invalid_filter(format!("{} has no value of its own", last.name)))?;
        steps.push(value);
    }
    Ok(steps)
}

/// Values compare with values of their own type, and true and false have no order (RFC 7644 section 3.4.2.2).
fn check(steps: &Steps, operator: Operator, value: &Value) -> Result<(), ScimError> {
    let Some(attribute) = steps.last() else { return Ok(()) };
    let fits = match (attribute.kind, value) {
        (_, Value::Null) => matches!(operator, Operator::Eq | Operator::Ne),
        (Kind::Boolean, Value::Bool(_)) => matches!(operator, Operator::Eq | Operator::Ne),
        (Kind::Boolean, _) => false,
        (Kind::Moment, Value::String(text)) => {
            moment(text).is_some() && (operator.is_order() || matches!(operator, Operator::Eq | Operator::Ne))
        }
        (_, Value::String(_)) => true,
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(ScimError::invalid_filter(format!("{} can't be compared like this", attribute.name)))
    }
}

/// A moment as a filter writes it.
pub(crate) fn moment(text: &str) -> Option<nexus_kernel::Timestamp> {
    serde_json::from_value(Value::from(text)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scim::schema::USERS;

    fn users(text: &str) -> Result<Filter, ScimError> {
        read(text, Names::Resource(&USERS))
    }

    /// The filter with parentheses around everything, so that what binds to what can be seen.
    fn spelled(filter: &Filter) -> String {
        let name = |steps: &Steps| steps.iter().map(|step| step.name).collect::<Vec<_>>().join(".");
        match filter {
            Filter::And(left, right) => format!("({} and {})", spelled(left), spelled(right)),
            Filter::Or(left, right) => format!("({} or {})", spelled(left), spelled(right)),
            Filter::Not(inner) => format!("not({})", spelled(inner)),
            Filter::Present(steps) => format!("{} pr", name(steps)),
            Filter::One(steps, inner) => format!("{}[{}]", name(steps), spelled(inner)),
            Filter::Compare(steps, operator, value) => {
                format!("{} {} {value}", name(steps), format!("{operator:?}").to_lowercase())
            }
        }
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        // RFC 7644 section 3.4.2.2, figure 2, without the schema's attribute that is none here.
        for (text, meaning) in [
            (r#"userName eq "bjensen""#, r#"userName eq "bjensen""#),
            (r#"name.familyName co "O'Malley""#, r#"name.familyName co "O'Malley""#),
            (r#"userName sw "J""#, r#"userName sw "J""#),
            (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#, r#"userName sw "J""#),
            ("title pr", "title pr"),
            (r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, r#"meta.lastModified gt "2011-05-13T04:42:34Z""#),
            (r#"title pr and userType eq "Employee""#, r#"(title pr and userType eq "Employee")"#),
            (r#"title pr or userType eq "Intern""#, r#"(title pr or userType eq "Intern")"#),
            (
                r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
                r#"(userType eq "Employee" and (emails.value co "example.com" or emails.value co "example.org"))"#,
            ),
            (
                r#"userType ne "Employee" and not (emails co "example.com")"#,
                r#"(userType ne "Employee" and not(emails.value co "example.com"))"#,
            ),
            (r#"emails[type eq "work" and value co "@x"]"#, r#"emails[(type eq "work" and value co "@x")]"#),
            (
                r#"emails[type eq "work"] or phoneNumbers[type eq "fax"]"#,
                r#"(emails[type eq "work"] or phoneNumbers[type eq "fax"])"#,
            ),
            ("title pr or title pr AND NOT(title pr)", "(title pr or (title pr and not(title pr)))"),
            ("active eq true", "active eq true"),
            ("title eq null", "title eq null"),
        ] {
            assert_eq!(spelled(&users(text).unwrap()), meaning, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "userName",
            "userName eq",
            "userName eq bjensen",
            r#"userName is "x""#,
            r#"nobody eq "x""#,
            r#"(userName eq "x""#,
            r#"userName eq "x")"#,
            r#"userName eq "x" and"#,
            r#"userName eq "x" userName eq "y""#,
            r#"emails[type eq "work""#,
            r#"userName[value eq "x"]"#,
            "not userName pr",
            "active gt true",
            "active eq \"true\"",
            "userName eq 1",
            "userName eq [1]",
            "title gt null",
            r#"meta.created eq "yesterday""#,
            r#"meta.created co "2011""#,
            r#"name eq "x""#,
        ] {
            assert!(users(text).is_err(), "{text}");
        }
        assert!(users(&"(".repeat(2_000)).is_err());
        assert!(users(&vec!["title pr"; 51].join(" and ")).is_err());
    }

    fn filters() -> impl Strategy<Value = String> {
        let term = prop_oneof![
            Just("title pr".to_owned()),
            "[ -~]{0,12}".prop_map(|text| format!("userName co {}", Value::from(text))),
            Just("active ne false".to_owned()),
            Just(r#"emails[type eq "work" and not (value sw "x")]"#.to_owned()),
        ];
        term.prop_recursive(4, 16, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} and {right})")),
                (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} or {right})")),
                inner.prop_map(|inner| format!("not ({inner})")),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~é]{0,60}") {
            let _ = users(&text);
        }

        #[test]
        fn text_that_looks_like_a_filter_is_read_or_refused(
            words in prop::collection::vec(
                prop::sample::select(vec!["userName", "eq", "(", ")", "not", "and", "or", "\"x\"", "[", "]", "emails", "pr", "null"]),
                0..12,
            )
        ) {
            let _ = users(&words.join(" "));
        }

        /// Whatever is read says the same when it is written with all parentheses and read again.
        #[test]
        fn a_filter_means_what_its_parentheses_say(text in filters()) {
            let once = spelled(&users(&text).unwrap());
            let again = spelled(&users(&once.replace("not(", "not (")).unwrap());
            prop_assert_eq!(once, again);
        }
    }
}
