//! The operations of the API document, each with a request that is as good as its examples.

use http::Method;
use nexus_kernel::Service;
use serde_json::{Map, Value, json};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// How deep a sample of a schema goes: some name themselves.
const DEPTH: usize = 12;

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) service: &'static str,
    pub(super) id: String,
    pub(super) method: Method,
    /// The path with its placeholders, and what the query must have.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Body>,
    pub(super) access: Access,
}

/// A body and its media type.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// Who may ask, as the document says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody, and no token is looked at.
    Public,
    /// Anybody; a token that is there has to be good.
    Optional,
    /// Somebody with a good token.
    Bearer,
    /// Somebody with another proof, such as a client's own credentials.
    Otherwise,
}

/// All operations of a service.
pub(super) fn operations(service: &Service) -> Vec<Operation> {
    let document = serde_json::to_value(service.document()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let description = &item[method];
            if description.is_object() {
                found.push(operation(&document, service.name(), path, method, description));
            }
        }
    }
    found
}

fn operation(document: &Value, service: &'static str, path: &str, method: &str, description: &Value) -> Operation {
    let parameters = description["parameters"].as_array().into_iter().flatten();
    let required: Vec<&Value> = parameters.filter(|parameter| parameter["required"] == true).collect();
    let of = |place: &str| -> Vec<(String, String)> {
        let there = required.iter().filter(|parameter| parameter["in"] == place);
        there.map(|parameter| (text(&parameter["name"]), parameter_sample(document, parameter))).collect()
    };
    let query = of("query").iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    Operation {
        service,
        id: text(&description["operationId"]),
        method: method.to_uppercase().parse().unwrap(),
        path: path.to_owned(),
        query,
        headers: of("header"),
        body: body(document, &description["requestBody"]),
        access: access(&description["security"]),
    }
}

fn access(security: &Value) -> Access {
    let Some(alternatives) = security.as_array() else { return Access::Public };
    let nothing = alternatives.iter().any(|alternative| alternative.as_object().is_some_and(Map::is_empty));
    let bearer = alternatives.iter().any(|alternative| alternative.get("bearer").is_some());
    match (nothing, bearer) {
        (true, true) => Access::Optional,
        (false, true) => Access::Bearer,
        (true, false) => Access::Public,
        (false, false) if alternatives.is_empty() => Access::Public,
        (false, false) => Access::Otherwise,
    }
}

fn body(document: &Value, request_body: &Value) -> Option<Body> {
    let (media_type, content) = request_body["content"].as_object()?.iter().next()?;
    let schema = &content["schema"];
    let bytes = match media_type.as_str() {
        json if json.ends_with("json") => {
            let given = content.get("example").cloned();
            serde_json::to_vec(&given.unwrap_or_else(|| sample(document, schema, DEPTH))).unwrap()
        }
        "application/x-www-form-urlencoded" => form(&sample(document, schema, DEPTH)).into_bytes(),
        _ => b"sample".to_vec(),
    };
    Some(Body { media_type: media_type.clone(), bytes })
}

fn form(fields: &Value) -> String {
    let pairs = fields.as_object().into_iter().flatten();
    pairs.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join("&")
}

fn parameter_sample(document: &Value, parameter: &Value) -> String {
    match &parameter["name"] {
        // Things begin with this version.
        Value::String(name) if name == "If-Match" => "\"1\"".to_owned(),
        _ => match parameter.get("example") {
            Some(example) => text(example),
            None => text(&sample(document, &parameter["schema"], DEPTH)),
        },
    }
}

/// A value that a schema allows: its examples where it has some, else the least.
fn sample(document: &Value, schema: &Value, depth: usize) -> Value {
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return example.clone();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return sample(document, document.pointer(&reference[1..]).unwrap(), depth);
    }
    if let Some(value) = schema["enum"].get(0).or_else(|| schema.get("const")).or_else(|| schema.get("default")) {
        return value.clone();
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(first) = schema[choice].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null")) {
            return sample(document, first, depth);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let all = parts.iter().map(|part| sample(document, part, depth));
        let fields = all.filter_map(|part| part.as_object().cloned()).flatten();
        return Value::Object(fields.collect());
    }
    match kind(schema) {
        "object" => object(document, schema, depth),
        "array" if depth > 0 && schema["minItems"].as_u64() > Some(0) => {
            json!([sample(document, &schema["items"], depth - 1)])
        }
        "array" => json!([]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        _ => json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1)).unwrap())),
    }
}

fn object(document: &Value, schema: &Value, depth: usize) -> Value {
    let required: Vec<String> = schema["required"].as_array().into_iter().flatten().map(text).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let wanted = properties.filter(|(name, _)| depth > 0 && required.contains(name));
    Value::Object(wanted.map(|(name, part)| (name.clone(), sample(document, part, depth - 1))).collect())
}

/// The schema's type; the first that is not null where it has several.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or(""),
        _ if schema["properties"].is_object() => "object",
        _ => "",
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
