//! The SQL of the directory, for both databases: the query of a call, and the query for all mappings.

use std::sync::Arc;

use super::{
    Ownership,
    dialect::{Dialect, literal},
    facts::Value,
    select::Select,
    template::Template,
};

/// A query with its values.
#[derive(Clone, Debug)]
pub struct Query {
    dialect: Dialect,
    template: Template,
    pub(super) values: Vec<Value>,
    /// Whether PostgreSQL may keep a plan for other values than these.
    pub(super) has_general_plan: bool,
}

impl Query {
    /// Composes a query. The function receives an expression for each value.
    fn new<const N: usize>(dialect: Dialect, values: [Value; N], text: impl FnOnce([String; N]) -> String) -> Self {
        Self {
            dialect,
            template: Template::new(dialect.parameter(), text),
            values: Vec::from(values),
            has_general_plan: false,
        }
    }

    /// Returns the SQL: with parameters for SQLite, and for PostgreSQL with the values, because parameters would need more
    /// than one message, and a pooler may give the next message to another session.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        match self.dialect {
            Dialect::Sqlite => self.template.with_parameters(),
            Dialect::Postgres => {
                self.template.with(|index| self.values.get(index).map(literal).unwrap_or_default()).into()
            }
        }
    }

    /// Returns the statement that prepares the query in PostgreSQL under a name. The types are those of the literals.
    pub(super) fn prepare(&self, name: &str) -> String {
        let types = self.values.iter().map(Value::postgres_type).collect::<Vec<_>>().join(", ");
        format!("PREPARE {name} ({types}) AS\n{}", self.template.with_parameters())
    }

    /// Returns the statement that runs the prepared query.
    pub(super) fn execute(&self, name: &str) -> String {
        format!("EXECUTE {name} ({})", self.values.iter().map(literal).collect::<Vec<_>>().join(", "))
    }
}

/// The query of each call, without its values.
#[derive(Debug)]
pub(super) struct CallQuery {
    dialect: Dialect,
    template: Template,
    ownership: Ownership,
    has_general_plan: bool,
}

impl CallQuery {
    pub(super) fn new(relations: &Relations, dialect: Dialect) -> Self {
        let template = match relations.ownership {
            Ownership::TokenAndDirectory => {
                Template::new(dialect.parameter(), |[tenant, user]| relations.call_query(dialect, &tenant, Some(&user)))
            }
            Ownership::Token => {
                Template::new(dialect.parameter(), |[tenant]| relations.call_query(dialect, &tenant, None))
            }
        };
        // When a statement is prepared, a literal such as `'now'` becomes a constant. In a view, it already is one.
        let has_general_plan = relations.tenants.is_none() && relations.owners.is_none();
        Self { dialect, template, ownership: relations.ownership, has_general_plan }
    }

    pub(super) fn with(&self, tenant: &str, user: &str) -> Query {
        let mut values = vec![Value::Text(tenant.to_owned())];
        if self.ownership == Ownership::TokenAndDirectory {
            values.push(Value::Text(user.to_owned()));
        }
        let (template, has_general_plan) = (self.template.clone(), self.has_general_plan);
        Query { dialect: self.dialect, template, values, has_general_plan }
    }
}

/// The relations that are read.
#[derive(Clone, Debug)]
pub struct Relations {
    /// The schema of the views; PostgreSQL only.
    pub schema: String,
    /// Whether `billing_portal_owners` is read.
    pub ownership: Ownership,
    /// Replaces `billing_portal_tenants`, for databases where a view cannot be added.
    pub tenants: Option<Select>,
    /// Replaces `billing_portal_owners`.
    pub owners: Option<Select>,
}

impl Relations {
    /// Returns the query of a call for a tenant and a person, which returns one row per fact. The person does not matter if the
    /// token alone decides ownership.
    ///
    /// A collation may treat two different ids as equal. Each id is therefore compared twice: in the collation of the
    /// column, which its index supports, and then byte for byte, so that a LIMIT cannot cut off the matching row. The
    /// limits keep the result at four rows or fewer, whatever the relations contain. Two rows of the tenant are already
    /// a contradiction, and sharing is not checked then, because the check would read every row of the tenant. CROSS
    /// JOIN prevents SQLite from reordering the join and reading the whole table.
    #[must_use]
    pub fn query(&self, dialect: Dialect, tenant: &str, user: &str) -> Query {
        CallQuery::new(self, dialect).with(tenant, user)
    }

    fn call_query(&self, dialect: Dialect, own_tenant: &str, own_user: Option<&str>) -> String {
        let bytes = dialect.binary_collation();
        let [tenant, user, customer] =
            ["tenant_id", "user_id", "stripe_customer_id"].map(|column| dialect.compared(column));
        let [others_tenant, others_customer, own_customer] =
            ["others.tenant_id", "others.stripe_customer_id", "mapping.stripe_customer_id"]
                .map(|column| dialect.compared(column));
        let (tenants_cte, tenants) = self.tenants_relation(dialect);
        let mut ctes = format!(
            "{tenants_cte}billing_portal_mapping AS MATERIALIZED (
  SELECT {tenant} AS tenant_id, stripe_customer_id FROM {tenants}
  WHERE tenant_id = {own_tenant} AND {tenant} = {own_tenant} COLLATE {bytes}
  LIMIT 2
), billing_portal_sharing AS (
  SELECT {others_tenant} AS tenant_id, {others_customer} AS stripe_customer_id
  FROM billing_portal_mapping AS mapping CROSS JOIN {tenants} AS others
  WHERE {own_customer} <> '' AND (SELECT count(*) FROM billing_portal_mapping) = 1
    AND others.stripe_customer_id = mapping.stripe_customer_id
    AND {others_customer} = {own_customer} COLLATE {bytes}
    AND {others_tenant} COLLATE {bytes} IS DISTINCT FROM {own_tenant}
  LIMIT 1
)"
        );
        let mut facts = format!(
            "{primary}SELECT 'mapping' AS fact, tenant_id, NULL AS user_id, {customer} AS stripe_customer_id \
             FROM billing_portal_mapping
UNION ALL
SELECT 'sharing', tenant_id, NULL, stripe_customer_id FROM billing_portal_sharing",
            primary = dialect.primary()
        );
        if let Some(own_user) = own_user {
            let (owners_cte, owners) = relation(self.owners.as_ref(), "billing_portal_owners", dialect, &self.schema);
            ctes = format!(
                "{owners_cte}{ctes}, billing_portal_owner AS (
  SELECT {tenant} AS tenant_id, {user} AS user_id FROM {owners}
  WHERE tenant_id = {own_tenant} AND user_id = {own_user}
    AND {tenant} = {own_tenant} COLLATE {bytes} AND {user} = {own_user} COLLATE {bytes}
  LIMIT 1
)"
            );
            facts += "\nUNION ALL\nSELECT 'owner', tenant_id, user_id, NULL FROM billing_portal_owner";
        }
        returned(dialect, &format!("WITH {ctes}"), &facts)
    }

    /// Returns the query for a page of the rows of all tenants, in the order of the tenants, as facts of the same shape. `after`
    /// is the last tenant of the page before, as bytes. The database finds the customers that other rows share. A row without
    /// a tenant is not listed, but its customer counts as shared.
    pub(super) fn mappings_page_query(&self, dialect: Dialect, after: Option<Vec<u8>>, rows: usize) -> Query {
        Query::new(dialect, [Value::Bytes(after)], |[after]| self.page_query(dialect, &after, rows))
    }

    fn page_query(&self, dialect: Dialect, after: &str, rows: usize) -> String {
        let bytes = dialect.binary_collation();
        let [tenant, customer, others_tenant, others_customer] =
            ["tenant_id", "page.stripe_customer_id", "others.tenant_id", "others.stripe_customer_id"]
                .map(|column| dialect.compared(column));
        let (tenants_cte, tenants) = self.tenants_relation(dialect);
        let (key, is_listed) = (dialect.bytes(&tenant), dialect.is_text("tenant_id"));
        let with = format!(
            "WITH {tenants_cte}billing_portal_page AS MATERIALIZED (
  SELECT {key} AS tenant_key, {tenant} AS tenant_id, stripe_customer_id FROM {tenants}
  WHERE {is_listed} AND ({after} IS NULL OR {key} > {after})
  ORDER BY tenant_key LIMIT {rows}
)"
        );
        let facts = format!(
            "{primary}SELECT CASE WHEN {customer} <> '' AND EXISTS (
    SELECT 1 FROM {tenants} AS others
    WHERE others.stripe_customer_id = page.stripe_customer_id
      AND {others_customer} = {customer} COLLATE {bytes}
      AND {others_tenant} COLLATE {bytes} IS DISTINCT FROM page.tenant_id
  ) THEN 'shared' ELSE 'mapping' END AS fact,
  page.tenant_id, NULL AS user_id, {customer} AS stripe_customer_id
FROM billing_portal_page AS page",
            primary = dialect.primary(),
        );
        returned(dialect, &with, &facts)
    }

    /// Returns the query for the number of rows with a tenant, as the customer of the only fact.
    pub(super) fn rows_query(&self, dialect: Dialect) -> Query {
        let (tenants_cte, tenants) = self.tenants_relation(dialect);
        let with = tenants_cte.strip_suffix(", ").map_or_else(String::new, |cte| format!("WITH {cte}"));
        let facts = format!(
            "{primary}SELECT 'rows' AS fact, NULL AS tenant_id, NULL AS user_id, \
             CAST(count(*) AS text) AS stripe_customer_id FROM {tenants} WHERE {is_listed}",
            primary = dialect.primary(),
            is_listed = dialect.is_text("tenant_id"),
        );
        Query::new(dialect, [], |[]| returned(dialect, &with, &facts))
    }

    fn tenants_relation(&self, dialect: Dialect) -> (String, String) {
        relation(self.tenants.as_ref(), "billing_portal_tenants", dialect, &self.schema)
    }
}

/// Returns the query for a union of facts, with each value as it is returned.
fn returned(dialect: Dialect, with: &str, facts: &str) -> String {
    let columns = ["tenant_id", "user_id", "stripe_customer_id"];
    let columns = columns.map(|column| format!("{} AS {column}", dialect.returned(column))).join(", ");
    format!("{with}\nSELECT fact, {columns} FROM (\n{facts}\n) AS facts")
}

/// Returns the definition of a relation as a common table expression, if the operator supplies a SELECT statement for
/// it, and the name of the relation. The name differs from that of the view, so that the statement may read from the
/// view. The line breaks around the statement end a comment in its last line.
fn relation(select: Option<&Select>, view: &str, dialect: Dialect, schema: &str) -> (String, String) {
    match select {
        None => (String::new(), dialect.qualified(schema, view)),
        Some(select) => {
            (format!("{view}_file AS NOT MATERIALIZED (\n{}\n), ", select.as_str()), format!("{view}_file"))
        }
    }
}
