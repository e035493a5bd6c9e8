//! The page of the portal that a caller requests.

use crate::portal::{
    account::is_stripe_id,
    refusal::{Reason, Refusal},
};

/// A page of the portal, named like Stripe's flow. The ids are well formed; Stripe checks that they belong to the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The portal's home page, without a flow.
    Home,
    /// Add a payment method and make it the default.
    PaymentMethodUpdate,
    /// Change the billing details.
    CustomerUpdate,
    /// Cancel a subscription.
    SubscriptionCancel(SubscriptionId),
    /// Choose a different price or quantity.
    SubscriptionUpdate(SubscriptionId),
    /// Confirm one prepared change.
    SubscriptionUpdateConfirm(SubscriptionId, Item),
}

impl Flow {
    /// The name of the flow in the audit entry, in Stripe's `flow_data[type]`, and in the request message; `home` without a flow.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::PaymentMethodUpdate => "payment_method_update",
            Self::CustomerUpdate => "customer_update",
            Self::SubscriptionCancel(_) => "subscription_cancel",
            Self::SubscriptionUpdate(_) => "subscription_update",
            Self::SubscriptionUpdateConfirm(..) => "subscription_update_confirm",
        }
    }

    /// The subscription that the flow is about.
    #[must_use]
    pub const fn subscription(&self) -> Option<&SubscriptionId> {
        match self {
            Self::Home | Self::PaymentMethodUpdate | Self::CustomerUpdate => None,
            Self::SubscriptionCancel(id) | Self::SubscriptionUpdate(id) | Self::SubscriptionUpdateConfirm(id, _) => {
                Some(id)
            }
        }
    }
}

/// Stripe's id of a subscription, `sub_[A-Za-z0-9]+`, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionId(String);

impl SubscriptionId {
    /// Parses the id in the field `field` of the request.
    ///
    /// # Errors
    /// FLOW_INVALID, with that field.
    pub fn parse(text: &str, field: &'static str) -> Result<Self, Refusal> {
        stripe_id(text, &["sub_"], field, "must be sub_ and letters or digits, at most 255 bytes").map(Self)
    }

    /// The id, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A change of one item of a subscription: a price, a quantity, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    id: String,
    price: Option<String>,
    quantity: Option<u32>,
}

impl Item {
    const FIELD: &'static str = "subscription_update_confirm.item";

    /// Returns the refusal of a flow without its item.
    #[must_use]
    pub fn missing() -> Refusal {
        invalid(Self::FIELD, "must be set")
    }

    /// Parses an item id (`si_…`) and its change: a price (`price_…` or `plan_…`; empty means unchanged), a quantity of at least
    /// 1, or both.
    ///
    /// # Errors
    /// FLOW_INVALID, with the field that is not valid.
    pub fn parse(id: &str, price: &str, quantity: Option<u32>) -> Result<Self, Refusal> {
        const ID: &str = "must be si_ and letters or digits, at most 255 bytes";
        const PRICE: &str = "must be price_ or plan_ and letters or digits, at most 255 bytes";
        let id = stripe_id(id, &["si_"], "subscription_update_confirm.item.id", ID)?;
        let price = match price {
            "" => None,
            price => Some(stripe_id(price, &["price_", "plan_"], "subscription_update_confirm.item.price_id", PRICE)?),
        };
        if quantity == Some(0) {
            return Err(invalid("subscription_update_confirm.item.quantity", "must be at least 1"));
        }
        if price.is_none() && quantity.is_none() {
            return Err(invalid(Self::FIELD, "must have a price_id or a quantity"));
        }
        Ok(Self { id, price, quantity })
    }

    /// Stripe's id of the subscription item.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The new price; `None` if unchanged.
    #[must_use]
    pub fn price(&self) -> Option<&str> {
        self.price.as_deref()
    }

    /// The new quantity; `None` if unchanged.
    #[must_use]
    pub const fn quantity(&self) -> Option<u32> {
        self.quantity
    }
}

fn stripe_id(text: &str, prefixes: &[&str], field: &'static str, rule: &'static str) -> Result<String, Refusal> {
    if is_stripe_id(text, prefixes) { Ok(text.to_owned()) } else { Err(invalid(field, rule)) }
}

fn invalid(field: &'static str, rule: &'static str) -> Refusal {
    Refusal::of_field(Reason::FlowInvalid, field, rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmed_update_requires_an_item_with_a_valid_change() {
        assert!(Item::parse("si_1", "price_1", None).is_ok());
        assert!(Item::parse("si_1", "plan_1", Some(1)).is_ok());
        assert!(Item::parse("si_1", "", Some(7)).is_ok());
        for (id, price, quantity, field) in [
            ("", "price_1", None, "subscription_update_confirm.item.id"),
            ("sub_1", "price_1", None, "subscription_update_confirm.item.id"),
            ("si_1", "prod_1", None, "subscription_update_confirm.item.price_id"),
            ("si_1", "price_1", Some(0), "subscription_update_confirm.item.quantity"),
            ("si_1", "", None, "subscription_update_confirm.item"),
        ] {
            let refusal = Item::parse(id, price, quantity).unwrap_err();
            let refused = refusal.violation().map(|(field, _)| field);
            assert_eq!((refusal.reason(), refused), (Reason::FlowInvalid, Some(field)));
        }
    }

    #[test]
    fn subscription_id_is_prefix_and_alphanumerics() {
        assert!(SubscriptionId::parse("sub_1Abc", "f").is_ok());
        for bad in ["", "sub_", "sub_1/../2", "sub_1&customer=cus_2", "si_1", &format!("sub_{}", "a".repeat(252))] {
            assert!(SubscriptionId::parse(bad, "f").is_err(), "{bad}");
        }
    }
}
