//! The mappings of all tenants, read by the same rules as the mapping of one tenant during a call.

use std::collections::{BTreeMap, HashMap};

use super::facts::{Cell, Fact, mapping};
use crate::portal::Mapping;

/// A tenant and its mapping in the directory.
#[derive(Debug)]
pub struct TenantMapping {
    /// The tenant id, valid or not.
    pub tenant: String,
    /// The value in the customer column, from any one of the rows if the tenant has several.
    pub customer: Option<String>,
    /// The mapping that a call for this tenant would find.
    pub mapping: Mapping,
}

/// Groups the rows by tenant. A row without a tenant is not listed, but its customer still counts as shared.
pub(super) fn by_tenant(rows: Vec<Fact>) -> Vec<TenantMapping> {
    group(rows.into_iter().map(|row| (row.tenant, row.customer)))
}

fn group(rows: impl Iterator<Item = (Cell, Cell)>) -> Vec<TenantMapping> {
    let mut tenants: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
    let mut rows_per_customer: HashMap<String, usize> = HashMap::new();
    for (tenant, customer) in rows {
        if let Cell::Text(customer) = &customer {
            *rows_per_customer.entry(customer.clone()).or_default() += 1;
        }
        if let Cell::Text(tenant) = tenant {
            tenants.entry(tenant).or_default().push(customer);
        }
    }
    tenants
        .into_iter()
        .map(|(tenant, customers)| {
            let customer = customers.iter().find_map(|cell| match cell {
                Cell::Text(customer) => Some(customer.clone()),
                Cell::Null | Cell::NotText => None,
            });
            // `mapping` first checks for several rows of the tenant, so any further row with this customer belongs to
            // another tenant or to none.
            let is_shared = |customer: &&String| rows_per_customer.get(*customer).is_some_and(|rows| *rows > 1);
            let others: Vec<_> = customer.iter().filter(is_shared).cloned().map(Cell::Text).collect();
            TenantMapping { mapping: mapping(customers, &others), tenant, customer }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::{CustomerId, Integrity};

    #[test]
    fn maps_each_tenant_as_a_call_would() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows = [
            (text("acme"), text("cus_A")),
            (text("globex"), text("cus_B")),
            (text("initech"), text("cus_B")),
            (text("twice"), text("cus_C")),
            (text("twice"), text("cus_C")),
            (text("none"), Cell::Null),
            (text("empty"), text("")),
            (text("odd"), text("cus_")),
            (text("blob"), Cell::NotText),
            (Cell::Null, text("cus_N")),
            (text("shared_with_null"), text("cus_N")),
        ];
        let found: Vec<_> = group(rows.into_iter()).into_iter().map(|row| (row.tenant, row.mapping)).collect();
        let expected = [
            ("acme", Mapping::Customer(CustomerId::parse("cus_A").unwrap())),
            ("blob", Mapping::Broken(Integrity::MalformedCustomer)),
            ("empty", Mapping::None),
            ("globex", Mapping::Broken(Integrity::SharedCustomer)),
            ("initech", Mapping::Broken(Integrity::SharedCustomer)),
            ("none", Mapping::None),
            ("odd", Mapping::Broken(Integrity::MalformedCustomer)),
            ("shared_with_null", Mapping::Broken(Integrity::SharedCustomer)),
            ("twice", Mapping::Broken(Integrity::TwoRows)),
        ];
        assert_eq!(found, expected.map(|(tenant, mapping)| (tenant.to_owned(), mapping)));
    }
}
