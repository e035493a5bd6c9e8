//! Tenant isolation: a thousand tenants call concurrently while their mappings change. Each released URL must open the
//! portal of a customer to which the directory mapped that tenant at some moment during the call.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use rusqlite::Connection;
use stripe_simulator::Customer;
use tonic::transport::{Channel, Endpoint};

use crate::support::{
    ClientError, World,
    world::{bearer, home},
};

const TENANTS: usize = 1_000;

/// The number of calls that the service accepts at the same time on one connection.
const STREAMS: usize = 100;

/// The period in which a tenant may have been mapped to a customer: from the start of the change to this customer until
/// the end of the change to the next one.
struct Period {
    customer: Option<String>,
    from: Instant,
    until: Option<Instant>,
}

/// The mapping periods of every tenant, in order.
#[derive(Default)]
struct History(Mutex<HashMap<usize, Vec<Period>>>);

impl History {
    /// Changes the rows of tenants in one transaction, and records when the change starts and ends.
    fn change(&self, database: &mut Connection, rows: &[(usize, Option<String>)]) {
        for (tenant, customer) in rows {
            let period = Period { customer: customer.clone(), from: Instant::now(), until: None };
            self.0.lock().unwrap().entry(*tenant).or_default().push(period);
        }
        let transaction = database.transaction().unwrap();
        for (tenant, customer) in rows {
            let update = "UPDATE billing_portal_tenants SET stripe_customer_id = ? WHERE tenant_id = ?";
            transaction.execute(update, (customer, format!("t{tenant}"))).unwrap();
        }
        transaction.commit().unwrap();
        let mut periods = self.0.lock().unwrap();
        for (tenant, _) in rows {
            let periods = periods.get_mut(tenant).unwrap();
            let previous = periods.len() - 2;
            periods[previous].until = Some(Instant::now());
        }
    }

    /// Returns whether a tenant may have been mapped to a customer at some moment between `from` and `until`.
    fn may_have_mapped(&self, tenant: usize, customer: &str, from: Instant, until: Instant) -> bool {
        self.0.lock().unwrap()[&tenant].iter().any(|period| {
            period.customer.as_deref() == Some(customer)
                && period.from <= until
                && period.until.is_none_or(|end| end >= from)
        })
    }
}

/// Returns the id of one of a tenant's two customers, `a` and `b`. Both name the tenant at Stripe.
fn customer_id(tenant: usize, suffix: &str) -> String {
    format!("cus_{tenant}{suffix}")
}

fn populate(world: &World, history: &History) {
    world.sql("PRAGMA journal_mode = WAL; DELETE FROM billing_portal_tenants; DELETE FROM billing_portal_owners");
    let mut database = world.database();
    let transaction = database.transaction().unwrap();
    for tenant in 0..TENANTS {
        for suffix in ["a", "b"] {
            world
                .stripe
                .add_customer(Customer::new(&customer_id(tenant, suffix)).metadata("tenant_id", &format!("t{tenant}")));
        }
        for (insert, value) in [
            ("INSERT INTO billing_portal_tenants VALUES (?, ?)", customer_id(tenant, "a")),
            ("INSERT INTO billing_portal_owners VALUES (?, ?)", format!("u{tenant}")),
        ] {
            transaction.execute(insert, [format!("t{tenant}"), value]).unwrap();
        }
        let period = Period { customer: Some(customer_id(tenant, "a")), from: Instant::now(), until: None };
        history.0.lock().unwrap().insert(tenant, vec![period]);
    }
    transaction.commit().unwrap();
}

/// Changes the mappings of one tenant after another: to the tenant's other customer, to a neighbor's customer (which must
/// never be released), to none, and back.
async fn change_mappings(mut database: Connection, history: &History, done: &AtomicBool) -> usize {
    let mut changes = 0;
    while !done.load(Ordering::Relaxed) {
        let tenant = (changes * 7) % TENANTS;
        let neighbor = (tenant + 1) % TENANTS;
        let step = match (changes / TENANTS + changes) % 4 {
            0 => vec![(tenant, Some(customer_id(tenant, "b")))],
            1 => vec![(tenant, Some(customer_id(neighbor, "a"))), (neighbor, Some(customer_id(tenant, "a")))],
            2 => vec![(tenant, None)],
            _ => vec![(tenant, Some(customer_id(tenant, "a"))), (neighbor, Some(customer_id(neighbor, "a")))],
        };
        history.change(&mut database, &step);
        changes += 1;
        tokio::task::yield_now().await;
    }
    changes
}

/// Makes calls while the mapping changes. Accepts `refusals` in addition to those that the changes cause.
async fn run(calls: usize, concurrency: usize, refusals: &[&str]) {
    let world = World::with(&[
        // The audit is not under test, and writing it to disk would slow the run down.
        "--audit=file:/dev/null",
        "--max-in-flight=4000",
        "--deadline=60s",
        "--stripe-attempt-timeout=30s",
    ])
    .await;
    world.stripe.record_requests(false);
    let history = Arc::new(History::default());
    populate(&world, &history);
    let world = Arc::new(world);
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let started = Instant::now();
    let changing = tokio::spawn({
        let (database, history, done) = (world.database(), Arc::clone(&history), Arc::clone(&done));
        async move { change_mappings(database, &history, &done).await }
    });
    let mut callers = tokio::task::JoinSet::new();
    let mut channel = world.channel.clone();
    for number in 1..=concurrency {
        callers.spawn(call(Arc::clone(&world), channel.clone(), Arc::clone(&history), Arc::clone(&next), calls));
        if number % STREAMS == 0 {
            channel = Endpoint::from_shared(format!("http://{}", world.address)).unwrap().connect().await.unwrap();
        }
    }
    let mut outcomes: HashMap<String, usize> = HashMap::new();
    while let Some(counts) = callers.join_next().await {
        for (reason, count) in counts.unwrap() {
            *outcomes.entry(reason).or_default() += count;
        }
    }
    done.store(true, Ordering::Relaxed);
    let changes = changing.await.unwrap();
    let released = outcomes.get("released").copied().unwrap_or_default();
    assert_eq!(outcomes.values().sum::<usize>(), calls);
    assert!(released > calls / 4, "too few calls succeeded: {outcomes:?}");
    let expected = ["released", "MAPPING_INTEGRITY", "NO_BILLING_ACCOUNT"];
    let known = |reason: &str| expected.contains(&reason) || refusals.contains(&reason);
    assert!(outcomes.keys().all(|reason| known(reason)), "{outcomes:?}");
    // If one of these outcomes is missing, the mapping changes did not affect the calls.
    assert!(expected.iter().all(|reason| outcomes.contains_key(*reason)), "{outcomes:?}");
    assert!(changes > calls / 100, "only {changes} mapping changes");
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "isolation: {calls} calls by {TENANTS} tenants, {concurrency} concurrently, {changes} mapping changes: {outcomes:?}, 0 wrong, {seconds:.1} s"
    );
}

/// Makes calls until all callers together have made `calls`, and counts the outcomes. Panics when a released URL opens the
/// wrong portal.
async fn call(
    world: Arc<World>,
    channel: Channel,
    history: Arc<History>,
    next: Arc<AtomicUsize>,
    calls: usize,
) -> HashMap<String, usize> {
    let mut outcomes = HashMap::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= calls {
            return outcomes;
        }
        let tenant = number % TENANTS;
        let token = world.issuer.token(&format!("u{tenant}"), &format!("t{tenant}"), "owner");
        let from = Instant::now();
        let outcome = BillingPortalClient::new(channel.clone()).create_portal_session(bearer(&token, home())).await;
        let until = Instant::now();
        let reason = match outcome {
            Ok(response) => {
                let url = response.into_inner().url;
                let customer = world.stripe.customer_of(&url).unwrap();
                assert!(
                    [customer_id(tenant, "a"), customer_id(tenant, "b")].contains(&customer),
                    "t{tenant} got {customer}"
                );
                assert!(
                    history.may_have_mapped(tenant, &customer, from, until),
                    "t{tenant} got {customer} at the wrong time"
                );
                "released".to_owned()
            }
            Err(status) => ClientError::of(&status).reason,
        };
        *outcomes.entry(reason).or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tenant_gets_portal_of_other_tenant_while_mapping_changes() {
    run(4_000, 200, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes long: run it with `tests/run --long`"]
async fn no_tenant_gets_portal_of_other_tenant_in_hundred_thousand_calls() {
    // On a small machine, a thousand concurrent calls may exceed the time that a call waits for a connection.
    run(100_000, 1_000, &["DATABASE_UNAVAILABLE"]).await;
}
