//! Everything for a few seconds.

use std::time::Duration;

use super::{Form, abuse, overload, run, soak};

const SHORT: Form = Form {
    // Stripe is slower than in the long form, so that the latency of an accepted call does not depend on the processor.
    overload: overload::Form { stripe: Duration::from_millis(400), seconds: [4, 5], is_quiet: false },
    abuse: abuse::Form { calls: 100, concurrent: 4, pause: Duration::from_millis(20) },
    soak: soak::Form { seconds: 5, compared: None },
    draws: false,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures latency: run it with `tests/load --short`"]
async fn service_keeps_its_promises() {
    run(SHORT).await;
}
