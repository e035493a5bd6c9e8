//! Rows of the directory and their outcomes: `OK`, a reason, or the detail of MAPPING_INTEGRITY.

/// Rows of tenants, and the outcome for acme, whose customer at Stripe is `cus_A`.
pub(crate) const MAPPINGS: &[(&str, &str)] = &[
    // Exactly one customer; the rows of other tenants do not matter.
    ("('acme', 'cus_A')", "OK"),
    ("('acme', 'cus_A'), ('globex', 'cus_B'), ('ACME', 'cus_C'), ('acme ', 'cus_D'), (NULL, 'cus_E')", "OK"),
    ("('acme', 'cus_A'), ('globex', 'cus_a'), ('initech', 'CUS_A'), ('hooli', 'cus_A ')", "OK"),
    ("('acme', 'cus_A'), ('globex', 'cus_B'), ('globex', 'cus_B'), ('initech', 'cus_B')", "OK"),
    // No customer.
    ("", "NO_BILLING_ACCOUNT"),
    ("('globex', 'cus_B')", "NO_BILLING_ACCOUNT"),
    ("('ACME', 'cus_A'), ('acme ', 'cus_A'), (' acme', 'cus_A'), (NULL, 'cus_A')", "NO_BILLING_ACCOUNT"),
    ("('acme', NULL)", "NO_BILLING_ACCOUNT"),
    ("('acme', NULL), ('globex', NULL)", "NO_BILLING_ACCOUNT"),
    ("('acme', '')", "NO_BILLING_ACCOUNT"),
    ("('acme', ''), ('globex', ''), ('initech', NULL)", "NO_BILLING_ACCOUNT"),
    // More than one row, whatever the customers are.
    ("('acme', 'cus_A'), ('acme', 'cus_B')", "two_rows"),
    ("('acme', 'cus_A'), ('acme', 'cus_A')", "two_rows"),
    ("('acme', 'cus_A'), ('acme', NULL)", "two_rows"),
    ("('acme', ''), ('acme', NULL)", "two_rows"),
    ("('acme', NULL), ('acme', NULL), ('acme', NULL)", "two_rows"),
    ("('acme', 'cus_A'), ('acme', 'cus_A'), ('globex', 'cus_A')", "two_rows"),
    ("('acme', ' '), ('acme', 'cus_A')", "two_rows"),
    // One customer shared by two tenants.
    ("('acme', 'cus_A'), ('globex', 'cus_A')", "shared_customer"),
    ("('globex', 'cus_A'), ('acme', 'cus_A'), ('globex', 'cus_A')", "shared_customer"),
    ("('acme', 'cus_A'), ('Acme', 'cus_A')", "shared_customer"),
    ("('acme', 'cus_A'), ('acme ', 'cus_A')", "shared_customer"),
    ("('acme', 'cus_A'), ('', 'cus_A')", "shared_customer"),
    ("('acme', 'cus_A'), (NULL, 'cus_A')", "shared_customer"),
    // Not a customer id.
    ("('acme', ' ')", "malformed_customer"),
    ("('acme', ' cus_A')", "malformed_customer"),
    ("('acme', 'cus_A ')", "malformed_customer"),
    ("('acme', 'cus_A\n')", "malformed_customer"),
    ("('acme', 'cus_')", "malformed_customer"),
    ("('acme', 'CUS_A')", "malformed_customer"),
    ("('acme', 'cus_A/../cus_B')", "malformed_customer"),
    ("('acme', 'cus_\u{e4}')", "malformed_customer"),
    ("('acme', 'sub_A')", "malformed_customer"),
    ("('acme', 'null')", "malformed_customer"),
    ("('acme', '{\"id\": \"cus_A\"}')", "malformed_customer"),
    ("('acme', replace('cus_AAAAAAAAAAAA', 'A', 'AAAAAAAAAAAAAAAAAAAAAA'))", "malformed_customer"),
    ("('acme', ' '), ('globex', ' ')", "malformed_customer"),
    // A tenant id that contains SQL is a different tenant.
    ("('acme''--', 'cus_A'), ('x'' OR ''1''=''1', 'cus_A')", "NO_BILLING_ACCOUNT"),
];

/// Rows of owners and of tenants, and the outcome for oscar in acme. A user who is not an owner learns nothing about the
/// mapping.
pub(crate) const OWNERS: &[(&str, &str, &str)] = &[
    ("('acme', 'oscar')", "('acme', 'cus_A')", "OK"),
    ("('acme', 'oscar'), ('acme', 'oscar'), ('globex', 'oscar'), (NULL, NULL)", "('acme', 'cus_A')", "OK"),
    ("('acme', 'oscar')", "", "NO_BILLING_ACCOUNT"),
    ("", "('acme', 'cus_A')", "NOT_OWNER"),
    ("('acme', 'olga')", "('acme', 'cus_A')", "NOT_OWNER"),
    ("('globex', 'oscar')", "('acme', 'cus_A')", "NOT_OWNER"),
    ("('acme', 'OSCAR'), ('ACME', 'oscar')", "('acme', 'cus_A')", "NOT_OWNER"),
    ("('acme', 'oscar '), ('acme ', 'oscar'), ('acme', ' oscar')", "('acme', 'cus_A')", "NOT_OWNER"),
    ("('acme', NULL), (NULL, 'oscar'), ('', 'oscar'), ('acme', '')", "('acme', 'cus_A')", "NOT_OWNER"),
    ("", "", "NOT_OWNER"),
    ("", "('acme', 'cus_A'), ('acme', 'cus_B')", "NOT_OWNER"),
    ("", "('acme', 'cus_A'), ('globex', 'cus_A')", "NOT_OWNER"),
];
