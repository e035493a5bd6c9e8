//! Regression: which of the example's users see the billing action on the page. The server refuses exactly those who do
//! not see it.

use crate::support::example::{Example, Visitor, location};

const ACTION: &str = "action=\"/settings/billing\"";

/// Each user of the example, their tenant, and the sentence shown instead of the action.
const USERS: [(&str, &str, Option<&str>); 6] = [
    ("olivia", "acme", None),
    ("adam", "acme", Some("Only owners of this workspace can manage billing.")),
    ("mia", "acme", Some("Only owners of this workspace can manage billing.")),
    ("gustav", "globex", Some("Billing is not available for this workspace right now.")),
    ("ines", "initech", Some("Your workspace does not have a billing account yet.")),
    ("felix", "acme", Some("Only owners of this workspace can manage billing.")),
];

#[tokio::test]
async fn only_current_owner_of_eligible_tenant_sees_action_and_gets_session() {
    let example = Example::start(&[]).await;
    for (user, tenant, sentence) in USERS {
        let visitor = Visitor::sign_in(&example.page, user).await;
        let html = visitor.billing().await;
        assert_eq!(html.contains(ACTION), sentence.is_none(), "{user}\n{html}");
        assert!(sentence.is_none_or(|sentence| html.contains(sentence)), "{user}\n{html}");

        match sentence {
            None => assert!(location(&visitor.open_billing(tenant).await).starts_with(&example.value("Stripe"))),
            Some(sentence) => {
                let html = visitor.refusal(tenant).await;
                assert!(html.contains("role=\"alert\"") && html.contains("Reference"), "{user}\n{html}");
                assert_eq!(html.matches(sentence).count(), 1, "{user}\n{html}");
            }
        }
    }
    example.stop().await;
}

#[tokio::test]
async fn action_is_hidden_when_flag_is_off() {
    let example = Example::start(&[]).await;
    example.disable_flag().await;
    for (user, ..) in USERS {
        let html = Visitor::sign_in(&example.page, user).await.billing().await;
        assert!(!html.contains(ACTION), "{user}\n{html}");
    }
    example.stop().await;
}
