//! Proofs from their fields. The compiler reports these errors only in a file without others.

use billing_portal::portal::{CustomerId, Principal, RecordedTenant, TenantId, UserId, VerifiedMapping, principal::Role};

pub fn person(user: UserId, tenant: TenantId, role: Role) -> Principal {
    Principal { user, tenant, role } //~ E0451
}

pub fn recorded(customer: CustomerId, tenant: Option<String>) -> RecordedTenant {
    RecordedTenant { customer, tenant } //~ E0451
}

pub fn mapping(tenant: TenantId, customer: CustomerId) -> VerifiedMapping {
    VerifiedMapping { tenant, customer } //~ E0451
}
