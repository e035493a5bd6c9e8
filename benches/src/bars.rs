//! The limits that the figures must keep.

use serde::Serialize;

use crate::{
    footprint::Footprint,
    report::{Rows, Spread, markdown},
};

/// A limit.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}
use Limit::{AtLeast, AtMost};

/// A limit with the figure that was measured.
#[derive(Debug, Serialize)]
pub struct Bar {
    what: &'static str,
    unit: &'static str,
    bar: Limit,
    measured: Spread,
    reached: bool,
}

/// Returns the bars of everything that was measured.
pub fn bars(rows: &Rows, footprint: &Footprint) -> Vec<Bar> {
    let cpu = |name, base| rows.compare([name, base], |[own, base]| Some(own.cpu_us_per_call / base.cpu_us_per_call));
    let rate = |name, base| {
        rows.compare([name, base], |[own, base]| Some(own.measured.calls_per_second / base.measured.calls_per_second))
    };
    let of = |name, value: fn(&crate::measure::Figures) -> Option<f64>| rows.compare([name], |[own]| value(own));
    let one = |value: Option<f64>| Spread::of(value);
    let many = "session, 1 s, 5,000 in flight";
    let candidates = [
        ("access, repeated tokens: CPU / bare echo", "", AtMost(2.0), cpu("access, repeated tokens", "bare echo")),
        (
            "refused call: CPU / (echo + verification)",
            "",
            AtMost(1.15),
            cpu("refused, distinct tokens", "echo + verification"),
        ),
        ("session: CPU / session floor", "", AtMost(1.20), cpu("session", "session floor")),
        (
            "session, both cores: calls/s, durable audit / null device",
            "",
            AtLeast(0.85),
            rate("session, both cores", "session, both cores, null device"),
        ),
        (
            "session, 2 ms per flush",
            "calls/s",
            AtLeast(1_000.0),
            of("session, 2 ms per flush", |figures| Some(figures.measured.calls_per_second)),
        ),
        (
            "session, 200 ms, 1,000 in flight: p99 above the bare client",
            "ms",
            AtMost(3.0),
            rows.compare(
                ["session, 200 ms, 1,000 in flight", "bare client, 200 ms, 1,000 in flight"],
                |[own, bare]| Some(own.measured.p99_ms - bare.measured.p99_ms),
            ),
        ),
        (
            "session, 1 s, 5,000 in flight: errors",
            "",
            AtMost(0.0),
            of(many, |figures| Some(figures.measured.failed as f64)),
        ),
        (
            "session, 1 s, 5,000 in flight: memory per call in flight",
            "KiB",
            AtMost(24.0),
            of(many, |figures| figures.kib_per_call_in_flight),
        ),
        (
            "access, PostgreSQL: p99, 1,000,000 / 1,000 tenants",
            "",
            AtMost(1.2),
            rows.compare(
                ["access, PostgreSQL, 1,000,000 tenants", "access, PostgreSQL, 1,000 tenants"],
                |[many, few]| Some(many.measured.p99_ms / few.measured.p99_ms),
            ),
        ),
        ("memory at rest", "MiB", AtMost(16.0), of("session", |figures| figures.at_rest_mib)),
        ("start to SERVING, existing SQLite file", "ms", AtMost(15.0), footprint.start_ms),
        ("session, telemetry on / off: CPU", "", AtMost(1.20), cpu("session, telemetry", "session")),
        (
            "session: new connections to Stripe / calls",
            "%",
            AtMost(0.1),
            of("session", |figures| Some(100.0 * figures.new_connections_per_call?)),
        ),
        ("stripped release binary", "MiB", AtMost(16.0), one(footprint.binary_mib)),
        ("clean release build", "min", AtMost(6.0), one(footprint.builds.map(|builds| builds.clean_release_s / 60.0))),
        ("session: CPU, Node.js / this", "", AtLeast(5.0), cpu("Node.js, session", "session")),
        ("session: CPU, Go / this", "", AtLeast(1.5), cpu("Go, session", "session")),
    ];
    let bar = |(what, unit, bar, measured): (_, _, _, Option<Spread>)| {
        let measured = measured?;
        let reached = match bar {
            AtMost(limit) => measured.median <= limit,
            AtLeast(limit) => measured.median >= limit,
        };
        Some(Bar { what, unit, bar, measured, reached })
    };
    candidates.into_iter().filter_map(bar).collect()
}

/// Returns the bars as a Markdown table.
pub fn table(bars: &[Bar]) -> String {
    let mut table = markdown(["what", "bar", "measured", "reached"]);
    for Bar { what, unit, bar, measured, reached } in bars {
        let bar = match bar {
            AtMost(limit) => format!("at most {limit} {unit}"),
            AtLeast(limit) => format!("at least {limit} {unit}"),
        };
        let decimals = if measured.median < 10.0 { 2 } else { 0 };
        let reached = if *reached { "yes" } else { "no" };
        table.add_row([what, bar.trim(), &measured.show(decimals), reached]);
    }
    table.to_string()
}
