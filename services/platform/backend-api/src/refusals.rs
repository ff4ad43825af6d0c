//! What the gateway itself may answer for any service's route, in the API's document.

use nexus_kernel::problem::MEDIA_TYPE;
use serde_json::{Value, json};

/// The refusals: each status with what it means.
const REFUSALS: [(&str, &str); 9] = [
    ("400", "`invalid-path`: the path is not taken"),
    ("401", "A token that was sent is not valid, has expired, or its session has ended"),
    ("408", "`request-timeout`: the body did not arrive in time"),
    ("413", "`body-too-large`: the body is larger than the route takes"),
    ("414", "`uri-too-long`: path and query are longer than is taken"),
    ("429", "`too-many-requests`: try again after `Retry-After`"),
    ("431", "`headers-too-large`: the header fields are larger than is taken"),
    (
        "503",
        "`overloaded`: more requests than can be answered now, or `unavailable`: the service does not answer; try again after `Retry-After`",
    ),
    ("504", "`timeout`: the service did not answer in time"),
];

/// Adds them to every operation; what a service says about a status stays.
pub(crate) fn add(document: &mut Value) {
    for (status, description) in REFUSALS {
        let content = json!({MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}});
        document["components"]["responses"][name(status)] = json!({"description": description, "content": content});
    }
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        for (status, _) in REFUSALS {
            let reference = json!({"$ref": format!("#/components/responses/{}", name(status))});
            responses.entry(status).or_insert(reference);
        }
    }
}

fn name(status: &str) -> String {
    format!("Refusal{status}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_tells_what_the_gateway_may_answer_and_keeps_what_its_service_says() {
        let mut document = json!({"paths": {"/a": {"get": {"responses": {
            "200": {"description": "Fine"},
            "401": {"description": "Not signed in"},
        }}}}});
        add(&mut document);
        let responses = &document["paths"]["/a"]["get"]["responses"];
        assert_eq!(responses["200"]["description"], "Fine");
        assert_eq!(responses["401"]["description"], "Not signed in");
        let reference = responses["429"]["$ref"].as_str().unwrap();
        let refusal = document.pointer(reference.trim_start_matches('#')).unwrap();
        assert_eq!(refusal["content"][MEDIA_TYPE]["schema"]["$ref"], "#/components/schemas/ProblemDetails");
    }
}
