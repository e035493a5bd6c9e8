//! The one query of a call: written once, for both databases.

use super::{Ownership, select::Select};

/// What the two databases write differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded database.
    Sqlite,
    /// PostgreSQL, 12 or later.
    Postgres,
}

impl Dialect {
    /// The collation that compares bytes.
    const fn bytes(self) -> &'static str {
        match self {
            Self::Sqlite => "BINARY",
            Self::Postgres => "\"C\"",
        }
    }

    /// How a value is compared byte for byte, and leaves the database. SQLite's columns hold any type, and a number or a
    /// blob must be told from text; PostgreSQL's have one type each, and what it prints of a type that is no text is no
    /// customer id either.
    fn told(self, column: &str) -> String {
        match self {
            Self::Sqlite => column.to_owned(),
            Self::Postgres => format!("CAST({column} AS text)"),
        }
    }
}

/// What is asked of the database, and where.
#[derive(Clone, Debug)]
pub struct Relations {
    /// Whether `billing_portal_owners` is asked at all.
    pub ownership: Ownership,
    /// Stands for `billing_portal_tenants`, where not even a view may be added.
    pub tenants: Option<Select>,
    /// Stands for `billing_portal_owners`.
    pub owners: Option<Select>,
}

impl Relations {
    /// The query's text: one row a fact. `$1` is the tenant; `$2`, unless the token alone is trusted, is the person.
    ///
    /// A collation may call two ids equal that differ. So each is compared twice: in the column's own collation, which its
    /// index can serve, and then byte for byte, so that no limit can cut off the row that counts. The limits keep the
    /// answer at four rows whatever the relations hold. Two rows of the tenant are a contradiction already; nothing is
    /// asked about sharing then, for that would read every further row of the tenant. CROSS JOIN keeps SQLite from turning
    /// the join round and reading everything.
    pub(super) fn query(&self, dialect: Dialect) -> String {
        let bytes = dialect.bytes();
        let [tenant, user, customer] =
            ["tenant_id", "user_id", "stripe_customer_id"].map(|column| dialect.told(column));
        let [others_tenant, others_customer, own_customer] =
            ["others.tenant_id", "others.stripe_customer_id", "mapping.stripe_customer_id"]
                .map(|column| dialect.told(column));
        let (tenants_file, tenants) = relation("billing_portal_tenants", self.tenants.as_ref());
        let mut ctes = format!(
            "{tenants_file}billing_portal_mapping AS MATERIALIZED (
  SELECT {tenant} AS tenant_id, stripe_customer_id FROM {tenants}
  WHERE tenant_id = $1 AND {tenant} = $1 COLLATE {bytes}
  LIMIT 2
), billing_portal_sharing AS (
  SELECT {others_tenant} AS tenant_id, {others_customer} AS stripe_customer_id
  FROM billing_portal_mapping AS mapping CROSS JOIN {tenants} AS others
  WHERE {own_customer} <> '' AND (SELECT count(*) FROM billing_portal_mapping) = 1
    AND others.stripe_customer_id = mapping.stripe_customer_id
    AND {others_customer} = {own_customer} COLLATE {bytes}
    AND {others_tenant} COLLATE {bytes} IS DISTINCT FROM $1
  LIMIT 1
)"
        );
        let mut facts = format!(
            "SELECT 'mapping' AS fact, tenant_id, NULL AS user_id, {customer} AS stripe_customer_id FROM billing_portal_mapping
UNION ALL
SELECT 'sharing', tenant_id, NULL, stripe_customer_id FROM billing_portal_sharing"
        );
        if self.ownership == Ownership::TokenAndDirectory {
            let (owners_file, owners) = relation("billing_portal_owners", self.owners.as_ref());
            ctes = format!(
                "{owners_file}{ctes}, billing_portal_owner AS (
  SELECT {tenant} AS tenant_id, {user} AS user_id FROM {owners}
  WHERE tenant_id = $1 AND user_id = $2 AND {tenant} = $1 COLLATE {bytes} AND {user} = $2 COLLATE {bytes}
  LIMIT 1
)"
            );
            facts += "\nUNION ALL\nSELECT 'owner', tenant_id, user_id, NULL FROM billing_portal_owner";
        }
        format!("WITH {ctes}\n{facts}")
    }
}

impl Relations {
    /// The text of the query for every tenant's rows, as facts of the same shape.
    pub(super) fn every(&self, dialect: Dialect) -> String {
        let (tenant, customer) = (dialect.told("tenant_id"), dialect.told("stripe_customer_id"));
        let (file, tenants) = relation("billing_portal_tenants", self.tenants.as_ref());
        let with = file.strip_suffix(", ").map_or_else(String::new, |file| format!("WITH {file}\n"));
        format!(
            "{with}SELECT 'mapping' AS fact, {tenant} AS tenant_id, NULL AS user_id, {customer} AS stripe_customer_id FROM {tenants}"
        )
    }
}

/// The definition of a relation that an operator's SELECT statement stands for, if any, and the relation's name. The name
/// is another than the view's, so that the statement may read from one; the line breaks end a comment in it.
fn relation(view: &str, select: Option<&Select>) -> (String, String) {
    match select {
        None => (String::new(), view.to_owned()),
        Some(select) => {
            (format!("{view}_file AS NOT MATERIALIZED (\n{}\n), ", select.as_str()), format!("{view}_file"))
        }
    }
}
