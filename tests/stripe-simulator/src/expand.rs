//! Expandable members: <https://docs.stripe.com/api/expanding_objects>.

use crate::{error::Error, form::Form};

/// Expandable members of a customer. Stripe can also expand `subscriptions`. The simulator refuses it, because its
/// subscriptions hold only what flows need.
pub(crate) const CUSTOMER: &[&str] = &[
    "cash_balance",
    "default_source",
    "invoice_credit_balance",
    "invoice_settings.default_payment_method",
    "sources",
    "tax",
    "tax_ids",
    "test_clock",
];

/// Expandable members of the account.
pub(crate) const ACCOUNT: &[&str] = &["settings.branding.icon", "settings.branding.logo"];

/// Expandable members of a portal configuration.
pub(crate) const CONFIGURATION: &[&str] = &["application", PRODUCTS];

/// The member of a configuration that is returned only on request.
pub(crate) const PRODUCTS: &str = "features.subscription_update.products";

/// Returns the values of `expand[]` without the prefix. A prefix such as `data.` selects members of nested objects.
///
/// # Errors
/// Fails if a value is not one of the expandable members.
pub(crate) fn requested<'a>(form: &'a Form, prefix: &str, expandable: &[&str]) -> Result<Vec<&'a str>, Error> {
    let mut requested = Vec::new();
    for index in 0..form.len("expand") {
        let path = form.required(&format!("expand[{index}]"))?;
        match path.strip_prefix(prefix).filter(|path| expandable.contains(path)) {
            Some(path) => requested.push(path),
            None => return Err(Error::invalid(400, format!("This property cannot be expanded ({path})."))),
        }
    }
    Ok(requested)
}
