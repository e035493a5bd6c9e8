//! Faults of the Stripe simulator that several modules use.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use stripe_simulator::{Answer, Customer, Permission, RecordedRequest, Settings, Simulator, Subscription, Tamper};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, SemaphorePermit},
    time::sleep,
};

pub(crate) const SESSIONS: &str = "/v1/billing_portal/sessions";

/// The key of the backfill, with the permissions that docs/deploy.md lists.
pub(crate) const BACKFILL_KEY: &str = "rk_test_backfill";
const BACKFILL_PERMISSIONS: [Permission; 3] =
    [Permission::CustomersWrite, Permission::SubscriptionsRead, Permission::CheckoutSessionsRead];

/// Starts a simulator with the customers of the world's tenants, and restricted keys.
pub(crate) async fn simulator(settings: Settings) -> Simulator {
    let settings = settings
        .restricted_key("rk_test_customers", &[Permission::CustomersRead])
        .restricted_key(BACKFILL_KEY, &BACKFILL_PERMISSIONS)
        .restricted_key("rk_test_sessions", &[Permission::PortalSessionsWrite])
        .restricted_key("rk_test_events", &[Permission::EventsRead])
        .restricted_key("rk_test_all", &Permission::ALL);
    let stripe = Simulator::start_with(TcpListener::bind("127.0.0.1:0").await.unwrap(), settings).unwrap();
    for (tenant, customer) in [("acme", "cus_A"), ("globex", "cus_B"), ("dark", "cus_D")] {
        stripe.add_customer(Customer::new(customer).metadata("tenant_id", tenant));
    }
    stripe.add_subscription(Subscription::new("sub_A", "cus_A").item("si_A", "price_A", 1));
    stripe.add_subscription(Subscription::new("sub_B", "cus_B").item("si_B", "price_A", 1));
    stripe
}

/// Creates a session with a key of its own, as something beside the service would, and returns it.
pub(crate) async fn create_session_around_the_service(stripe: &Simulator, key: &str, customer: &str) -> Value {
    let request = reqwest::Client::new().post(format!("{}{SESSIONS}", stripe.base_url())).bearer_auth(key);
    let form = "application/x-www-form-urlencoded";
    let request = request.header("content-type", form).body(format!("customer={customer}"));
    request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
}

/// Alters the responses of the endpoints whose path starts with `path`.
pub(crate) fn alter(path: &'static str, change: impl Fn(Answer) -> Answer + Send + Sync + 'static) -> Tamper {
    Arc::new(move |request: RecordedRequest, answer| {
        let answer = if request.path.starts_with(path) { change(answer) } else { answer };
        Box::pin(async move { answer })
    })
}

/// Replaces the status and the body of a response.
pub(crate) fn respond_with(status: u16, json: Value) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| Answer { status, ..answer }.with_json(&json)
}

/// Makes every response take this long.
pub(crate) fn delay_responses(stripe: &Simulator, delay: Duration) {
    stripe.tamper(Some(Arc::new(move |_, answer| {
        Box::pin(async move {
            sleep(delay).await;
            answer
        })
    })));
}

/// Holds every response back until permits are added to the semaphore. The first value is notified of each request.
pub(crate) fn hold_responses(stripe: &Simulator) -> (Arc<Notify>, Arc<Semaphore>) {
    hold_responses_after(stripe, 0)
}

/// Responds to a number of requests, and then does the same as [`hold_responses`].
pub(crate) fn hold_responses_after(stripe: &Simulator, responses: usize) -> (Arc<Notify>, Arc<Semaphore>) {
    let (held, release) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(responses)));
    let shared = (Arc::clone(&held), Arc::clone(&release));
    stripe.tamper(Some(Arc::new(move |_, answer| {
        let (held, release) = shared.clone();
        Box::pin(async move {
            if release.try_acquire().map(SemaphorePermit::forget).is_err() {
                held.notify_one();
                release.acquire().await.unwrap().forget();
            }
            answer
        })
    })));
    (held, release)
}
