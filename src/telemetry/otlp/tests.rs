//! How variables are read. Which of them have an effect on a real collector is tested with the real process.

use std::ffi::OsString;

use opentelemetry::{Key, Value};
use opentelemetry_sdk::trace::Sampler;

use super::{
    TelemetryError,
    environment::{Environment, Signal},
    resource, settings,
    settings::{Protocol, SignalSettings},
};

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

/// Reads the settings of traces, and returns their protocol, endpoint and time limit.
fn read(variables: &[(&str, &str)]) -> Result<Option<(Protocol, String, u128)>, TelemetryError> {
    let settings = SignalSettings::read(&mut environment(variables), Signal::Traces)?;
    Ok(settings.map(|settings| (settings.protocol, settings.endpoint.to_string(), settings.timeout.as_millis())))
}

#[test]
fn variable_of_signal_takes_precedence_and_path_is_appended_only_to_general_endpoint_over_http() {
    let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1");
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t:2/own");
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let expected = |protocol, endpoint: &str, timeout| Some((protocol, endpoint.to_owned(), timeout));
    use Protocol::{Grpc, HttpProtobuf};
    assert_eq!(read(&[]).unwrap(), None);
    assert_eq!(read(&[general]).unwrap(), expected(HttpProtobuf, "http://c:1/v1/traces", 10_000));
    assert_eq!(read(&[general, grpc]).unwrap(), expected(Grpc, "http://c:1/", 10_000));
    assert_eq!(read(&[general, own]).unwrap(), expected(HttpProtobuf, "https://t:2/own", 10_000));
    let with_path = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1/base/");
    assert_eq!(read(&[with_path]).unwrap(), expected(HttpProtobuf, "http://c:1/base/v1/traces", 10_000));
    let http = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "HTTP/protobuf");
    assert_eq!(read(&[general, grpc, http]).unwrap(), expected(HttpProtobuf, "http://c:1/v1/traces", 10_000));
    let timeouts = [("OTEL_EXPORTER_OTLP_TIMEOUT", "7"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "8")];
    assert_eq!(read(&[own, timeouts[0], timeouts[1]]).unwrap(), expected(HttpProtobuf, "https://t:2/own", 8));
    assert_eq!(read(&[own, ("OTEL_BSP_EXPORT_TIMEOUT", "9")]).unwrap(), expected(HttpProtobuf, "https://t:2/own", 9));
    assert_eq!(read(&[own, ("OTEL_TRACES_EXPORTER", "none")]).unwrap(), None);
    let otlp = ("OTEL_TRACES_EXPORTER", "otlp");
    assert_eq!(read(&[otlp]).unwrap(), expected(HttpProtobuf, "http://localhost:4318/v1/traces", 10_000));
    assert_eq!(read(&[otlp, grpc]).unwrap(), expected(Grpc, "http://localhost:4317/", 10_000));
}

#[test]
fn endpoint_that_is_not_a_complete_url_is_an_error_that_names_the_variable() {
    let no_scheme = ["collector:4317", "collector", "//collector:4317", "http:collector"];
    for bad in no_scheme.into_iter().chain(["ftp://c", "http://", "http://u:p@c", "http://coll\nector", "ht\ttp://c"]) {
        for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
            let error = read(&[(name, bad)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}: ")) && !error.contains("u:p"), "{bad}: {error}");
        }
    }
    assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"), ("OTEL_TRACES_EXPORTER", "none")]).is_ok());
}

#[test]
fn value_that_is_not_supported_is_a_warning_and_the_default() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1");
    for (name, value, used) in [
        ("OTEL_SDK_DISABLED", "yes", Some("false")),
        ("OTEL_TRACES_EXPORTER", "zipkin", Some("otlp")),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", Some("http/protobuf")),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "gprc", Some("http/protobuf")),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", Some("10000")),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s", Some("10000")),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", Some("none")),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization", None),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a b=c", None),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", Some("5000")),
        ("OTEL_BSP_EXPORT_TIMEOUT", "-1", Some("30000")),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "18446744073709551615", Some("2048")),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049", Some("512")),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", Some("60000")),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "0", Some("30000")),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "sometimes", Some("cumulative")),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many", Some("128")),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", Some("parentbased_always_on")),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5", None),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c", Some("")),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true", None),
        ("OTEL_PROPAGATORS", "b3", None),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem", None),
    ] {
        let mut environment = environment(&[endpoint, (name, value)]);
        assert!(!settings::is_disabled(&mut environment));
        settings::warn_of_unsupported(&mut environment);
        for signal in [Signal::Traces, Signal::Metrics] {
            SignalSettings::read(&mut environment, signal).unwrap().unwrap();
        }
        settings::metric_interval(&mut environment);
        settings::batches(&mut environment);
        settings::sampler(&mut environment);
        resource::read(&mut environment);
        let warnings: Vec<_> = environment.into_warnings();
        assert!(warnings.len() == 1 && warnings[0].variable == name, "{name}: {warnings:?}");
        assert_eq!(warnings[0].used.as_deref(), used, "{name}");
    }
}

#[test]
fn sampler_takes_a_ratio_from_0_to_1() {
    let read = |name: &str, argument: &str| {
        settings::sampler(&mut environment(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)]))
    };
    let ratio = |argument: &str| {
        let sampler = read("traceidratio", argument);
        let Sampler::TraceIdRatioBased(ratio) = sampler else { panic!("{sampler:?}") };
        ratio
    };
    for (argument, expected) in
        [("0", 0.0), ("0.25", 0.25), ("1", 1.0), ("", 1.0), ("-1", 1.0), ("2", 1.0), ("NaN", 1.0)]
    {
        assert_eq!(ratio(argument), expected, "{argument}");
    }
    let Sampler::ParentBased(_) = read("ParentBased_TraceIdRatio", "0.5") else { panic!() };
    let Sampler::AlwaysOff = read("always_off", "") else { panic!() };
}

#[test]
fn service_name_comes_from_its_variable_then_from_the_attributes() {
    let attributes = |attributes: &str, name: &str| {
        let variables = [("OTEL_RESOURCE_ATTRIBUTES", attributes), ("OTEL_SERVICE_NAME", name)];
        let resource = resource::read(&mut environment(&variables));
        move |key: &'static str| resource.get(&Key::from_static_str(key)).as_ref().map(Value::to_string)
    };
    let named = |given: &str, name: &str| attributes(given, name)("service.name").unwrap();
    assert_eq!(named("service.name=a", "b"), "b");
    assert_eq!(named(" service.name = a , x=y,", ""), "a");
    assert_eq!(named("xservice.name=a", ""), "billing-portal");
    assert_eq!(named("x=service.name=a", ""), "billing-portal");
    assert_eq!(attributes("team=a%2Cb%20c%C3%A9", "")("team").unwrap(), "a,b cé");
    for malformed in ["team=a,b", "team=%2", "team=%zz", "team=%FF", "=a,team=b"] {
        assert_eq!(attributes(malformed, "")("team"), None, "{malformed}");
    }
}
