//! The collector of traces and metrics fails. Calls do not notice.

use std::time::Duration;

use super::{
    fault::{Fault, HARMLESS, Setup},
    outcome::Outcome,
    stage::Stage,
};
use crate::support::collector::{HttpCollector, hanging};

/// How a collector fails, from the start of the service on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collector {
    Down,
    Hangs,
    Late,
    Refuses,
}

impl Collector {
    /// Starts it. Returns the variables with which the service exports everything to it, often.
    pub(super) async fn variables(self) -> [(&'static str, String); 4] {
        let endpoint = match self {
            Self::Down => "http://127.0.0.1:1".to_owned(),
            Self::Hangs => format!("http://{}", hanging().await),
            Self::Late => HttpCollector::answering(200, Duration::from_secs(2)).await.endpoint,
            Self::Refuses => HttpCollector::answering(503, Duration::ZERO).await.endpoint,
        };
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000".to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200".to_owned()),
        ]
    }
}

const OUTAGE: Fault = Fault { inject: |stage| Box::pin(lasts(stage)), figure: Some(memory), ..HARMLESS };

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "collector-down",
        title: "The OTLP collector refuses connections",
        setup: Setup::Collector(Collector::Down),
        ..OUTAGE
    },
    Fault {
        name: "collector-hangs",
        title: "The OTLP collector does not answer",
        setup: Setup::Collector(Collector::Hangs),
        ..OUTAGE
    },
    Fault {
        name: "collector-late",
        title: "The OTLP collector answers after the time limit",
        setup: Setup::Collector(Collector::Late),
        ..OUTAGE
    },
    Fault {
        name: "collector-503",
        title: "The OTLP collector answers 503",
        setup: Setup::Collector(Collector::Refuses),
        ..OUTAGE
    },
];

async fn lasts(stage: &Stage) {
    // Of traces and of metrics.
    stage.serving.wait_for_lines(r#""message":"telemetry export failed""#, 2).await;
    stage.hold().await;
}

/// What cannot be exported does not stay in memory.
fn memory(outcome: &Outcome<'_>) -> String {
    let [before, after] = outcome.resources.map(|resources| resources.memory / 1024);
    format!("{before} MiB before, {after} MiB after")
}
