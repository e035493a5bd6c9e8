//! What may be expanded: <https://docs.stripe.com/api/expanding_objects>.

use crate::{error::Error, form::Form};

/// Of a customer. Stripe can expand `subscriptions` too; the simulated account knows of a subscription only what flows
/// need, so that one is refused rather than told wrong.
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

/// Of the account.
pub(crate) const ACCOUNT: &[&str] = &["settings.branding.icon", "settings.branding.logo"];

/// Of a portal configuration.
pub(crate) const CONFIGURATION: &[&str] = &["application", PRODUCTS];

/// What a configuration tells only when it is asked.
pub(crate) const PRODUCTS: &str = "features.subscription_update.products";

/// The parameters `expand[]`, each of which must be expandable: the object's own members, or, with a prefix such as `data.`,
/// those of the objects within it.
pub(crate) fn wanted<'a>(form: &'a Form, prefix: &str, expandable: &[&str]) -> Result<Vec<&'a str>, Error> {
    let mut wanted = Vec::new();
    for at in 0..form.len("expand") {
        let path = form.required(&format!("expand[{at}]"))?;
        match path.strip_prefix(prefix).filter(|path| expandable.contains(path)) {
            Some(path) => wanted.push(path),
            None => return Err(Error::invalid(400, format!("This property cannot be expanded ({path})."))),
        }
    }
    Ok(wanted)
}
