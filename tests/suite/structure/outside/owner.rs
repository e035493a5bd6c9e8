//! An owner proof and the person in it.

use billing_portal::portal::{Owner, Principal, TenantId, UserId, principal::Role};

pub fn person(user: UserId, tenant: TenantId, role: Role) -> Principal {
    Principal::new(user, tenant, role) //~ E0624
}

pub fn proof(principal: Principal) -> Owner {
    Owner::prove(principal).unwrap() //~ E0624
}

pub fn printed(owner: &Owner) -> String {
    format!("{owner}") //~ E0277
}
