//! A row as a line, and back: nothing is lost, and one row has one line.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value as Json;

use crate::store::Value;
use crate::store::snapshot::{Column, Kind};

/// Appends a row's line, its end included.
pub(super) fn write(row: &[Value], out: &mut Vec<u8>) {
    out.push(b'[');
    for (number, value) in row.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        out.extend_from_slice(json(value).to_string().as_bytes());
    }
    out.extend_from_slice(b"]\n");
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        // Rust's shortest decimal reads back as the same number; JSON has neither infinity nor NaN.
        Value::Real(value) => Json::String(format!("{value:?}")),
        Value::Text(value) => Json::String(value.clone()),
        Value::Blob(value) => Json::String(BASE64_STANDARD.encode(value)),
    }
}

/// Reads a line; the error says what is wrong with it.
pub(super) fn read(line: &[u8], columns: &[Column]) -> Result<Vec<Value>, String> {
    let fields: Vec<Json> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if fields.len() != columns.len() {
        return Err(format!("it has {} values for {} columns", fields.len(), columns.len()));
    }
    let values = columns.iter().zip(fields).map(|(column, field)| {
        value(column.kind, field).ok_or_else(|| format!("the value of {} is none of its kind", column.name))
    });
    values.collect()
}

fn value(kind: Kind, field: Json) -> Option<Value> {
    Some(match (kind, field) {
        (_, Json::Null) => Value::Null,
        (Kind::Boolean, Json::Bool(value)) => Value::Bool(value),
        (Kind::Integer, Json::Number(value)) => Value::Int(value.as_i64()?),
        (Kind::Real, Json::String(value)) => Value::Real(value.parse().ok()?),
        (Kind::Text, Json::String(value)) => Value::Text(value),
        (Kind::Blob, Json::String(value)) => Value::Blob(BASE64_STANDARD.decode(value).ok()?),
        _ => return None,
    })
}
