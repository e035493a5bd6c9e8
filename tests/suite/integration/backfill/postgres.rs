//! The directory in PostgreSQL.

use stripe_simulator::Customer;

use super::{backfill, rows, world_with, writes};
use crate::{
    integration::directory::TABLES,
    support::{
        Postgres,
        process::{run, text},
    },
};

const TENANTS: &str = "INSERT INTO billing_portal_tenants VALUES
    ('acme', 'cus_A'), ('initech', NULL), ('hooli', 'cus_H'), ('umbrella', 'cus_U'), ('twice', 'cus_2'), ('twice', 'cus_3')";

#[tokio::test]
#[ignore = "needs PostgreSQL: `tests/run` installs it"]
async fn dry_run_and_write_have_the_results_of_sqlite() {
    let world = world_with(&[]).await;
    let database = Postgres::shared().database().await;
    for statements in [TABLES, TENANTS] {
        database.run(statements).await;
    }
    for customer in ["cus_H", "cus_U", "cus_2", "cus_3"] {
        world.stripe.add_customer(Customer::new(customer));
    }
    let setting = database.setting();
    for (changes, result) in [(&[&*setting] as &[&str], "to_write"), (&[&setting, "--write"], "written")] {
        let output = backfill(&world, changes).await;
        let hooli = format!("hooli cus_H {result} - - -");
        let twice = "twice cus_2 contradictory MAPPING_INTEGRITY two_rows -".to_owned();
        assert_eq!(rows(&output), [hooli, twice, format!("umbrella cus_U {result} - - -")], "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(1));
    }
    assert_eq!(writes(&world).len(), 2);
    let output = run(&world, &["audit-mapping", "--format=csv"], &[&setting]).await;
    assert_eq!(
        text(&output.stdout),
        "tenant,customer,reason,detail\ntwice,cus_2,MAPPING_INTEGRITY,two_rows\n",
        "{}",
        text(&output.stderr)
    );
}
