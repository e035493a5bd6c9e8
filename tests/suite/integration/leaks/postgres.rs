//! The password of the database, right and wrong.

use std::fs;

use super::{end, open, search, shown};
use crate::support::{
    World,
    postgres::Postgres,
    process::{binary, serve},
};

#[tokio::test]
#[ignore = "needs PostgreSQL: tests/run installs it"]
async fn no_password_of_the_database_appears_at_trace_level() {
    let (mut world, database) = (World::start().await, Postgres::shared().database().await);
    database
        .run(
            "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text);
             CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
             INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A');
             INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');",
        )
        .await;
    const WRONG: &str = "canary-of-a-wrong-password";
    let password = world.path("password");
    fs::write(&password, WRONG).unwrap();
    let port = Postgres::shared().port;
    let arguments = world.settings(&[
        "--listen=127.0.0.1:0",
        &format!("--database-url=postgres://{0}@127.0.0.1:{port}/{0}", database.name),
        &format!("--database-password-file={}", password.display()),
    ]);
    let mut command = binary();
    command.args(arguments).env("RUST_LOG", "trace");
    let serving = serve(command).await;
    world.connect_to(serving.address).await;
    let mut received = open(&world, &world.olivia()).await;
    serving.wait_for_lines("password authentication failed", 1).await;
    fs::write(&password, "first-secret").unwrap();
    while world.open(&world.olivia()).await.is_err() {
        tokio::task::yield_now().await;
    }
    database.run("ALTER TABLE billing_portal_tenants RENAME TO moved").await;
    received += &open(&world, &world.olivia()).await;
    let mut sources = vec![("what callers receive", "DATABASE_UNAVAILABLE", received.into_bytes())];
    sources.extend(shown(&serving));
    sources.extend(end(serving, &world).await);
    search(&[WRONG, "first-secret"].map(str::to_owned), &sources);
}
