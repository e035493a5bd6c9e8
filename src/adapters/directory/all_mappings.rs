//! The mappings of all tenants, read by the same rules as the mapping of one tenant during a call.
//!
//! They are read in pages, in the order of the tenants, because a directory may have millions. A page is a query of its own,
//! so no transaction stays open while the tenants of a page are checked at Stripe.

use super::facts::{Cell, Fact, mapping};
use crate::portal::Mapping;

/// The maximum number of rows in a page.
pub(super) const PAGE_ROWS: usize = 20_000;

/// The position after a page: the tenant id of its last row, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub(super) Vec<u8>);

/// A tenant and its mapping in the directory.
#[derive(Debug, PartialEq, Eq)]
pub struct TenantMapping {
    /// The tenant id, valid or not. Bytes that are not UTF-8 are replaced.
    pub tenant: String,
    /// The value in the customer column, from any one of the rows if the tenant has several.
    pub customer: Option<String>,
    /// The mapping that a call for this tenant would find.
    pub mapping: Mapping,
}

/// A page of tenants.
#[derive(Debug)]
pub struct Page {
    /// The tenants, in the order of their ids.
    pub tenants: Vec<TenantMapping>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Position>,
}

impl Page {
    /// Groups the rows of a page by tenant. Such a fact is `mapping`, or `shared` if another row
    /// has the customer. If the page is full, the rows of its last tenant may be incomplete, so that tenant is left to the
    /// next page. A tenant that fills a page has several rows, whatever the next page would contain.
    pub(super) fn group(mut rows: Vec<Fact>, page_rows: usize) -> Self {
        rows.sort_by(|one, other| one.tenant.as_bytes().cmp(other.tenant.as_bytes()));
        let is_full = rows.len() >= page_rows;
        let mut tenants: Vec<(Cell, Vec<Fact>)> = Vec::new();
        for row in rows {
            match tenants.last_mut() {
                Some((tenant, rows)) if *tenant == row.tenant => rows.push(row),
                _ => tenants.push((row.tenant.clone(), vec![row])),
            }
        }
        if is_full && tenants.len() > 1 {
            tenants.pop();
        }
        let next = tenants.last().filter(|_| is_full).map(|(tenant, _)| Position(tenant.as_bytes().to_vec()));
        Self { tenants: tenants.into_iter().map(|(tenant, rows)| tenant_mapping(&tenant, rows)).collect(), next }
    }
}

fn tenant_mapping(tenant: &Cell, rows: Vec<Fact>) -> TenantMapping {
    let is_shared = rows.iter().any(|row| row.kind == "shared");
    let customers: Vec<Cell> = rows.into_iter().map(|row| row.customer).collect();
    let customer = customers.iter().find_map(|cell| match cell {
        Cell::Text(customer) => Some(customer.clone()),
        Cell::Null | Cell::NotText(_) => None,
    });
    let others: Vec<Cell> = customer.iter().filter(|_| is_shared).cloned().map(Cell::Text).collect();
    TenantMapping {
        tenant: String::from_utf8_lossy(tenant.as_bytes()).into_owned(),
        customer,
        mapping: mapping(customers, &others),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::{CustomerId, Integrity};

    fn row(kind: &str, tenant: &str, customer: Cell) -> Fact {
        Fact::read(kind.to_owned(), |column| match column {
            1 => Cell::Text(tenant.to_owned()),
            3 => customer.clone(),
            _ => Cell::Null,
        })
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn maps_each_tenant_as_a_call_would() {
        let rows = [
            ("mapping", "acme", text("cus_A")),
            ("mapping", "blob", Cell::NotText(vec![0xff])),
            ("mapping", "empty", text("")),
            ("shared", "globex", text("cus_B")),
            ("mapping", "none", Cell::Null),
            ("mapping", "odd", text("cus_")),
            ("mapping", "twice", text("cus_C")),
            ("mapping", "twice", text("cus_C")),
        ];
        let page = Page::group(rows.into_iter().map(|(kind, tenant, cell)| row(kind, tenant, cell)).collect(), 100);
        let found: Vec<_> = page.tenants.into_iter().map(|row| (row.tenant, row.mapping)).collect();
        let expected = [
            ("acme", Mapping::Customer(CustomerId::parse("cus_A").unwrap())),
            ("blob", Mapping::Broken(Integrity::MalformedCustomer)),
            ("empty", Mapping::None),
            ("globex", Mapping::Broken(Integrity::SharedCustomer)),
            ("none", Mapping::None),
            ("odd", Mapping::Broken(Integrity::MalformedCustomer)),
            ("twice", Mapping::Broken(Integrity::TwoRows)),
        ];
        assert_eq!(found, expected.map(|(tenant, mapping)| (tenant.to_owned(), mapping)));
        assert_eq!(page.next, None);
    }

    #[test]
    fn last_tenant_of_a_full_page_is_left_to_the_next_one() {
        let page = |tenants: &[&str], page_rows| {
            let rows = tenants.iter().map(|tenant| row("mapping", tenant, text("cus_A"))).collect();
            let page = Page::group(rows, page_rows);
            let tenants: Vec<_> = page.tenants.into_iter().map(|row| (row.tenant, row.mapping)).collect();
            (
                tenants.into_iter().map(|(tenant, mapping)| (tenant, mapping == Mapping::Broken(Integrity::TwoRows))),
                page.next,
            )
        };
        let position = |tenant: &str| Some(Position(tenant.as_bytes().to_vec()));
        let (tenants, next) = page(&["a", "b", "b"], 3);
        assert_eq!((tenants.collect::<Vec<_>>(), next), (vec![("a".to_owned(), false)], position("a")));
        let (tenants, next) = page(&["b", "b", "b"], 3);
        assert_eq!((tenants.collect::<Vec<_>>(), next), (vec![("b".to_owned(), true)], position("b")));
        let (tenants, next) = page(&["c"], 3);
        assert_eq!((tenants.collect::<Vec<_>>(), next), (vec![("c".to_owned(), false)], None));
        assert_eq!(page(&[], 3).1, None);
    }
}
