//! The adapter against real SQLite files.

use super::*;

async fn look_up(rows: &str, tenant: &str) -> Result<Entry, Refusal> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("directory.db").display());
    let writer = SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&writer).await.unwrap();
    let directory = SqlDirectory::new(&url, Ownership::TokenAndDirectory).unwrap();
    directory.look_up(&TenantId::parse(tenant).unwrap(), &UserId::parse("olivia").unwrap()).await
}

/// The relations as the contract has them, with `rows` for tenants and olivia as acme's owner.
async fn mapping_of(rows: &str) -> Mapping {
    let schema = format!(
        "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text, plan text);
         CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
         INSERT INTO billing_portal_owners VALUES ('acme', 'olivia');
         INSERT INTO billing_portal_tenants (tenant_id, stripe_customer_id) VALUES {rows}"
    );
    let entry = look_up(&schema, "acme").await.unwrap();
    assert!(entry.is_owner);
    entry.mapping
}

#[tokio::test]
async fn one_row_with_one_unshared_customer_is_a_mapping() {
    let mapping = mapping_of("('acme', 'cus_A'), ('globex', 'cus_B'), ('ACME', 'cus_C'), ('acme ', 'cus_D')").await;
    assert_eq!(mapping, Mapping::Customer(CustomerId::parse("cus_A").unwrap()));
}

#[tokio::test]
async fn no_row_null_and_empty_are_no_account() {
    for rows in ["('globex', 'cus_B')", "('acme', NULL)", "('acme', '')", "('ACME', 'cus_A')"] {
        assert_eq!(mapping_of(rows).await, Mapping::None, "{rows}");
    }
}

#[tokio::test]
async fn contradictions_are_told_apart() {
    let blob = "('acme', x'6375735F41')";
    for (rows, how) in [
        ("('acme', 'cus_A'), ('acme', 'cus_B')", Integrity::TwoRows),
        ("('acme', 'cus_A'), ('acme', 'cus_A')", Integrity::TwoRows),
        ("('acme', 'cus_A'), ('acme', NULL)", Integrity::TwoRows),
        ("('acme', 'cus_A'), ('globex', 'cus_A')", Integrity::SharedCustomer),
        ("('acme', 'cus_A'), ('Acme', 'cus_A')", Integrity::SharedCustomer),
        ("('acme', ' cus_A')", Integrity::MalformedCustomer),
        ("('acme', 'cus_A/../x')", Integrity::MalformedCustomer),
        ("('acme', ' ')", Integrity::MalformedCustomer),
        (blob, Integrity::MalformedCustomer),
    ] {
        assert_eq!(mapping_of(rows).await, Mapping::Broken(how), "{rows}");
    }
}

#[tokio::test]
async fn a_collation_that_ignores_case_shares_nothing() {
    let schema =
        "CREATE TABLE billing_portal_tenants (tenant_id text COLLATE NOCASE, stripe_customer_id text COLLATE NOCASE);
         CREATE TABLE billing_portal_owners (tenant_id text COLLATE NOCASE, user_id text COLLATE NOCASE);
         INSERT INTO billing_portal_owners VALUES ('ACME', 'olivia'), ('acme', 'OLIVIA');
         INSERT INTO billing_portal_tenants VALUES ('ACME', 'cus_b'), ('acme', 'cus_B')";
    let entry = look_up(schema, "acme").await.unwrap();
    assert!(!entry.is_owner);
    assert_eq!(entry.mapping, Mapping::Customer(CustomerId::parse("cus_B").unwrap()));
}

#[tokio::test]
async fn a_tenant_id_is_never_sql() {
    let tenant = "x'OR'1'='1";
    assert_eq!(mapping_of("('acme', NULL), ('globex', 'cus_B')").await, Mapping::None);
    let schema = "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text);
         CREATE TABLE billing_portal_owners (tenant_id text, user_id text);
         INSERT INTO billing_portal_tenants VALUES ('acme', 'cus_A')";
    let entry = look_up(schema, tenant).await.unwrap();
    assert_eq!(entry, Entry { is_owner: false, mapping: Mapping::None });
}

#[tokio::test]
async fn a_missing_relation_or_column_is_no_answer() {
    for schema in [
        "CREATE TABLE other (x text)",
        "CREATE TABLE billing_portal_tenants (tenant_id text, stripe_customer_id text)",
        "CREATE TABLE billing_portal_tenants (tenant_id text); CREATE TABLE billing_portal_owners (tenant_id text, user_id text)",
    ] {
        let refusal = look_up(schema, "acme").await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::DatabaseUnavailable, "{schema}");
    }
}

#[tokio::test]
async fn a_missing_file_is_no_answer_and_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.db");
    let directory = SqlDirectory::new(&format!("sqlite:{}", path.display()), Ownership::Token).unwrap();
    assert_eq!(directory.probe().await.unwrap_err().reason(), Reason::DatabaseUnavailable);
    assert!(!path.exists());
}

#[tokio::test]
async fn the_connection_can_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("directory.db").display());
    SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    let directory = SqlDirectory::new(&format!("{url}?mode=rwc"), Ownership::Token).unwrap();
    assert!(sqlx::query("CREATE TABLE x (y text)").execute(&directory.pool).await.is_err());
}
