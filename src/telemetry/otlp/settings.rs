//! The settings of each signal, by the variables of the specification.
//!
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::{fmt::Display, time::Duration};

use http::{HeaderName, HeaderValue, Uri, uri::Scheme};
use opentelemetry_sdk::trace::{BatchConfig, BatchConfigBuilder, Sampler};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    TelemetryError,
    environment::{Environment, Signal},
};

/// The longest queue of spans: its memory is allocated at startup.
const MAX_QUEUE: u32 = 65_536;

/// Variables of the specification that neither this service nor the SDK supports, with the values that change nothing.
const UNSUPPORTED: [(&str, &[&str]); 20] = [
    ("OTEL_CONFIG_FILE", &[]),
    ("OTEL_LOG_LEVEL", &[]),
    ("OTEL_PROPAGATORS", &["tracecontext", "tracecontext,baggage"]),
    ("OTEL_LOGS_EXPORTER", &["none"]),
    ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &[]),
    // These apply to endpoints without a scheme, which are refused.
    ("OTEL_EXPORTER_OTLP_INSECURE", &[]),
    ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", &[]),
    ("OTEL_EXPORTER_OTLP_METRICS_INSECURE", &[]),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", &["explicit_bucket_histogram"]),
    ("OTEL_METRICS_EXEMPLAR_FILTER", &["always_off"]),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", &[]),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", &[]),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", &[]),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", &[]),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", &[]),
    ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", &[]),
    ("OTEL_EXPORTER_JAEGER_ENDPOINT", &[]),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", &[]),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", &[]),
    ("OTEL_BSP_MAX_CONCURRENT_EXPORTS", &["1"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    HttpProtobuf,
}

/// Where and how a signal is exported.
#[derive(Debug)]
pub(super) struct SignalSettings {
    pub(super) signal: Signal,
    pub(super) protocol: Protocol,
    pub(super) endpoint: Uri,
    /// The time limit of one export, with its retries.
    pub(super) timeout: Duration,
    /// CAs that are trusted instead of those of the system.
    pub(super) certificate: Option<PemFile>,
    pub(super) client_certificate: Option<PemFile>,
    pub(super) client_key: Option<PemFile>,
}

/// A file with certificates or a private key.
#[derive(Debug)]
pub(super) struct PemFile {
    /// The variable that names the file.
    variable: String,
    pub(super) path: String,
}

impl PemFile {
    pub(super) fn refused(&self, problem: &dyn Display) -> TelemetryError {
        // A path is quoted only if it is not the key itself.
        let is_path = self.path.starts_with(['/', '.']) && !self.path.contains('\n');
        let shown = if is_path { &self.path } else { "the file" };
        let problem = format!("{shown}: {problem}; expected the path of a PEM file");
        TelemetryError::File { variable: self.variable.clone(), problem }
    }
}

/// Returns whether nothing is exported, whatever the other variables say.
pub(super) fn is_disabled(environment: &mut Environment) -> bool {
    environment.choice(&["OTEL_SDK_DISABLED"], ["true", "false"], "false") == "true"
}

/// Warns about variables that are set but have no effect.
pub(super) fn warn_of_unsupported(environment: &mut Environment) {
    for (name, without_effect) in UNSUPPORTED {
        if environment.text(name).is_some_and(|value| !without_effect.contains(&value)) {
            environment.warn(name, "not supported", None);
        }
    }
}

impl SignalSettings {
    /// Returns the settings if the signal is exported: if it has an endpoint, or if its exporter is chosen explicitly.
    ///
    /// # Errors
    /// If the endpoint is not a URL.
    pub(super) fn read(environment: &mut Environment, signal: Signal) -> Result<Option<Self>, TelemetryError> {
        let default = environment.first_set(&signal.variables("ENDPOINT")).map_or("none", |_| "otlp");
        let exporter = format!("OTEL_{}_EXPORTER", signal.as_str().to_ascii_uppercase());
        if environment.choice(&[exporter], ["otlp", "none"], default) == "none" {
            return Ok(None);
        }
        let protocols = ["grpc", "http/protobuf"];
        let protocol = match environment.choice(&signal.variables("PROTOCOL"), protocols, "http/protobuf") {
            "grpc" => Protocol::Grpc,
            _ => Protocol::HttpProtobuf,
        };
        let whole = match signal {
            Signal::Traces => "OTEL_BSP_EXPORT_TIMEOUT",
            Signal::Metrics => "OTEL_METRIC_EXPORT_TIMEOUT",
        };
        let timeout = environment.number(&signal.variables("TIMEOUT"), u32::MAX, 10_000);
        let timeout = timeout.min(environment.number(&[whole], u32::MAX, 30_000));
        check_what_the_library_reads(environment, signal);
        let file = |suffix| {
            let variables = signal.variables(suffix);
            let set = environment.first_set(&variables);
            set.map(|(variable, path)| PemFile { variable: variable.to_owned(), path: path.to_owned() })
        };
        let files = [file("CERTIFICATE"), file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")];
        let endpoint = endpoint(environment, signal, protocol)?;
        if endpoint.scheme() == Some(&Scheme::HTTP) {
            for file in files.iter().flatten() {
                environment.warn(&file.variable, "not used, because the endpoint is not https", None);
            }
        }
        let [certificate, client_certificate, client_key] = files;
        let timeout = Duration::from_millis(timeout.into());
        Ok(Some(Self { signal, protocol, endpoint, timeout, certificate, client_certificate, client_key }))
    }
}

/// Returns the URL of one signal. For HTTP, the path of the signal is appended to the URL for all signals only.
fn endpoint(environment: &Environment, signal: Signal, protocol: Protocol) -> Result<Uri, TelemetryError> {
    let [own, general] = signal.variables("ENDPOINT");
    let (is_own, text) = match (environment.text(&own), environment.text(&general), protocol) {
        (Some(own), ..) => (true, own),
        (None, Some(general), _) => (false, general),
        (None, None, Protocol::Grpc) => (false, "http://localhost:4317"),
        (None, None, Protocol::HttpProtobuf) => (false, "http://localhost:4318"),
    };
    let refused = || TelemetryError::Endpoint(if is_own { own.clone() } else { general.clone() });
    let is_complete = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && text.contains("://")
            // The parser would silently remove tabs and line breaks.
            && !text.contains(char::is_control)
            && url.username().is_empty()
            && url.password().is_none()
    };
    let mut url = Url::parse(text).ok().filter(is_complete).ok_or_else(refused)?;
    if protocol == Protocol::HttpProtobuf && !is_own {
        url.set_path(&format!("{}/v1/{}", url.path().trim_end_matches('/'), signal.as_str()));
    }
    url.as_str().parse().map_err(|_| refused())
}

/// Warns about values that `opentelemetry-otlp` and the SDK would ignore without notice. They read these variables themselves.
fn check_what_the_library_reads(environment: &mut Environment, signal: Signal) {
    environment.choice(&signal.variables("COMPRESSION"), ["gzip", "none"], "none");
    let headers = signal.variables("HEADERS");
    if let Some((name, text)) = environment.first_set(&headers)
        && !text.split_terminator(',').all(is_header)
    {
        environment.warn(name, "an entry is not NAME=VALUE; it is not sent", None);
    }
    match signal {
        Signal::Traces => {
            for limit in ["ATTRIBUTE", "EVENT", "LINK"].map(|limit| format!("OTEL_SPAN_{limit}_COUNT_LIMIT")) {
                environment.value(&[limit], "a number", 128, |text| text.parse::<u32>().ok());
            }
        }
        Signal::Metrics => {
            let preference = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
            environment.choice(&[preference], ["cumulative", "delta", "lowmemory"], "cumulative");
        }
    }
}

fn is_header(entry: &str) -> bool {
    let Some((name, value)) = entry.split_once('=') else { return false };
    let value = percent_decode_str(value.trim()).decode_utf8();
    HeaderName::from_bytes(name.trim().as_bytes()).is_ok()
        && value.is_ok_and(|value| !value.is_empty() && HeaderValue::from_str(&value).is_ok())
}

/// Returns how often metrics are exported.
pub(super) fn metric_interval(environment: &mut Environment) -> Duration {
    Duration::from_millis(environment.number(&["OTEL_METRIC_EXPORT_INTERVAL"], u32::MAX, 60_000).into())
}

/// Returns how spans are collected into batches.
pub(super) fn batches(environment: &mut Environment) -> BatchConfig {
    let delay = environment.number(&["OTEL_BSP_SCHEDULE_DELAY"], u32::MAX, 5_000);
    let queue = environment.number(&["OTEL_BSP_MAX_QUEUE_SIZE"], MAX_QUEUE, 2_048);
    let batch = environment.number(&["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], queue, queue.min(512));
    BatchConfigBuilder::default()
        .with_scheduled_delay(Duration::from_millis(delay.into()))
        .with_max_queue_size(queue as usize)
        .with_max_export_batch_size(batch as usize)
        .build()
}

/// Returns which traces are exported.
pub(super) fn sampler(environment: &mut Environment) -> Sampler {
    let names = [
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ];
    let name = environment.choice(&["OTEL_TRACES_SAMPLER"], names, "parentbased_always_on");
    let argument = "OTEL_TRACES_SAMPLER_ARG";
    let root = if name.ends_with("traceidratio") {
        let ratio = |text: &str| text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        Sampler::TraceIdRatioBased(environment.value(&[argument], "a number from 0 to 1", 1.0, ratio))
    } else {
        if environment.text(argument).is_some() {
            environment.warn(argument, "not supported by this sampler", None);
        }
        if name.ends_with("always_off") { Sampler::AlwaysOff } else { Sampler::AlwaysOn }
    };
    if name.starts_with("parentbased") { Sampler::ParentBased(Box::new(root)) } else { root }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_in_place_of_its_path_is_not_quoted() {
        let refused = |path: &str| {
            PemFile { variable: "OTEL_EXPORTER_OTLP_CLIENT_KEY".to_owned(), path: path.to_owned() }.refused(&"missing")
        };
        assert!(!refused("-----BEGIN PRIVATE KEY-----\nMC4C").to_string().contains("MC4C"));
        assert!(refused("/etc/otel/key.pem").to_string().contains("/etc/otel/key.pem"));
    }
}
