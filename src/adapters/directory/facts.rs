//! What the rows of the query say, compared byte for byte once more, for what SQL calls equal is up to its collations.

use sqlx::{ColumnIndex, Decode, Row, Type};

use super::Ownership;
use crate::portal::{CustomerId, DirectoryEntry, Integrity, Mapping, Reason, Refusal, TenantId, UserId};

/// A value as it came out of the database, whatever type the column claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Text(String),
    /// A number, a blob, or text that is no UTF-8.
    NoText,
}

/// One row of the answer.
#[derive(Debug)]
pub(super) struct Fact {
    fact: Cell,
    pub(super) tenant: Cell,
    user: Cell,
    pub(super) customer: Cell,
}

impl Fact {
    pub(super) fn of<R>(row: &R) -> Self
    where
        R: Row,
        for<'a> String: Decode<'a, R::Database> + Type<R::Database>,
        for<'a> &'a str: ColumnIndex<R>,
    {
        let cell = |column: &'static str| match row.try_get::<Option<String>, _>(column) {
            Ok(None) => Cell::Null,
            Ok(Some(text)) => Cell::Text(text),
            Err(_) => Cell::NoText,
        };
        Self {
            fact: cell("fact"),
            tenant: cell("tenant_id"),
            user: cell("user_id"),
            customer: cell("stripe_customer_id"),
        }
    }
}

/// Reads the facts about a person and their tenant.
///
/// # Errors
/// DATABASE_UNAVAILABLE when ids are no text: what the database calls equal then can't be compared.
pub(super) fn entry(
    facts: Vec<Fact>,
    ownership: Ownership,
    tenant: &TenantId,
    user: &UserId,
) -> Result<DirectoryEntry, Refusal> {
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    let mut is_owner = ownership == Ownership::Token;
    for Fact { fact, tenant: row_tenant, user: row_user, customer } in facts {
        let Cell::Text(fact) = fact else { continue };
        if (fact != "sharing" && row_tenant == Cell::NoText) || row_user == Cell::NoText {
            let cause = "the directory's tenant_id or user_id is no text";
            return Err(Refusal::because(Reason::DatabaseUnavailable, cause));
        }
        let is_mine = row_tenant == Cell::Text(tenant.as_str().to_owned());
        match fact.as_str() {
            "mapping" if is_mine => mine.push(customer),
            "sharing" if !is_mine => others.push(customer),
            "owner" if is_mine => is_owner |= row_user == Cell::Text(user.as_str().to_owned()),
            _ => {}
        }
    }
    Ok(DirectoryEntry { is_owner, mapping: mapping(mine, &others) })
}

pub(super) fn mapping(mut mine: Vec<Cell>, others: &[Cell]) -> Mapping {
    let (first, second) = (mine.pop(), mine.pop());
    if second.is_some() {
        return Mapping::Broken(Integrity::TwoRows);
    }
    let customer = match first {
        None | Some(Cell::Null) => return Mapping::None,
        Some(Cell::Text(text)) if text.is_empty() => return Mapping::None,
        Some(Cell::Text(text)) => text,
        Some(Cell::NoText) => return Mapping::Broken(Integrity::MalformedCustomer),
    };
    let Some(id) = CustomerId::parse(&customer) else {
        return Mapping::Broken(Integrity::MalformedCustomer);
    };
    if others.contains(&Cell::Text(customer)) {
        return Mapping::Broken(Integrity::SharedCustomer);
    }
    Mapping::Customer(id)
}
