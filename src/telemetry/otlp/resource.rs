//! The attributes of everything that is exported. The detector of the SDK neither decodes values nor lets
//! `OTEL_SERVICE_NAME` take precedence.
//!
//! <https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable>

use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, resource::TelemetryResourceDetector};
use opentelemetry_semantic_conventions::resource::{SERVICE_NAME, SERVICE_VERSION};
use percent_encoding::percent_decode_str;

use super::environment::Environment;

const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Returns the name and version of the service, and the attributes in `OTEL_RESOURCE_ATTRIBUTES`. The name is
/// `OTEL_SERVICE_NAME`, otherwise the one among these attributes, otherwise the name of the crate.
pub(super) fn read(environment: &mut Environment) -> Resource {
    let attributes = environment.text(ATTRIBUTES).map_or_else(|| Some(Vec::new()), parse);
    if attributes.is_none() {
        let expected = "expected KEY=VALUE, separated by commas; other characters are percent-encoded";
        environment.warn(ATTRIBUTES, expected, Some(String::new()));
    }
    let name = environment.text("OTEL_SERVICE_NAME").map(|name| KeyValue::new(SERVICE_NAME, name.to_owned()));
    // Of two attributes with one key, the last one counts.
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new(SERVICE_NAME, env!("CARGO_PKG_NAME")))
        .with_attributes(attributes.unwrap_or_default())
        .with_attributes(name)
        .with_attribute(KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")))
        .build()
}

/// Returns the attributes, or `None` if any of them is malformed: by the specification, the whole value is then
/// discarded.
fn parse(text: &str) -> Option<Vec<KeyValue>> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let (key, value) = entry.split_once('=')?;
            let (key, value) = (decode(key.trim())?, decode(value.trim())?);
            (!key.is_empty()).then(|| KeyValue::new(key, value))
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let is_encoded = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    // The library keeps a percent sign that encodes nothing.
    let decoded = text.split('%').skip(1).all(is_encoded).then(|| percent_decode_str(text).decode_utf8())?;
    decoded.ok().map(|decoded| decoded.into_owned())
}
