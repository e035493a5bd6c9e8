//! Every fault for a minute, or those in the variable `FAULTS`, separated by spaces.

use super::{run::run_all, stage::Form};

const LONG: Form = Form { calls: 1_200, divisor: 1, settings: &[] };

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: run it with `tests/faults`"]
async fn service_keeps_its_promises() {
    let names = std::env::var("FAULTS").unwrap_or_default();
    run_all(LONG, &names.split_whitespace().collect::<Vec<_>>(), 4).await;
}
