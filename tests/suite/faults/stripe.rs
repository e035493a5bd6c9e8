//! Stripe fails.

use std::time::Duration;

use stripe_simulator::{Fault as Failure, Injection};

use super::{
    fault::{Affected, Fault, HARMLESS, Setup},
    launch::HOSTS,
    outcome::Outcome,
    stage::Stage,
};

const UNAVAILABLE: &[&str] = &["STRIPE_UNAVAILABLE"];

/// A call whose attempts time out may reach its deadline.
const SLOW: &[&str] = &["DEADLINE_EXCEEDED"];

/// GetPortalAccess does not need Stripe.
const OUTAGE: Fault = Fault {
    affected: Affected::Sessions,
    reasons: UNAVAILABLE,
    healthy_within: Duration::from_secs(2),
    figure: Some(amplification),
    ..HARMLESS
};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "stripe-refuses",
        title: "Stripe refuses connections",
        inject: |stage| Box::pin(fails(stage, Failure::ConnectionRefused.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-resets",
        title: "Stripe resets connections",
        inject: |stage| Box::pin(fails(stage, Failure::Reset.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-hangs-before-answer",
        title: "Stripe does not answer",
        rare: SLOW,
        inject: |stage| Box::pin(fails(stage, Failure::Hang.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-hangs-inside-answer",
        title: "Stripe stops in the middle of an answer",
        rare: SLOW,
        inject: |stage| Box::pin(fails(stage, Failure::HangInBody.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-drips",
        title: "Stripe sends an answer byte by byte",
        rare: SLOW,
        inject: |stage| Box::pin(fails(stage, Failure::BodyDrips.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-429-lock-timeout",
        title: "Stripe answers 429 with `lock_timeout`",
        reasons: &["STRIPE_CONFLICT"],
        inject: |stage| Box::pin(fails(stage, Failure::LockTimeout.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-429",
        title: "Stripe answers 429",
        reasons: &["STRIPE_RATE_LIMITED"],
        inject: |stage| Box::pin(fails(stage, Failure::RateLimit.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-500",
        title: "Stripe answers 500",
        inject: |stage| Box::pin(fails(stage, Failure::Status500.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-500-should-retry",
        title: "Stripe answers 500 with `Stripe-Should-Retry: true`",
        inject: |stage| Box::pin(fails(stage, Injection::from(Failure::Status500).should_retry(true))),
        ..OUTAGE
    },
    Fault {
        name: "stripe-outage",
        title: "Stripe answers 503, for a minute",
        inject: |stage| Box::pin(fails(stage, Failure::Status503.into())),
        ..OUTAGE
    },
    Fault {
        name: "stripe-503-should-not-retry",
        title: "Stripe answers 503 with `Stripe-Should-Retry: false`",
        inject: |stage| Box::pin(fails(stage, Injection::from(Failure::Status503).should_retry(false))),
        ..OUTAGE
    },
    Fault {
        name: "stripe-name-not-resolved",
        title: "The name of Stripe's host is not resolved",
        setup: Setup::HostName,
        inject: |stage| Box::pin(name_is_not_resolved(stage)),
        ..OUTAGE
    },
    Fault {
        name: "stripe-certificate-expired",
        title: "Stripe's certificate has expired",
        inject: |stage| Box::pin(fails(stage, Failure::CertificateExpired.into())),
        ..OUTAGE
    },
];

async fn fails(stage: &Stage, failure: Injection) {
    stage.stripe.inject(failure);
    stage.hold().await;
    stage.stripe.clear_faults();
}

async fn name_is_not_resolved(stage: &Stage) {
    // The mount leads to this file, so it must not be replaced by another one.
    std::fs::write(stage.path("hosts"), "").unwrap();
    // Otherwise, open connections would serve on.
    stage.stripe.inject(Failure::ClosedAfterResponse);
    stage.hold().await;
    stage.stripe.clear_faults();
    std::fs::write(stage.path("hosts"), HOSTS).unwrap();
}

/// A Stripe that fails receives at most a tenth more requests than calls need.
fn amplification(outcome: &Outcome<'_>) -> String {
    let attempts = outcome.attempts_per_request();
    // At first, retries may use what the calls before have saved.
    if outcome.during().count() > 1_000 {
        assert!(attempts <= 1.10, "{attempts} attempts for each request");
    }
    format!("{attempts:.2} attempts for each request")
}
