//! A verified mapping and what it is made of.

use billing_portal::portal::{CustomerId, RecordedTenant, TenantId, VerifiedMapping};

pub fn recorded(customer: CustomerId) -> RecordedTenant {
    RecordedTenant::new(customer, None) //~ E0624
}

pub fn verified(recorded: RecordedTenant, tenant: &TenantId, customer: &CustomerId) -> VerifiedMapping {
    recorded.verify(tenant, customer).unwrap() //~ E0624
}

pub fn twice(mapping: &VerifiedMapping) -> VerifiedMapping {
    mapping.clone() //~ E0308
}

pub fn printed(mapping: &VerifiedMapping) -> String {
    mapping.to_string() //~ E0599
}
