//! Everything in full.

use std::time::Duration;

use super::{Form, abuse, overload, run, soak};

const LONG: Form = Form {
    overload: overload::Form { stripe: Duration::from_millis(100), seconds: [20, 60], is_quiet: true },
    // So many that 99.9 % is not all of them.
    abuse: abuse::Form { calls: 2_000, concurrent: 1, pause: Duration::ZERO },
    // The fifth minute is compared with the last one.
    soak: soak::Form { seconds: 1_800, compared: Some([[240, 300], [1_740, 1_800]]) },
    draws: true,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 45 minutes: run it with `tests/load`"]
async fn service_keeps_its_promises() {
    run(LONG).await;
}
