//! Every tenant at once, read as a call would read each.

use std::collections::{BTreeMap, HashMap};

use super::facts::{Cell, Fact, mapping};
use crate::portal::Mapping;

/// A tenant as the directory has it.
#[derive(Debug)]
pub struct Mapped {
    /// The id, valid or not.
    pub tenant: String,
    /// What stands for the customer, in one of the rows if there are more.
    pub customer: Option<String>,
    /// What a call of the tenant's would meet.
    pub mapping: Mapping,
}

/// Groups the rows by tenant. A row without a tenant is nobody's, but its customer is shared all the same.
pub(super) fn mapped(rows: Vec<Fact>) -> Vec<Mapped> {
    group(rows.into_iter().map(|row| (row.tenant, row.customer)))
}

fn group(rows: impl Iterator<Item = (Cell, Cell)>) -> Vec<Mapped> {
    let mut tenants: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
    let mut uses: HashMap<String, usize> = HashMap::new();
    for (tenant, customer) in rows {
        if let Cell::Text(customer) = &customer {
            *uses.entry(customer.clone()).or_default() += 1;
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
                Cell::Null | Cell::NoText => None,
            });
            // A tenant with one row shares its customer when any other row has it, too.
            let shared = customer.iter().filter(|customer| uses.get(*customer).is_some_and(|uses| *uses > 1));
            let others: Vec<_> = shared.cloned().map(Cell::Text).collect();
            Mapped { mapping: mapping(customers, &others), tenant, customer }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::{CustomerId, Integrity};

    #[test]
    fn each_tenant_is_mapped_as_a_call_would_find_it() {
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
            (text("blob"), Cell::NoText),
            (Cell::Null, text("cus_N")),
            (text("nobodys"), text("cus_N")),
        ];
        let found: Vec<_> = group(rows.into_iter()).into_iter().map(|row| (row.tenant, row.mapping)).collect();
        let expected = [
            ("acme", Mapping::Customer(CustomerId::parse("cus_A").unwrap())),
            ("blob", Mapping::Broken(Integrity::MalformedCustomer)),
            ("empty", Mapping::None),
            ("globex", Mapping::Broken(Integrity::SharedCustomer)),
            ("initech", Mapping::Broken(Integrity::SharedCustomer)),
            ("nobodys", Mapping::Broken(Integrity::SharedCustomer)),
            ("none", Mapping::None),
            ("odd", Mapping::Broken(Integrity::MalformedCustomer)),
            ("twice", Mapping::Broken(Integrity::TwoRows)),
        ];
        assert_eq!(found, expected.map(|(tenant, mapping)| (tenant.to_owned(), mapping)));
    }
}
