//! Resources as they travel: what all kinds have in common, and which of their attributes a client wants to see.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use nexus_kernel::Timestamp;
use serde_json::{Map, Value, json};

use super::attribute::{Attribute, Returned};
use super::error::{MEDIA_TYPE, ScimError};
use super::schema::{ResourceType, Steps};

/// What a resource knows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) version: i64,
}

/// Where the resources of this server are.
pub(crate) fn base(public_url: &str) -> String {
    format!("{}/scim/v2", public_url.trim_end_matches('/'))
}

/// The address of a resource.
pub(crate) fn location(public_url: &str, resource: &ResourceType, id: &str) -> String {
    format!("{}{}/{id}", base(public_url), resource.endpoint)
}

/// The version as an entity tag (RFC 7644 section 3.14).
pub(crate) fn tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// A resource with what the service knows of it.
pub(crate) fn complete(
    public_url: &str,
    resource: &'static ResourceType,
    meta: &Meta,
    mut entry: Map<String, Value>,
) -> Map<String, Value> {
    let mut schemas = vec![resource.schema.id];
    schemas.extend(resource.extensions.iter().map(|extension| extension.id).filter(|id| entry.contains_key(*id)));
    entry.insert("schemas".to_owned(), json!(schemas));
    entry.insert("id".to_owned(), json!(meta.id));
    entry.insert(
        "meta".to_owned(),
        json!({
            "resourceType": resource.name,
            "created": meta.created,
            "lastModified": meta.modified,
            "location": location(public_url, resource, &meta.id),
            "version": tag(meta.version),
        }),
    );
    entry
}

/// Which attributes a client wants to see (RFC 7644 section 3.9).
#[derive(Debug, Clone, Default)]
pub(crate) struct Projection {
    only: Option<Vec<String>>,
    without: Vec<String>,
}

impl Projection {
    /// From the names in `attributes` and `excludedAttributes`.
    pub(crate) fn new(only: Vec<String>, without: Vec<String>) -> Self {
        Self { only: Some(only).filter(|only| !only.is_empty()), without }
    }

    /// Whether this attribute is wanted at all, so that it is worth reading.
    pub(crate) fn wants(&self, resource: &'static ResourceType, name: &str) -> bool {
        let first = |wish: &String| resource.resolve(wish).is_some_and(|steps| steps[0].name == name);
        let whole =
            |wish: &String| resource.resolve(wish).is_some_and(|steps| steps.len() == 1 && steps[0].name == name);
        self.only.as_ref().is_none_or(|only| only.iter().any(first)) && !self.without.iter().any(whole)
    }

    /// As much of a resource as is wanted.
    pub(crate) fn of(&self, resource: &'static ResourceType, mut whole: Map<String, Value>) -> Value {
        if let Some(only) = &self.only {
            let mut wanted = Map::new();
            wanted.extend(whole.get_key_value("schemas").map(|(name, value)| (name.clone(), value.clone())));
            for attribute in resource.attributes.iter().filter(|attribute| attribute.returned == Returned::Always) {
                wanted.extend(whole.get_key_value(attribute.name).map(|(name, value)| (name.clone(), value.clone())));
            }
            for steps in only.iter().filter_map(|name| resource.resolve(name)) {
                copy(&steps, &whole, &mut wanted);
            }
            whole = wanted;
        }
        for steps in self.without.iter().filter_map(|name| resource.resolve(name)) {
            if steps.iter().all(|step| step.returned != Returned::Always) {
                remove(&steps, &mut whole);
            }
        }
        Value::Object(whole)
    }
}

fn copy(steps: &[&'static Attribute], from: &Map<String, Value>, to: &mut Map<String, Value>) {
    let Some((step, rest)) = steps.split_first() else { return };
    let Some(value) = from.get(step.name) else { return };
    if rest.is_empty() {
        to.insert(step.name.to_owned(), value.clone());
        return;
    }
    match value {
        Value::Object(parts) => {
            let inner = to.entry(step.name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                copy(rest, parts, inner);
            }
        }
        Value::Array(values) => {
            let there = to.entry(step.name).or_insert_with(|| json!(vec![json!({}); values.len()]));
            for (value, inner) in values.iter().zip(there.as_array_mut().into_iter().flatten()) {
                if let (Value::Object(parts), Value::Object(inner)) = (value, inner) {
                    copy(rest, parts, inner);
                }
            }
        }
        _ => {}
    }
}

fn remove(steps: &[&'static Attribute], from: &mut Map<String, Value>) {
    let Some((step, rest)) = steps.split_first() else { return };
    if rest.is_empty() {
        from.remove(step.name);
        return;
    }
    match from.get_mut(step.name) {
        Some(Value::Object(parts)) => remove(rest, parts),
        Some(Value::Array(values)) => {
            values.iter_mut().filter_map(Value::as_object_mut).for_each(|parts| remove(rest, parts));
        }
        _ => {}
    }
}

/// The versions that a client expects (RFC 9110 section 13.1); none where it expects nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expected(Option<String>);

impl Expected {
    /// From `If-Match`.
    pub(crate) fn matching(headers: &HeaderMap) -> Self {
        Self::from_header(headers, header::IF_MATCH)
    }

    /// From `If-None-Match`.
    pub(crate) fn other_than(headers: &HeaderMap) -> Self {
        Self::from_header(headers, header::IF_NONE_MATCH)
    }

    fn from_header(headers: &HeaderMap, name: header::HeaderName) -> Self {
        Self(headers.get(name).map(|value| value.to_str().unwrap_or_default().to_owned()))
    }

    /// From the version of an operation in a bulk request.
    pub(crate) fn version(version: Option<String>) -> Self {
        Self(version)
    }

    /// Whether one of the versions is this. Weak and strong tags name the same version here.
    pub(crate) fn names(&self, version: i64) -> bool {
        let same = |tag: &str| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == format!("\"{version}\"")
        };
        self.0.as_ref().is_some_and(|tags| tags.split(',').any(same))
    }

    /// 412 unless nothing is expected, or this.
    pub(crate) fn check(&self, version: i64) -> Result<(), ScimError> {
        if self.0.is_none() || self.names(version) { Ok(()) } else { Err(ScimError::version()) }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
    pub(crate) version: Option<i64>,
    pub(crate) body: Option<Value>,
}

impl Answer {
    /// A document without a version.
    pub(crate) fn document(body: Value) -> Self {
        Self { status: StatusCode::OK, location: None, version: None, body: Some(body) }
    }

    /// Nothing to say.
    pub(crate) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, location: None, version: None, body: None }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        if let Some(location) = self.location.and_then(|location| location.parse().ok()) {
            headers.insert(header::LOCATION, location);
        }
        if let Some(tag) = self.version.and_then(|version| tag(version).parse().ok()) {
            headers.insert(header::ETAG, tag);
        }
        match self.body {
            Some(body) => {
                headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(MEDIA_TYPE));
                (self.status, headers, body.to_string()).into_response()
            }
            None => (self.status, headers).into_response(),
        }
    }
}

/// The names of attributes, from a list with commas.
pub(crate) fn names(list: Option<&str>) -> Vec<String> {
    list.into_iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The way to an attribute that results are sorted by.
pub(crate) fn sort_steps(resource: &'static ResourceType, name: &str) -> Option<Steps> {
    let mut steps = resource.resolve(name)?;
    if let Some(last) = steps.last().filter(|last| !last.parts().is_empty()) {
        steps.push(super::attribute::named(last.parts(), "value")?);
    }
    Some(steps)
}
