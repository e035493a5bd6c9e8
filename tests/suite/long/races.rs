//! Changes while Stripe responds: an owner is removed, a tenant is mapped elsewhere or nowhere, or the flag is switched
//! off. No URL may reach the caller later than 50 ms after the change was committed.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use rand::RngExt as _;
use serde_json::json;
use sqlx::AssertSqlSafe;
use stripe_simulator::Customer;

use crate::{
    integration::directory::TABLES,
    support::{Postgres, World, files::replace, postgres::TestDatabase, stripe::delay_responses},
};

const RACES: usize = 1_000;

const CONCURRENT: usize = 20;

/// How long Stripe takes.
const STRIPE: Duration = Duration::from_secs(3);

/// The change is committed at a random moment, at most this long before or after Stripe's answer.
const SPREAD: Duration = Duration::from_millis(60);

const LIMIT: Duration = Duration::from_millis(50);

const CHANGES: [&str; 4] = ["owner removed", "mapped to another customer", "mapped to none", "flag switched off"];

/// Outcomes other than refusals: when the URL arrived.
const BEFORE: &str = "URL before the change";
const AFTER: &str = "URL after the change";

/// A flag that can be switched off for one tenant after the other, by replacing the file.
struct Switch {
    file: std::path::PathBuf,
    off: Mutex<Vec<String>>,
}

impl Switch {
    fn switch_off(&self, tenant: &str) {
        let mut off = self.off.lock().unwrap();
        off.push(tenant.to_owned());
        let targeting = json!({"if": [{"in": [{"var": "targetingKey"}, *off]}, "off", "on"]});
        let variants = json!({"on": true, "off": false});
        let flag = json!({"state": "ENABLED", "variants": variants, "defaultVariant": "off", "targeting": targeting});
        replace(&self.file, &json!({"flags": {"billing-portal": flag}}).to_string());
    }
}

async fn change(index: usize, database: &TestDatabase, switch: &Switch) {
    let tenant = format!("t{index}");
    let statement = match CHANGES[index % CHANGES.len()] {
        "owner removed" => format!("DELETE FROM billing_portal_owners WHERE tenant_id = '{tenant}'"),
        "mapped to another customer" => {
            format!(
                "UPDATE billing_portal_tenants SET stripe_customer_id = 'cus_other{index}' WHERE tenant_id = '{tenant}'"
            )
        }
        "mapped to none" => {
            format!("UPDATE billing_portal_tenants SET stripe_customer_id = NULL WHERE tenant_id = '{tenant}'")
        }
        _ => return switch.switch_off(&tenant),
    };
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&database.admin).await.unwrap();
}

/// Runs one race. Returns the reason of the refusal, or by how much a released URL was later than the change; zero if it was
/// earlier.
async fn race(index: usize, world: &World, database: &TestDatabase, switch: &Switch) -> Result<Duration, String> {
    let token = world.issuer.token("olivia", &format!("t{index}"), "owner");
    let moment = Instant::now() + STRIPE - SPREAD + rand::rng().random_range(Duration::ZERO..=SPREAD * 2);
    let call = async {
        let outcome = world.open(&token).await;
        (outcome, Instant::now())
    };
    let change = async {
        tokio::time::sleep_until(moment.into()).await;
        change(index, database, switch).await;
        Instant::now()
    };
    let ((outcome, ended), committed) = tokio::join!(call, change);
    outcome.map(|_| ended.saturating_duration_since(committed)).map_err(|refusal| refusal.reason)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes long: run it with `tests/run --long`"]
async fn no_url_arrives_after_the_right_to_it_has_ended() {
    let database = Postgres::shared().database().await;
    let rows = format!(
        "{TABLES} INSERT INTO billing_portal_tenants SELECT 't' || i, 'cus_' || i FROM generate_series(0, {RACES}) AS i;
         INSERT INTO billing_portal_owners SELECT 't' || i, 'olivia' FROM generate_series(0, {RACES}) AS i;"
    );
    database.run(&rows).await;
    let world = World::with(&[&database.setting(), "--stripe-rate=1000"]).await;
    for index in 0..RACES {
        world.stripe.add_customer(Customer::new(&format!("cus_{index}")).metadata("tenant_id", &format!("t{index}")));
    }
    delay_responses(&world.stripe, STRIPE);
    let switch = Switch { file: world.path("flags.json"), off: Mutex::default() };
    let races = stream::iter(0..RACES).map(|index| {
        let (world, database, switch) = (&world, &database, &switch);
        async move { (index, race(index, world, database, switch).await) }
    });
    let outcomes: Vec<_> = races.buffer_unordered(CONCURRENT).collect().await;

    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut latest = Duration::ZERO;
    for (index, outcome) in &outcomes {
        let outcome = match outcome {
            Ok(Duration::ZERO) => BEFORE,
            Ok(late) => {
                latest = latest.max(*late);
                AFTER
            }
            Err(reason) => reason,
        };
        *counts.entry((CHANGES[index % CHANGES.len()], outcome)).or_default() += 1;
    }
    println!("races: {RACES}; the latest URL arrived {latest:.1?} after the change\n{counts:#?}");
    let expected = ["NOT_OWNER", "MAPPING_INTEGRITY", "NO_BILLING_ACCOUNT", "FEATURE_DISABLED"];
    for (change, reason) in CHANGES.into_iter().zip(expected) {
        let count = |outcome| counts.get(&(change, outcome)).copied().unwrap_or_default();
        let (urls, refusals) = (count(BEFORE) + count(AFTER), count(reason));
        assert_eq!(urls + refusals, RACES / CHANGES.len(), "{change}");
        assert!(urls > 0 && refusals > 0, "{change}: all changes were on the same side of the second reading");
    }
    assert!(latest <= LIMIT, "{latest:?}");
}
