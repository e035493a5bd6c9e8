//! The facts that the query returns. Values are compared again here, byte for byte, because equality in SQL depends on
//! the collation.

use super::Ownership;
use crate::portal::{CustomerId, DirectoryEntry, Integrity, Mapping, Reason, Refusal, TenantId, UserId};

/// A value as the database returns it, whatever the declared type of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Text(String),
    /// A number or a blob, without its bytes, or the bytes of a text that is not UTF-8.
    NotText(Vec<u8>),
}

impl Cell {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Null => &[],
            Self::Text(text) => text.as_bytes(),
            Self::NotText(bytes) => bytes,
        }
    }
}

/// A value in a query.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Bytes(Option<Vec<u8>>),
}

impl Value {
    /// Returns the type of the value in PostgreSQL.
    pub(super) const fn postgres_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "pg_catalog.text",
            Self::Bytes(_) => "pg_catalog.bytea",
        }
    }
}

/// One row of the result.
#[derive(Debug)]
pub(super) struct Fact {
    /// `mapping`, `sharing`, `owner`, or `primary`, whose tenant is the process of the server. For all tenants: `mapping`, `shared` or `rows`.
    pub(super) kind: String,
    pub(super) tenant: Cell,
    user: Cell,
    pub(super) customer: Cell,
}

impl Fact {
    /// Reads the columns of a row after the first, which is the kind, by their position in every query.
    pub(super) fn read(kind: String, cell: impl Fn(usize) -> Cell) -> Self {
        Self { kind, tenant: cell(1), user: cell(2), customer: cell(3) }
    }
}

/// Combines the facts about a person and their tenant into an entry.
///
/// # Errors
/// DATABASE_UNAVAILABLE if an id is not text: it cannot be compared byte for byte.
pub(super) fn entry(
    facts: Vec<Fact>,
    ownership: Ownership,
    tenant: &TenantId,
    user: &UserId,
) -> Result<DirectoryEntry, Refusal> {
    let (mut own_customers, mut other_customers) = (Vec::new(), Vec::new());
    let mut is_owner = ownership == Ownership::Token;
    for Fact { kind, tenant: row_tenant, user: row_user, customer } in facts {
        let is_not_text = |cell: &Cell| matches!(cell, Cell::NotText(_));
        if (kind != "sharing" && is_not_text(&row_tenant)) || is_not_text(&row_user) {
            let cause = "tenant_id or user_id in the directory is not text";
            return Err(Refusal::because(Reason::DatabaseUnavailable, cause));
        }
        let is_own = row_tenant == Cell::Text(tenant.as_str().to_owned());
        match kind.as_str() {
            "mapping" if is_own => own_customers.push(customer),
            "sharing" if !is_own => other_customers.push(customer),
            "owner" if is_own => is_owner |= row_user == Cell::Text(user.as_str().to_owned()),
            _ => {}
        }
    }
    Ok(DirectoryEntry { is_owner, mapping: mapping(own_customers, &other_customers) })
}

/// Returns the mapping of a tenant from the customers in its rows and those in the rows of other tenants.
pub(super) fn mapping(mut own: Vec<Cell>, others: &[Cell]) -> Mapping {
    let (first, second) = (own.pop(), own.pop());
    if second.is_some() {
        return Mapping::Broken(Integrity::TwoRows);
    }
    let customer = match first {
        None | Some(Cell::Null) => return Mapping::None,
        Some(Cell::Text(text)) if text.is_empty() => return Mapping::None,
        Some(Cell::Text(text)) => text,
        Some(Cell::NotText(_)) => return Mapping::Broken(Integrity::MalformedCustomer),
    };
    let Some(id) = CustomerId::parse(&customer) else {
        return Mapping::Broken(Integrity::MalformedCustomer);
    };
    if others.contains(&Cell::Text(customer)) {
        return Mapping::Broken(Integrity::SharedCustomer);
    }
    Mapping::Customer(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a query could return if the database had treated different ids as equal.
    #[test]
    fn rows_of_a_lenient_collation_change_nothing() {
        let cell = |text: &str| if text.is_empty() { Cell::Null } else { Cell::Text(text.to_owned()) };
        let outcome = |rows: &[(&str, [&str; 3])]| {
            let facts = rows
                .iter()
                .map(|(kind, columns)| Fact::read((*kind).to_owned(), |column| cell(columns.get(column - 1).unwrap())));
            let (tenant, user) = (TenantId::parse("acme").unwrap(), UserId::parse("olivia").unwrap());
            let entry = entry(facts.collect(), Ownership::TokenAndDirectory, &tenant, &user).unwrap();
            (entry.is_owner, entry.mapping)
        };
        let own = [("mapping", ["acme", "", "cus_A"]), ("owner", ["acme", "olivia", ""])];
        let found = (true, Mapping::Customer(CustomerId::parse("cus_A").unwrap()));
        assert_eq!(outcome(&own), found);
        for tenant in ["ACME", "acme ", "globex", ""] {
            let rows = [("mapping", [tenant, "", "cus_A"]), ("owner", [tenant, "olivia", ""])];
            assert_eq!(outcome(&rows), (false, Mapping::None), "{tenant}");
            // Such a row does not hide that another tenant has the same customer.
            let shared = [own[0], own[1], ("sharing", [tenant, "", "cus_A"])];
            assert_eq!(outcome(&shared), (true, Mapping::Broken(Integrity::SharedCustomer)), "{tenant}");
        }
        for user in ["OLIVIA", "olivia ", "oscar", ""] {
            assert_eq!(outcome(&[own[0], ("owner", ["acme", user, ""])]), (false, found.1.clone()), "{user}");
        }
        // The own row and another customer are not a contradiction.
        for row in [["acme", "", "cus_A"], ["globex", "", "cus_a"]] {
            assert_eq!(outcome(&[own[0], own[1], ("sharing", row)]), found, "{row:?}");
        }
    }
}
