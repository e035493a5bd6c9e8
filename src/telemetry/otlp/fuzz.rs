//! The `OTEL_*` variables. Their values may contain credentials, which no message repeats.

use super::*;
use crate::fuzz;

const PASSWORD: &str = "hunter2";

/// Each line of the input is a variable, such as `OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317`.
#[test]
fn telemetry() {
    fuzz::run("telemetry", |input| {
        let variables = fuzz::text(input).lines().filter_map(|line| line.split_once('='));
        let variables = variables.filter(|(name, _)| !name.contains(PASSWORD));
        let mut environment = Environment::new(variables.map(|(name, value)| (name.into(), value.into())));
        settings::warn_of_unsupported(&mut environment);
        let _ = settings::is_disabled(&mut environment);
        for signal in [Signal::Traces, Signal::Metrics] {
            match SignalSettings::read(&mut environment, signal) {
                Ok(None) => {}
                Ok(Some(settings)) => check_endpoint(&settings),
                Err(error) => assert!(!error.to_string().contains(PASSWORD), "{error}"),
            }
        }
        drop((
            settings::batches(&mut environment),
            settings::sampler(&mut environment),
            settings::metric_interval(&mut environment),
        ));
        drop(resource::read(&mut environment));
        let warnings = format!("{environment:?}");
        assert!(!warnings.contains(PASSWORD), "{warnings}");
    });
}

fn check_endpoint(settings: &SignalSettings) {
    let endpoint = &settings.endpoint;
    assert!(matches!(endpoint.scheme_str(), Some("http" | "https")));
    assert!(
        endpoint.host().is_some_and(|host| !host.is_empty()) && !endpoint.authority().unwrap().as_str().contains('@')
    );
    assert!(!settings.timeout.is_zero());
}
