//! The database fails.

use std::time::Duration;

use tokio::task::block_in_place;

use super::{
    fault::{Affected, Fault, HARMLESS, Setup},
    outcome::Outcome,
    stage::Stage,
};

/// Every call needs the directory.
const OUTAGE: Fault = Fault {
    affected: Affected::All,
    reasons: &["DATABASE_UNAVAILABLE"],
    // A query that has begun, or a connection that others wait for as well, may take the whole time of a call.
    rare: &["DEADLINE_EXCEEDED"],
    healthy_within: Duration::from_secs(2),
    ..HARMLESS
};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "database-killed",
        title: "The database server is killed",
        setup: Setup::OwnServer,
        inject: |stage| Box::pin(killed(stage)),
        ..OUTAGE
    },
    Fault {
        name: "database-killed-behind-pgbouncer",
        title: "The database server behind PgBouncer is killed",
        setup: Setup::Pooler,
        // PgBouncer waits for a second before it connects again, as its `server_login_retry` says here.
        healthy_within: Duration::from_secs(5),
        inject: |stage| Box::pin(killed(stage)),
        ..OUTAGE
    },
    Fault {
        name: "database-restarted",
        title: "The database server is restarted",
        setup: Setup::OwnServer,
        inject: |stage| Box::pin(restarted(stage)),
        ..OUTAGE
    },
    Fault {
        name: "database-stopped",
        title: "The database server does not answer (SIGSTOP)",
        setup: Setup::OwnServer,
        inject: |stage| Box::pin(stopped(stage)),
        ..OUTAGE
    },
    Fault {
        name: "database-connection-limit",
        title: "The role has reached its connection limit",
        inject: |stage| Box::pin(connection_limit(stage)),
        ..OUTAGE
    },
    Fault {
        name: "database-slow-for-one-tenant",
        title: "The queries of one tenant are slow",
        affected: Affected::OneTenant,
        inject: |stage| Box::pin(slow_for_one_tenant(stage)),
        figure: Some(others_are_as_fast),
        ..OUTAGE
    },
    Fault {
        name: "database-relation-renamed",
        title: "A relation is missing",
        inject: |stage| Box::pin(relation_renamed(stage)),
        ..OUTAGE
    },
    Fault {
        name: "database-failover",
        title: "The primary is killed, a standby is promoted",
        setup: Setup::Standby,
        inject: |stage| Box::pin(failover(stage)),
        ..OUTAGE
    },
    Fault {
        name: "database-password-changed",
        setup: Setup::Password,
        title: "The password of the role is not the one in the file",
        inject: |stage| Box::pin(password_changed(stage)),
        ..OUTAGE
    },
];

/// The processes of the server, in addition to its first one.
async fn processes(stage: &Stage) -> Vec<i32> {
    sqlx::query_scalar("SELECT pid FROM pg_stat_activity").fetch_all(&stage.database.admin).await.unwrap()
}

async fn killed(stage: &Stage) {
    let processes = processes(stage).await;
    stage.server().signal("KILL", &processes).await;
    stage.hold().await;
    block_in_place(|| stage.server().start_after_kill());
}

async fn restarted(stage: &Stage) {
    block_in_place(|| stage.server().stop());
    stage.wait_for_refusal().await;
    block_in_place(|| stage.server().start_again());
}

async fn stopped(stage: &Stage) {
    let processes = processes(stage).await;
    stage.server().signal("STOP", &processes).await;
    stage.hold().await;
    stage.server().signal("CONT", &processes).await;
}

async fn connection_limit(stage: &Stage) {
    let role = &stage.database.name;
    stage.sql(&format!("ALTER ROLE {role} CONNECTION LIMIT 0")).await;
    stage.close_connections().await;
    stage.hold().await;
    stage.sql(&format!("ALTER ROLE {role} CONNECTION LIMIT -1")).await;
}

async fn slow_for_one_tenant(stage: &Stage) {
    let mut lock = stage.database.admin.acquire().await.unwrap();
    sqlx::raw_sql("SELECT pg_advisory_lock(1)").execute(&mut *lock).await.unwrap();
    // PostgreSQL compares the ids, which costs less, before it calls the function.
    let slow = "
        CREATE FUNCTION slow() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT pg_advisory_xact_lock_shared(1)::text $$;
        CREATE OR REPLACE VIEW billing_portal_owners AS
            SELECT tenant_id, user_id FROM owners WHERE tenant_id <> 't0' OR slow() IS NOT NULL";
    stage.sql(slow).await;
    stage.hold().await;
    drop(lock.close().await);
}

async fn relation_renamed(stage: &Stage) {
    stage.sql("ALTER VIEW billing_portal_tenants RENAME TO moved").await;
    stage.hold().await;
    stage.sql("ALTER VIEW moved RENAME TO billing_portal_tenants").await;
}

async fn failover(stage: &Stage) {
    block_in_place(|| stage.server().kill());
    stage.hold().await;
    block_in_place(|| stage.standby().promote());
}

/// The file has the old password until the end.
async fn password_changed(stage: &Stage) {
    stage.change_password("second-secret").await;
    stage.close_connections().await;
    stage.hold().await;
    stage.replace("password", "second-secret");
}

/// Calls of other tenants do not wait. If they did, they would wait for seconds.
fn others_are_as_fast(outcome: &Outcome<'_>) -> String {
    let [before, during] = outcome.unaffected_latencies();
    assert!(during < before * 10, "{before:?} before, {during:?} during");
    format!("median of the others: {before:.1?} before, {during:.1?} during")
}
