//! Many changes in one request (RFC 7644 section 3.7). Each is a unit of work of its own: those that succeeded stay.

use std::collections::{HashMap, VecDeque};

use nexus_kernel::{Context, Principal};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ScimError;
use super::resource::{Answer, Expected, Projection, tag};
use super::service::{self, Kind};

/// The most operations in one request.
pub(crate) const MAX_OPERATIONS: usize = 100;
/// The largest request, in bytes: as large as any body may be.
pub(crate) const MAX_PAYLOAD: usize = 1 << 20;
const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// What stands before a name that another operation of the request has.
const REFERENCE: &str = "bulkId:";

/// The request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkRequest {
    #[serde(default)]
    schemas: Vec<String>,
    #[serde(default)]
    fail_on_errors: Option<usize>,
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Operation>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    method: String,
    path: String,
    #[serde(default)]
    bulk_id: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    data: Value,
}

/// The ids of what was made, by the names that the request gave it.
type Made = HashMap<String, String>;

/// Makes all changes, those that name others after those that they name.
pub(crate) async fn perform(
    context: &Context,
    principal: &Principal,
    request: BulkRequest,
) -> Result<Answer, ScimError> {
    if !request.schemas.iter().any(|schema| schema.eq_ignore_ascii_case(REQUEST)) {
        return Err(ScimError::invalid_syntax(format!("schemas must name {REQUEST}")));
    }
    if request.operations.len() > MAX_OPERATIONS {
        return Err(ScimError::too_large(format!("a request has at most {MAX_OPERATIONS} operations")));
    }
    service::may_read(context, principal)?;
    let mut made = Made::new();
    let (mut results, mut errors, mut waited) = (Vec::new(), 0, 0);
    let mut waiting: VecDeque<Operation> = request.operations.into();
    while let Some(operation) = waiting.pop_front() {
        // Each may wait for each other once; after that, they wait for each other or for what is not there.
        if waited <= waiting.len() && waits(&operation, &made, &waiting) {
            waited += 1;
            waiting.push_back(operation);
            continue;
        }
        waited = 0;
        let outcome = one(context, principal, &operation, &made).await;
        if let (Ok(Some(id)), Some(name)) = (outcome.as_ref().map(|answer| id_of(answer)), &operation.bulk_id) {
            made.insert(name.clone(), id.to_owned());
        }
        errors += usize::from(outcome.is_err());
        results.push(result(&operation, outcome));
        if request.fail_on_errors.is_some_and(|most| most > 0 && errors >= most) {
            break;
        }
    }
    Ok(Answer::document(json!({"schemas": [RESPONSE], "Operations": results})))
}

fn id_of(answer: &Answer) -> Option<&str> {
    answer.location.as_deref()?.rsplit('/').next()
}

/// Whether an operation names what another one is yet to make.
fn waits(operation: &Operation, made: &Made, waiting: &VecDeque<Operation>) -> bool {
    let named = references(&operation.data)
        .chain(operation.path.split('/').filter_map(|part| part.strip_prefix(REFERENCE)).map(str::to_owned));
    named.into_iter().any(|name| {
        !made.contains_key(&name) && waiting.iter().any(|other| other.bulk_id.as_deref() == Some(name.as_str()))
    })
}

fn references(value: &Value) -> Box<dyn Iterator<Item = String> + '_> {
    match value {
        Value::String(text) => Box::new(text.strip_prefix(REFERENCE).map(str::to_owned).into_iter()),
        Value::Array(values) => Box::new(values.iter().flat_map(references)),
        Value::Object(parts) => Box::new(parts.values().flat_map(references)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Box::new(std::iter::empty()),
    }
}

/// The same value with ids in place of names.
fn resolved(value: Value, made: &Made) -> Result<Value, ScimError> {
    Ok(match value {
        Value::String(text) => Value::String(resolved_text(&text, made)?),
        Value::Array(values) => values.into_iter().map(|value| resolved(value, made)).collect::<Result<_, _>>()?,
        Value::Object(parts) => Value::Object(
            parts
                .into_iter()
                .map(|(name, value)| Ok((name, resolved(value, made)?)))
                .collect::<Result<_, ScimError>>()?,
        ),
        other => other,
    })
}

fn resolved_text(text: &str, made: &Made) -> Result<String, ScimError> {
    let Some(name) = text.strip_prefix(REFERENCE) else { return Ok(text.to_owned()) };
    made.get(name).cloned().ok_or_else(|| ScimError::invalid_value(format!("nothing was made as bulkId `{name}`")))
}

async fn one(
    context: &Context,
    principal: &Principal,
    operation: &Operation,
    made: &Made,
) -> Result<Answer, ScimError> {
    let wrong = || ScimError::invalid_syntax(format!("`{}` is no path of a bulk operation", operation.path));
    let mut path = operation.path.strip_prefix('/').ok_or_else(wrong)?.split('/');
    let kind = path.next().and_then(Kind::at).ok_or_else(wrong)?;
    let id = path.next().map(|id| resolved_text(id, made)).transpose()?;
    if path.next().is_some() {
        return Err(wrong());
    }
    let data = resolved(operation.data.clone(), made)?;
    let expected = Expected::version(operation.version.clone());
    let (asker, all) = (principal.clone(), Projection::default());
    match (operation.method.to_ascii_uppercase().as_str(), id.as_deref()) {
        ("POST", None) if operation.bulk_id.is_none() => {
            Err(ScimError::invalid_syntax("an operation that makes something needs a bulkId"))
        }
        ("POST", None) => service::create(context, asker, kind, data, &all).await,
        ("PUT", Some(id)) => service::replace(context, asker, (kind, id), &expected, data, &all).await,
        ("PATCH", Some(id)) => service::patch(context, asker, (kind, id), &expected, data, &all).await,
        ("DELETE", Some(id)) => service::delete(context, asker, (kind, id), &expected).await,
        _ => Err(ScimError::invalid_syntax(format!("{} can't be done to {}", operation.method, operation.path))),
    }
}

fn result(operation: &Operation, outcome: Result<Answer, ScimError>) -> Value {
    let mut result = json!({"method": operation.method});
    if let Some(name) = &operation.bulk_id {
        result["bulkId"] = json!(name);
    }
    match outcome {
        Ok(answer) => {
            result["status"] = json!(answer.status.as_str());
            if let Some(location) = answer.location {
                result["location"] = json!(location);
            }
            if let Some(version) = answer.version {
                result["version"] = json!(tag(version));
            }
        }
        Err(error) => {
            result["status"] = json!(error.status().as_str());
            result["response"] = error.body();
        }
    }
    result
}
