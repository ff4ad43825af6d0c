//! Changes of a resource (RFC 7644 section 3.5.2), as a function from what clients may write of it to the same after the changes.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::attribute::{Attribute, Mutability, read_all};
use super::error::ScimError;
use super::filter::{self, Filter, Names, Operator};
use super::schema::{ResourceType, Steps};

/// The most changes in one request.
const MAX_OPERATIONS: usize = 1_000;
/// The schema of the request.
const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The request.
#[derive(Debug, Deserialize)]
pub(crate) struct PatchRequest {
    #[serde(default)]
    schemas: Vec<String>,
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Operation>,
}

/// One change.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Operation {
    op: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

/// What a path leads to: an attribute; with a filter, some of its values; and the part of those that is meant.
struct Target {
    steps: Steps,
    filter: Option<Filter>,
    part: Option<&'static Attribute>,
}

/// What clients may write of a resource after these changes.
pub(crate) fn apply(
    resource: &'static ResourceType,
    mut document: Map<String, Value>,
    request: PatchRequest,
) -> Result<Map<String, Value>, ScimError> {
    if !request.schemas.iter().any(|schema| schema.eq_ignore_ascii_case(SCHEMA)) {
        return Err(ScimError::invalid_syntax(format!("schemas must name {SCHEMA}")));
    }
    if request.operations.len() > MAX_OPERATIONS {
        return Err(ScimError::too_large(format!("a request has at most {MAX_OPERATIONS} operations")));
    }
    for operation in request.operations {
        change(resource, &mut document, operation)?;
    }
    read_all(resource.attributes, document)
}

fn change(
    resource: &'static ResourceType,
    document: &mut Map<String, Value>,
    operation: Operation,
) -> Result<(), ScimError> {
    // Entra ID writes the names of operations in upper case.
    let verb = match operation.op.to_ascii_lowercase().as_str() {
        "add" => Verb::Add,
        "replace" => Verb::Replace,
        "remove" => Verb::Remove,
        _ => return Err(ScimError::invalid_syntax("op must be add, replace or remove")),
    };
    match (operation.path, operation.value) {
        (Some(path), value) => at(document, verb, &target(resource, &path)?, value),
        (None, _) if verb == Verb::Remove => Err(ScimError::no_target("a remove operation needs a path")),
        (None, Value::Object(values)) => {
            for (name, value) in values {
                // What is unknown here or not for clients to write is left out, as when a resource is made.
                let Some(steps) = resource.resolve(&name) else { continue };
                if steps.iter().any(|step| step.mutability == Mutability::ReadOnly) {
                    continue;
                }
                at(document, verb, &Target { steps, filter: None, part: None }, value)?;
            }
            Ok(())
        }
        (None, _) => Err(ScimError::invalid_value("without a path, the value must be an object")),
    }
}

fn target(resource: &'static ResourceType, path: &str) -> Result<Target, ScimError> {
    let wrong = || ScimError::invalid_path(format!("`{}` is no path", path.chars().take(64).collect::<String>()));
    let (name, brackets) = path.split_once('[').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let steps = resource.resolve(name.trim()).ok_or_else(wrong)?;
    let Some(rest) = brackets else { return Ok(Target { steps, filter: None, part: None }) };
    // The last bracket ends the filter, as there may be others inside of its texts.
    let (inside, after) = rest.rsplit_once(']').ok_or_else(wrong)?;
    let parts = steps.last().filter(|last| last.many).map(|last| last.parts()).ok_or_else(wrong)?;
    let filter = Some(filter::read(inside, Names::Parts(parts))?);
    let part = match after.trim() {
        "" => None,
        name => {
            let name = name.strip_prefix('.').ok_or_else(wrong)?;
            Some(super::attribute::named(parts, name).ok_or_else(wrong)?)
        }
    };
    Ok(Target { steps, filter, part })
}

fn at(document: &mut Map<String, Value>, verb: Verb, target: &Target, value: Value) -> Result<(), ScimError> {
    let Some((last, way)) = target.steps.split_last() else { return Ok(()) };
    let meant = target.part.unwrap_or(last);
    if target.steps.iter().chain(target.part.iter()).any(|step| step.mutability == Mutability::ReadOnly) {
        return Err(ScimError::mutability(format!("{} is not for clients to write", meant.name)));
    }
    if meant.mutability == Mutability::Immutable {
        return Err(ScimError::mutability(format!("{} stays as it was made", meant.name)));
    }
    if verb == Verb::Remove && meant.required && target.filter.is_none() && value.is_null() {
        return Err(ScimError::mutability(format!("{} can't be removed", meant.name)));
    }
    // The part of an attribute with several values, without a filter, is that part of all of them.
    if let [outer] = way
        && outer.many
    {
        let all = Target { steps: vec![outer], filter: None, part: Some(last) };
        return values(document, verb, outer, &all, value);
    }
    let mut place = document;
    for step in way {
        let inner = place.entry(step.name).or_insert_with(|| Value::Object(Map::new()));
        place = inner.as_object_mut().ok_or_else(|| ScimError::invalid_path("the path leads through a value"))?;
    }
    if last.many { values(place, verb, last, target, value) } else { single(place, verb, last, value) }
}

/// An attribute with one value.
fn single(
    place: &mut Map<String, Value>,
    verb: Verb,
    attribute: &'static Attribute,
    value: Value,
) -> Result<(), ScimError> {
    let value = if verb == Verb::Remove { Value::Null } else { attribute.read(value)? };
    match (value, place.get_mut(attribute.name)) {
        (Value::Null, _) => {
            place.remove(attribute.name);
        }
        // Parts that are not named stay (RFC 7644 section 3.5.2.3).
        (Value::Object(parts), Some(Value::Object(there))) => there.extend(parts),
        (value, _) => {
            place.insert(attribute.name.to_owned(), value);
        }
    }
    Ok(())
}

/// An attribute with several values.
fn values(
    place: &mut Map<String, Value>,
    verb: Verb,
    attribute: &'static Attribute,
    target: &Target,
    value: Value,
) -> Result<(), ScimError> {
    let mut there = match place.remove(attribute.name) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    match (&target.filter, target.part) {
        (None, None) => whole(&mut there, verb, attribute, value)?,
        (filter, part) => some(&mut there, verb, attribute, filter.as_ref(), part, value)?,
    }
    there.retain(|value| value.as_object().is_none_or(|parts| !parts.is_empty()));
    if !there.is_empty() {
        place.insert(attribute.name.to_owned(), Value::Array(there));
    }
    Ok(())
}

fn whole(there: &mut Vec<Value>, verb: Verb, attribute: &'static Attribute, value: Value) -> Result<(), ScimError> {
    let given = match attribute.read(value)? {
        Value::Array(values) => values,
        _ => Vec::new(),
    };
    match verb {
        Verb::Replace => *there = given,
        // Entra ID names the values that it removes.
        Verb::Remove if !given.is_empty() => there.retain(|value| !given.iter().any(|gone| same(value, gone))),
        Verb::Remove => there.clear(),
        Verb::Add => {
            for value in given {
                if !there.iter().any(|old| same(old, &value)) {
                    add(there, value);
                }
            }
        }
    }
    Ok(())
}

/// The same value: what tells values apart is their `value`, and what it is for.
fn same(left: &Value, right: &Value) -> bool {
    match (&left["value"], &right["value"]) {
        (Value::Null, _) | (_, Value::Null) => left == right,
        (value, other) => value == other && (right["type"].is_null() || left["type"] == right["type"]),
    }
}

/// A new primary value takes the place of the one before (RFC 7644 section 3.5.2).
fn add(there: &mut Vec<Value>, value: Value) {
    if value["primary"] == true {
        not_primary(there);
    }
    there.push(value);
}

fn not_primary(values: &mut [Value]) {
    for value in values.iter_mut().filter_map(Value::as_object_mut) {
        if value.get("primary").is_some_and(|primary| primary == true) {
            value.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

/// The values that a filter selects, or all of them.
fn some(
    there: &mut Vec<Value>,
    verb: Verb,
    attribute: &'static Attribute,
    filter: Option<&Filter>,
    part: Option<&'static Attribute>,
    value: Value,
) -> Result<(), ScimError> {
    let selected = |value: &Value| filter.is_none_or(|filter| filter.matches(value));
    if verb == Verb::Remove {
        match part {
            None => there.retain(|value| !selected(value)),
            Some(part) => {
                for parts in there.iter_mut().filter(|value| selected(value)).filter_map(Value::as_object_mut) {
                    parts.remove(part.name);
                }
            }
        }
        return Ok(());
    }
    let change = match part {
        Some(part) => Map::from_iter([(part.name.to_owned(), part.read(value)?)]),
        None => match attribute.read_one(value)? {
            Value::Object(parts) => parts,
            _ => return Err(ScimError::invalid_value(format!("a value of {} is an object", attribute.name))),
        },
    };
    if !there.iter().any(selected) {
        return match filter.map_or_else(|| Some(Map::new()), described) {
            Some(mut new) if verb == Verb::Add || filter.is_none() => {
                new.extend(change);
                add(there, Value::Object(new));
                Ok(())
            }
            _ => Err(ScimError::no_target(format!("no value of {} is like this", attribute.name))),
        };
    }
    let places: Vec<usize> = (0..there.len()).filter(|place| there.get(*place).is_some_and(selected)).collect();
    if change.get("primary").is_some_and(|primary| primary == true) {
        not_primary(there);
    }
    for place in places {
        if let Some(Value::Object(parts)) = there.get_mut(place) {
            parts.extend(change.clone());
        }
    }
    Ok(())
}

/// The value that a filter describes, if it says of each part what it is.
fn described(filter: &Filter) -> Option<Map<String, Value>> {
    match filter {
        Filter::And(left, right) => {
            let mut parts = described(left)?;
            parts.extend(described(right)?);
            Some(parts)
        }
        Filter::Compare(steps, Operator::Eq, value) if !value.is_null() => {
            Some(Map::from_iter([(steps.first()?.name.to_owned(), value.clone())]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{ENTERPRISE_SCHEMA, GROUPS, USERS};

    fn patched(resource: &'static ResourceType, document: &Value, operations: &Value) -> Result<Value, ScimError> {
        let request = json!({"schemas": [SCHEMA], "Operations": operations});
        let document = document.as_object().unwrap().clone();
        apply(resource, document, serde_json::from_value(request).unwrap()).map(Value::Object)
    }

    fn kind(result: Result<Value, ScimError>) -> &'static str {
        match result {
            Err(ScimError::Refused { kind: Some(kind), .. }) => kind,
            other => panic!("{other:?}"),
        }
    }

    fn ada() -> Value {
        json!({
            "userName": "ada",
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "emails": [{"value": "ada@work.example", "type": "work", "primary": true}, {"value": "ada@home.example", "type": "home"}],
        })
    }

    #[test]
    fn adding_keeps_what_is_there() {
        let after = patched(
            &USERS,
            &ada(),
            &json!([
                {"op": "Add", "path": "title", "value": "Countess"},
                {"op": "add", "path": "name", "value": {"middleName": "King"}},
                {"op": "add", "path": "emails", "value": [{"value": "ada@new.example", "primary": true}]},
                {"op": "add", "path": "emails", "value": [{"value": "ada@home.example", "type": "home"}]},
                {"op": "add", "value": {"nickName": "A", "name.honorificPrefix": "Lady", "unknown": 1, "id": "x"}},
                {"op": "add", "path": format!("{}:department", ENTERPRISE_SCHEMA.id), "value": "Engines"},
                {"op": "add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "123"},
            ]),
        )
        .unwrap();
        assert_eq!(
            after["name"],
            json!({"givenName": "Ada", "familyName": "Lovelace", "middleName": "King", "honorificPrefix": "Lady"})
        );
        assert_eq!(
            (&after["title"], &after["nickName"], &after["id"]),
            (&json!("Countess"), &json!("A"), &Value::Null)
        );
        assert_eq!(after["emails"].as_array().unwrap().len(), 3);
        assert_eq!((&after["emails"][0]["primary"], &after["emails"][2]["primary"]), (&json!(false), &json!(true)));
        assert_eq!(after[ENTERPRISE_SCHEMA.id]["department"], "Engines");
        assert_eq!(after["phoneNumbers"], json!([{"type": "mobile", "value": "123"}]));
    }

    #[test]
    fn replacing_takes_the_place_of_what_is_there() {
        let after = patched(
            &USERS,
            &ada(),
            &json!([
                {"op": "Replace", "path": "active", "value": "False"},
                {"op": "replace", "path": "name", "value": {"givenName": "Augusta"}},
                {"op": "replace", "path": "emails[type eq \"home\"].value", "value": "a@home.example"},
                {"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true},
                {"op": "replace", "path": "userName", "value": "augusta"},
            ]),
        )
        .unwrap();
        assert_eq!((&after["active"], &after["userName"]), (&json!(false), &json!("augusta")));
        assert_eq!(after["name"], json!({"givenName": "Augusta", "familyName": "Lovelace"}));
        assert_eq!(after["emails"][1], json!({"value": "a@home.example", "type": "home", "primary": true}));
        assert_eq!(after["emails"][0]["primary"], false);
        let after =
            patched(&USERS, &ada(), &json!([{"op": "replace", "path": "emails", "value": [{"value": "x@y.example"}]}]));
        assert_eq!(after.unwrap()["emails"], json!([{"value": "x@y.example"}]));
    }

    #[test]
    fn removing_takes_away_what_is_named() {
        let after = patched(
            &USERS,
            &ada(),
            &json!([
                {"op": "remove", "path": "emails[type eq \"home\"]"},
                {"op": "remove", "path": "emails[type eq \"work\"].type"},
                {"op": "remove", "path": "name.familyName"},
                {"op": "remove", "path": "title"},
            ]),
        )
        .unwrap();
        assert_eq!(after["emails"], json!([{"value": "ada@work.example", "primary": true}]));
        assert_eq!(after["name"], json!({"givenName": "Ada"}));
        let group = json!({"displayName": "Sound", "members": [{"value": "1"}, {"value": "2"}, {"value": "3"}]});
        let after = patched(
            &GROUPS,
            &group,
            &json!([
                {"op": "remove", "path": "members[value eq \"1\"]"},
                {"op": "Remove", "path": "members", "value": [{"value": "2"}]},
                {"op": "add", "path": "members", "value": [{"value": "3"}, {"value": "4"}]},
            ]),
        )
        .unwrap();
        assert_eq!(after["members"], json!([{"value": "3"}, {"value": "4"}]));
        let after = patched(&GROUPS, &group, &json!([{"op": "remove", "path": "members"}])).unwrap();
        assert_eq!(after["members"], Value::Null);
    }

    #[test]
    fn what_cannot_be_changed_is_named() {
        let refused = |operation: Value| kind(patched(&USERS, &ada(), &json!([operation])));
        assert_eq!(refused(json!({"op": "remove"})), "noTarget");
        assert_eq!(refused(json!({"op": "remove", "path": "userName"})), "mutability");
        assert_eq!(refused(json!({"op": "remove", "path": "emails"})), "mutability");
        assert_eq!(refused(json!({"op": "replace", "path": "id", "value": "x"})), "mutability");
        assert_eq!(refused(json!({"op": "add", "path": "groups", "value": [{"value": "x"}]})), "mutability");
        assert_eq!(refused(json!({"op": "replace", "path": "meta.created", "value": "x"})), "mutability");
        assert_eq!(refused(json!({"op": "add", "path": "nobody", "value": "x"})), "invalidPath");
        assert_eq!(refused(json!({"op": "add", "path": "emails[type eq \"work\"", "value": "x"})), "invalidPath");
        assert_eq!(refused(json!({"op": "add", "path": "emails[nobody pr]", "value": "x"})), "invalidFilter");
        assert_eq!(
            refused(json!({"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x"})),
            "noTarget"
        );
        assert_eq!(refused(json!({"op": "add", "path": "title", "value": 1})), "invalidValue");
        assert_eq!(refused(json!({"op": "add", "path": "active", "value": "maybe"})), "invalidValue");
        assert_eq!(refused(json!({"op": "add", "value": "x"})), "invalidValue");
        assert_eq!(refused(json!({"op": "move", "path": "title"})), "invalidSyntax");
        let group = json!({"displayName": "Sound", "members": [{"value": "1"}]});
        let changed = json!([{"op": "replace", "path": "members[value eq \"1\"].value", "value": "2"}]);
        assert_eq!(kind(patched(&GROUPS, &group, &changed)), "mutability");
    }
}
