//! An event as it travels: `CloudEvents` 1.0 in its JSON format.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Delivery, Event};
use crate::ids::TenantId;
use crate::store::{Row, StoreError};
use crate::time::Timestamp;

/// An event with its number (`CloudEvents` 1.0, sections 3 and 4; the extensions `partitionkey`, `sequence` and
/// `traceparent` are documented ones, `tenant` and `logid` are our own).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CloudEvent {
    specversion: SpecVersion,
    /// The event's own id.
    pub id: Uuid,
    /// The service that published it.
    pub source: String,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The key within whose events order is kept.
    #[serde(rename = "partitionkey")]
    pub key: String,
    /// When it was published.
    pub time: Timestamp,
    datacontenttype: ContentType,
    /// Whose data it is about.
    pub tenant: TenantId,
    /// Its number in the publisher's log, from 1, without gaps.
    #[serde(rename = "sequence", with = "sequence")]
    pub position: u64,
    /// The log that the number counts in: a bus may carry the events of several installations. A parked event has left it.
    #[serde(rename = "logid", default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Uuid>,
    /// The trace that it belongs to (W3C Trace Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The event itself.
    pub data: Box<RawValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SpecVersion {
    #[serde(rename = "1.0")]
    V1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum ContentType {
    #[serde(rename = "application/json")]
    Json,
}

/// `sequence` is a string whose alphabetical order is the numbers' order (`CloudEvents` sequence extension); its own integers
/// end at 2^31.
mod sequence {
    use super::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(position: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{position:020}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl CloudEvent {
    /// Reads an event from a row of the outbox or of the parked events; the source is not in the former.
    pub(super) fn from_row(source: &str, row: &Row) -> Result<Self, StoreError> {
        let data = RawValue::from_string(row.get("data")?)
            .map_err(|_| StoreError::Column { column: "data".to_owned(), reason: "its value is not JSON" })?;
        Ok(Self {
            specversion: SpecVersion::V1,
            id: row.get("id")?,
            source: source.to_owned(),
            kind: row.get("type")?,
            key: row.get("key")?,
            time: row.get("time")?,
            datacontenttype: ContentType::Json,
            tenant: row.get("tenant_id")?,
            position: row.get("position")?,
            log: None,
            traceparent: row.get("traceparent")?,
            data,
        })
    }

    pub(super) fn delivery<E: Event>(&self) -> Result<Delivery<E>, serde_json::Error> {
        Ok(Delivery {
            data: serde_json::from_str(self.data.get())?,
            id: self.id,
            tenant: self.tenant,
            position: self.position,
            time: self.time,
        })
    }
}

/// The columns that [`CloudEvent::from_row`] reads.
pub(super) const COLUMNS: &str = "position, id, tenant_id, type, key, time, traceparent, data";

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"specversion":"1.0","id":"0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11","source":"session-mgr","type":"session-mgr.session.ended.v1","partitionkey":"k","time":"2026-03-01T09:30:00Z","datacontenttype":"application/json","tenant":"00000000-0000-0000-0000-000000000001","sequence":"00000000000000000042","data":{"a":1.0}}"#;

    #[test]
    fn an_event_survives_the_way_byte_for_byte() {
        let event: CloudEvent = serde_json::from_str(JSON).unwrap();
        assert_eq!(event.position, 42);
        assert_eq!(serde_json::to_string(&event).unwrap(), JSON);
    }

    #[test]
    fn another_version_or_encoding_is_refused() {
        assert!(serde_json::from_str::<CloudEvent>(&JSON.replace("\"1.0\"", "\"2.0\"")).is_err());
        assert!(serde_json::from_str::<CloudEvent>(&JSON.replace("application/json", "text/xml")).is_err());
    }
}
