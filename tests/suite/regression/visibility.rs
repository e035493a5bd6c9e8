//! Regression: which of the example's users see the billing actions on the page. The server refuses exactly those who do
//! not see them.

use futures_util::FutureExt as _;

use crate::support::example::{Example, Visitor, location};

/// The form, and each of its buttons.
const ACTIONS: [&str; 3] = ["action=\"/settings/billing\"", "Open billing portal", "Update payment method"];

/// Each user of the example, their tenant, and the sentence shown instead of the actions.
const USERS: [(&str, &str, Option<&str>); 6] = [
    ("olivia", "acme", None),
    ("adam", "acme", Some("Only owners of this workspace can manage billing.")),
    ("mia", "acme", Some("Only owners of this workspace can manage billing.")),
    ("gustav", "globex", Some("Billing is not available for this workspace right now.")),
    ("ines", "initech", Some("Your workspace does not have a billing account yet.")),
    ("felix", "acme", Some("Only owners of this workspace can manage billing.")),
];

#[tokio::test]
async fn only_current_owner_of_eligible_tenant_sees_actions_and_gets_sessions() {
    let example = Example::start(&[]).await;
    for (user, tenant, sentence) in USERS {
        let visitor = Visitor::sign_in(&example.page, user).await;
        let html = visitor.billing().await;
        for action in ACTIONS {
            assert_eq!(html.contains(action), sentence.is_none(), "{user}, {action}\n{html}");
        }
        assert!(sentence.is_none_or(|sentence| html.contains(sentence)), "{user}\n{html}");

        let csrf_token = visitor.csrf_token().await;
        let (open, update) = (visitor.submit(&csrf_token, tenant), visitor.update_payment_method(&csrf_token, tenant));
        for response in [open.boxed(), update.boxed()] {
            let response = response.await;
            match sentence {
                None => assert!(location(&response).starts_with(&example.value("Stripe")), "{user}"),
                Some(sentence) => {
                    assert_eq!(location(&response), "/settings/billing", "{user}");
                    let html = visitor.billing().await;
                    assert!(html.contains("role=\"alert\"") && html.contains("Reference"), "{user}\n{html}");
                    assert_eq!(html.matches(sentence).count(), 1, "{user}\n{html}");
                }
            }
        }
    }
    example.stop().await;
}

#[tokio::test]
async fn actions_are_hidden_when_flag_is_off() {
    let example = Example::start(&[]).await;
    example.disable_flag().await;
    for (user, ..) in USERS {
        let html = Visitor::sign_in(&example.page, user).await.billing().await;
        assert!(ACTIONS.iter().all(|action| !html.contains(action)), "{user}\n{html}");
    }
    example.stop().await;
}
