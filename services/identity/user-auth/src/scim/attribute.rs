//! What an attribute of a resource is like (RFC 7643 sections 2.2 and 2.3), and how its values are read.

use serde_json::{Map, Value, json};

use super::error::ScimError;

/// The most characters of a value, so that an index can hold it.
pub(crate) const MAX_CHARACTERS: usize = 512;
/// The most values of an attribute that has several.
const MAX_VALUES: usize = 100;
/// The most members that one request names.
const MAX_MEMBERS: usize = 10_000;

/// The type of an attribute's values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// A moment (RFC 7643 section 2.3.5).
    Moment,
    /// The address of something: of one of these resources, or `external`.
    Reference(&'static [&'static str]),
    /// Parts with names.
    Complex(&'static [Attribute]),
}

/// Who may write an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutability {
    /// Clients.
    ReadWrite,
    /// The service alone.
    ReadOnly,
    /// Clients, when they make it.
    Immutable,
}

/// When an attribute is in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returned {
    /// Always.
    Always,
    /// Unless the client says otherwise.
    Default,
}

/// An attribute.
#[expect(clippy::struct_excessive_bools, reason = "these are the characteristics that the standard gives attributes")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    /// Its name; for an extension, the extension's URN.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) kind: Kind,
    pub(crate) many: bool,
    pub(crate) required: bool,
    pub(crate) mutability: Mutability,
    pub(crate) returned: Returned,
    /// Whether it tells upper from lower case.
    pub(crate) case_exact: bool,
    /// Whether no two resources of an organisation have the same value.
    pub(crate) unique: bool,
    /// The values that clients are expected to use.
    pub(crate) canonical: &'static [&'static str],
}

impl Attribute {
    /// Text that clients may write.
    pub(crate) const fn text(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind: Kind::Text,
            many: false,
            required: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            case_exact: false,
            unique: false,
            canonical: &[],
        }
    }

    /// True or false.
    pub(crate) const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self { kind: Kind::Boolean, ..Self::text(name, description) }
    }

    /// The address of something.
    pub(crate) const fn reference(
        name: &'static str,
        targets: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self { kind: Kind::Reference(targets), case_exact: true, ..Self::text(name, description) }
    }

    /// Parts with names.
    pub(crate) const fn complex(name: &'static str, parts: &'static [Self], description: &'static str) -> Self {
        Self { kind: Kind::Complex(parts), ..Self::text(name, description) }
    }

    /// With several values.
    pub(crate) const fn many(self) -> Self {
        Self { many: true, ..self }
    }

    /// That every resource has.
    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// That the service alone writes.
    pub(crate) const fn read_only(self) -> Self {
        Self { mutability: Mutability::ReadOnly, ..self }
    }

    /// That stays as it was made.
    pub(crate) const fn immutable(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }

    /// That tells upper from lower case.
    pub(crate) const fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    /// That tells resources apart.
    pub(crate) const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    /// That is in every reply.
    pub(crate) const fn always(self) -> Self {
        Self { returned: Returned::Always, ..self }
    }

    /// With values that clients are expected to use.
    pub(crate) const fn canonical(self, values: &'static [&'static str]) -> Self {
        Self { canonical: values, ..self }
    }

    /// Its parts; none for a value without parts.
    pub(crate) const fn parts(&self) -> &'static [Self] {
        match self.kind {
            Kind::Complex(parts) => parts,
            Kind::Text | Kind::Boolean | Kind::Moment | Kind::Reference(_) => &[],
        }
    }

    /// A value as it is compared: in lower case, unless upper and lower case differ.
    pub(crate) fn key(&self, text: &str) -> String {
        if self.case_exact { text.to_owned() } else { text.to_lowercase() }
    }

    /// A client's value of this attribute, read; null when it has none.
    pub(crate) fn read(&self, value: Value) -> Result<Value, ScimError> {
        if !self.many {
            return self.read_one(value);
        }
        let values = match value {
            Value::Null => return Ok(Value::Null),
            Value::Array(values) => values,
            // Some clients send one value without the array around it.
            one => vec![one],
        };
        let most = if self.name == "members" { MAX_MEMBERS } else { MAX_VALUES };
        if values.len() > most {
            return Err(ScimError::invalid_value(format!("{} has at most {most} values", self.name)));
        }
        let values = values.into_iter().map(|value| self.read_one(value)).collect::<Result<Vec<_>, _>>()?;
        let values: Vec<_> = values.into_iter().filter(|value| !value.is_null()).collect();
        self.check_primary(&values)?;
        Ok(if values.is_empty() { Value::Null } else { Value::Array(values) })
    }

    /// The primary value appears no more than once (RFC 7643 section 2.4).
    fn check_primary(&self, values: &[Value]) -> Result<(), ScimError> {
        if values.iter().filter(|value| value["primary"] == true).count() > 1 {
            return Err(ScimError::invalid_value(format!("only one of {} can be primary", self.name)));
        }
        Ok(())
    }

    /// One value of this attribute.
    pub(crate) fn read_one(&self, value: Value) -> Result<Value, ScimError> {
        let wrong = |what: &str| ScimError::invalid_value(format!("{} must be {what}", self.name));
        match (self.kind, value) {
            (_, Value::Null) => Ok(Value::Null),
            (Kind::Text | Kind::Moment | Kind::Reference(_), Value::String(text)) => self.read_text(text),
            (Kind::Text | Kind::Moment | Kind::Reference(_), _) => Err(wrong("a string")),
            (Kind::Boolean, Value::Bool(value)) => Ok(Value::Bool(value)),
            // Entra ID sends "True" and "False".
            (Kind::Boolean, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(wrong("true or false")),
            },
            (Kind::Boolean, _) => Err(wrong("true or false")),
            (Kind::Complex(parts), Value::Object(value)) => {
                let read = read_all(parts, value)?;
                Ok(if read.is_empty() { Value::Null } else { Value::Object(read) })
            }
            // A value alone stands for its part of that name, as in `"manager": "26118915"`.
            (Kind::Complex(parts), value @ Value::String(_)) if parts.iter().any(|part| part.name == "value") => {
                self.read_one(json!({"value": value}))
            }
            (Kind::Complex(_), _) => Err(wrong("an object")),
        }
    }

    fn read_text(&self, text: String) -> Result<Value, ScimError> {
        if text.chars().count() > MAX_CHARACTERS {
            return Err(ScimError::invalid_value(format!("{} has at most {MAX_CHARACTERS} characters", self.name)));
        }
        if text.chars().any(|character| character == '\0') {
            return Err(ScimError::invalid_value(format!("{} must not have control characters", self.name)));
        }
        Ok(Value::String(text))
    }
}

/// The attribute of that name; names are the same in upper and lower case (RFC 7643 section 2.1).
pub(crate) fn named(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// What clients may write of these attributes, each under its proper name and with a value. What the service alone writes and
/// what it does not know is left out (RFC 7644 section 3.3).
pub(crate) fn read_all(
    attributes: &'static [Attribute],
    values: Map<String, Value>,
) -> Result<Map<String, Value>, ScimError> {
    let mut read = Map::new();
    for (name, value) in values {
        let Some(attribute) = named(attributes, &name) else { continue };
        if attribute.mutability == Mutability::ReadOnly {
            continue;
        }
        let value = attribute.read(value)?;
        if !value.is_null() {
            read.insert(attribute.name.to_owned(), value);
        }
    }
    for attribute in attributes.iter().filter(|attribute| attribute.required) {
        if !read.contains_key(attribute.name) && !read.is_empty() {
            return Err(ScimError::invalid_value(format!("{} is missing", attribute.name)));
        }
    }
    Ok(read)
}
