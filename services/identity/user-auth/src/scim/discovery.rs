//! What this server can do, for clients that ask (RFC 7644 section 4).

use serde_json::{Value, json};

use super::attribute::{Attribute, Kind, Mutability, Returned};
use super::bulk;
use super::error::ScimError;
use super::resource::{Answer, base};
use super::schema::{RESOURCE_TYPES, ResourceType, SCHEMAS, Schema};
use super::service::MAX_RESULTS;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// What the server can do (RFC 7643 section 5).
pub(crate) fn config(public_url: &str) -> Answer {
    Answer::document(json!({
        "schemas": [CONFIG],
        "patch": {"supported": true},
        "bulk": {
            "supported": true,
            "maxOperations": bulk::MAX_OPERATIONS,
            "maxPayloadSize": bulk::MAX_PAYLOAD,
        },
        "filter": {"supported": true, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "An admin's personal access token or a service token, with the scope user-auth",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{}/ServiceProviderConfig", base(public_url)),
        },
    }))
}

fn list(items: &[Value]) -> Answer {
    Answer::document(json!({
        "schemas": [LIST],
        "totalResults": items.len(),
        "startIndex": 1,
        "itemsPerPage": items.len(),
        "Resources": items,
    }))
}

/// All kinds of resource.
pub(crate) fn resource_types(public_url: &str) -> Answer {
    list(&RESOURCE_TYPES.map(|resource| resource_type(public_url, resource)))
}

/// One kind of resource.
pub(crate) fn one_resource_type(public_url: &str, name: &str) -> Result<Answer, ScimError> {
    let found = RESOURCE_TYPES.iter().find(|resource| resource.name == name).ok_or_else(ScimError::not_found)?;
    Ok(Answer::document(resource_type(public_url, found)))
}

fn resource_type(public_url: &str, resource: &ResourceType) -> Value {
    let extensions: Vec<Value> =
        resource.extensions.iter().map(|extension| json!({"schema": extension.id, "required": false})).collect();
    json!({
        "schemas": [RESOURCE_TYPE],
        "id": resource.name,
        "name": resource.name,
        "description": resource.description,
        "endpoint": resource.endpoint,
        "schema": resource.schema.id,
        "schemaExtensions": extensions,
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{}/ResourceTypes/{}", base(public_url), resource.name),
        },
    })
}

/// All schemas.
pub(crate) fn schemas(public_url: &str) -> Answer {
    list(&SCHEMAS.map(|schema| schema_document(public_url, schema)))
}

/// One schema.
pub(crate) fn one_schema(public_url: &str, id: &str) -> Result<Answer, ScimError> {
    let found = SCHEMAS.iter().find(|schema| schema.id.eq_ignore_ascii_case(id)).ok_or_else(ScimError::not_found)?;
    Ok(Answer::document(schema_document(public_url, found)))
}

fn schema_document(public_url: &str, schema: &Schema) -> Value {
    json!({
        "schemas": [SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "meta": {
            "resourceType": "Schema",
            "location": format!("{}/Schemas/{}", base(public_url), schema.id),
        },
    })
}

/// An attribute (RFC 7643 section 7).
fn attribute(attribute: &Attribute) -> Value {
    let mut document = json!({
        "name": attribute.name,
        "type": match attribute.kind {
            Kind::Text => "string",
            Kind::Boolean => "boolean",
            Kind::Moment => "dateTime",
            Kind::Reference(_) => "reference",
            Kind::Complex(_) => "complex",
        },
        "multiValued": attribute.many,
        "description": attribute.description,
        "required": attribute.required,
        "mutability": match attribute.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
        },
        "returned": match attribute.returned {
            Returned::Always => "always",
            Returned::Default => "default",
        },
        "uniqueness": if attribute.unique { "server" } else { "none" },
    });
    match attribute.kind {
        Kind::Text | Kind::Reference(_) => document["caseExact"] = json!(attribute.case_exact),
        Kind::Boolean | Kind::Moment | Kind::Complex(_) => {}
    }
    if let Kind::Reference(targets) = attribute.kind {
        document["referenceTypes"] = json!(targets);
    }
    if !attribute.canonical.is_empty() {
        document["canonicalValues"] = json!(attribute.canonical);
    }
    if let Kind::Complex(parts) = attribute.kind {
        document["subAttributes"] = parts.iter().map(self::attribute).collect();
    }
    document
}
