//! Every fault for a minute.

use super::{run::run_all, stage::Form};

const LONG: Form = Form { calls: 1_200, divisor: 1, settings: &[] };

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run it with `tests/faults`"]
async fn service_keeps_its_promises() {
    run_all(LONG, 4).await;
}
