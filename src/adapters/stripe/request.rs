//! The two requests of a call, built with the typed requests of async-stripe.

use stripe_billing::billing_portal_session::{
    CreateBillingPortalSession, CreateBillingPortalSessionFlowData as FlowData,
    CreateBillingPortalSessionFlowDataAfterCompletion as AfterCompletion,
    CreateBillingPortalSessionFlowDataAfterCompletionRedirect as Redirect,
    CreateBillingPortalSessionFlowDataAfterCompletionType as AfterCompletionType,
    CreateBillingPortalSessionFlowDataSubscriptionCancel as SubscriptionCancel,
    CreateBillingPortalSessionFlowDataSubscriptionUpdate as SubscriptionUpdate,
    CreateBillingPortalSessionFlowDataSubscriptionUpdateConfirm as SubscriptionUpdateConfirm,
    CreateBillingPortalSessionFlowDataSubscriptionUpdateConfirmItems as ConfirmItem,
    CreateBillingPortalSessionFlowDataType as FlowType,
};
use stripe_client_core::{RequestBuilder, StripeRequest as _};
use stripe_core::customer::RetrieveCustomer;

use crate::portal::{CustomerId, Flow, ReturnUrl, open::PortalRequest};

/// `GET /v1/customers/{id}`. The typed request does not escape the id, but a [`CustomerId`] contains nothing to escape.
pub(super) fn retrieve_customer(customer: &CustomerId) -> RequestBuilder {
    RetrieveCustomer::new(customer.as_str()).build()
}

/// `POST /v1/billing_portal/sessions`.
pub(super) fn create_session(
    customer: &CustomerId,
    portal_request: &PortalRequest,
    configuration: Option<&str>,
) -> RequestBuilder {
    let mut request =
        CreateBillingPortalSession::new().customer(customer.as_str()).return_url(portal_request.return_url.as_str());
    if let Some(configuration) = configuration {
        request = request.configuration(configuration);
    }
    if let Some(Ok(locale)) =
        portal_request.locale.map(|locale| locale.as_str().parse::<stripe_billing::BillingPortalSessionLocale>())
    {
        request = request.locale(locale);
    }
    if let Some(flow) = flow_data(&portal_request.flow, &portal_request.completed_url) {
        request = request.flow_data(flow);
    }
    request.build()
}

fn flow_data(flow: &Flow, completed_url: &ReturnUrl) -> Option<FlowData> {
    let mut data = match flow {
        Flow::Home => return None,
        Flow::PaymentMethodUpdate => FlowData::new(FlowType::PaymentMethodUpdate),
        Flow::CustomerUpdate => FlowData::new(FlowType::CustomerUpdate),
        Flow::SubscriptionCancel(id) => {
            let mut data = FlowData::new(FlowType::SubscriptionCancel);
            data.subscription_cancel = Some(SubscriptionCancel::new(id.as_str()));
            data
        }
        Flow::SubscriptionUpdate(id) => {
            let mut data = FlowData::new(FlowType::SubscriptionUpdate);
            data.subscription_update = Some(SubscriptionUpdate::new(id.as_str()));
            data
        }
        Flow::SubscriptionUpdateConfirm(id, item) => {
            let mut change = ConfirmItem::new(item.id());
            change.price = item.price().map(str::to_owned);
            change.quantity = item.quantity().map(u64::from);
            let mut data = FlowData::new(FlowType::SubscriptionUpdateConfirm);
            data.subscription_update_confirm = Some(SubscriptionUpdateConfirm::new(vec![change], id.as_str()));
            data
        }
    };
    // Without a redirect, a completed flow ends on a page of Stripe that does not lead back.
    let mut after = AfterCompletion::new(AfterCompletionType::Redirect);
    after.redirect = Some(Redirect::new(completed_url.as_str()));
    data.after_completion = Some(after);
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::{Locale, ReturnOrigins, flow::Item, flow::SubscriptionId, locale::STRIPE_LOCALES};

    fn body(flow: Flow, locale: &str) -> String {
        let origins = ReturnOrigins::parse(&["https://app.example.com".to_owned()]).unwrap();
        let url = |url| ReturnUrl::parse(url, &origins).unwrap();
        let portal_request = PortalRequest {
            return_url: url("https://app.example.com/settings?tab=billing&x=1"),
            locale: Locale::parse(locale).unwrap(),
            flow,
            completed_url: url("https://app.example.com/settings?tab=billing&x=2"),
        };
        let request = create_session(&CustomerId::parse("cus_A").unwrap(), &portal_request, Some("bpc_1"));
        assert_eq!(request.path, "/billing_portal/sessions");
        url::form_urlencoded::parse(request.body.unwrap().as_bytes()).map(|(k, v)| format!("{k}={v}\n")).collect()
    }

    #[test]
    fn session_request_contains_only_requested_parameters() {
        assert_eq!(
            body(Flow::Home, "pt-BR"),
            "configuration=bpc_1\ncustomer=cus_A\nlocale=pt-BR\nreturn_url=https://app.example.com/settings?tab=billing&x=1\n"
        );
    }

    #[test]
    fn completed_flow_redirects_to_completed_url() {
        let item = Item::parse("si_1", "price_1", Some(2)).unwrap();
        let flow = Flow::SubscriptionUpdateConfirm(SubscriptionId::parse("sub_1", "").unwrap(), item);
        let body = body(flow, "");
        for pair in [
            "flow_data[type]=subscription_update_confirm\n",
            "flow_data[after_completion][type]=redirect\n",
            "flow_data[after_completion][redirect][return_url]=https://app.example.com/settings?tab=billing&x=2\n",
            "\nreturn_url=https://app.example.com/settings?tab=billing&x=1\n",
            "flow_data[subscription_update_confirm][subscription]=sub_1\n",
            "flow_data[subscription_update_confirm][items][0][id]=si_1\n",
            "flow_data[subscription_update_confirm][items][0][price]=price_1\n",
            "flow_data[subscription_update_confirm][items][0][quantity]=2\n",
        ] {
            assert!(body.contains(pair), "{pair:?} is missing in\n{body}");
        }
        assert!(!body.contains("locale"));
    }

    #[test]
    fn client_library_knows_every_locale() {
        for locale in STRIPE_LOCALES {
            let known: stripe_billing::BillingPortalSessionLocale = locale.parse().unwrap();
            assert!(!matches!(known, stripe_billing::BillingPortalSessionLocale::Unknown(_)), "{locale}");
        }
    }
}
