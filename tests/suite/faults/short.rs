//! Every fault for a second or two.

use super::{run::run_all, stage::Form};

const SHORT: Form = Form { calls: 30, divisor: 25, settings: &["--stripe-attempt-timeout=2s", "--deadline=6s"] };

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL and PgBouncer: `tests/run` installs them"]
async fn service_keeps_its_promises() {
    run_all(SHORT, 4).await;
}
