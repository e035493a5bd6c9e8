//! Regression: which of the example's users see the billing action on the page. The server refuses exactly those who do
//! not see it.

use crate::support::example::{Example, Visitor};

const ACTION: &str = "action=\"/settings/billing\"";

/// Each user of the example, their tenant, and the sentence shown instead of the action.
const USERS: [(&str, &str, Option<&str>); 6] = [
    ("olivia", "acme", None),
    ("adam", "acme", Some("Only owners of this workspace can manage billing.")),
    ("mia", "acme", Some("Only owners of this workspace can manage billing.")),
    ("gustav", "globex", Some("Billing is not available for this workspace yet.")),
    ("ines", "initech", Some("Your workspace has no billing account yet.")),
    ("felix", "acme", Some("Only owners of this workspace can manage billing.")),
];

#[tokio::test]
async fn only_current_owner_of_eligible_tenant_sees_action_and_gets_session() {
    let example = Example::start(&[]).await;
    for (user, tenant, sentence) in USERS {
        let visitor = Visitor::sign_in(&example.page, user).await;
        let html = visitor.settings().await;
        assert_eq!(html.contains(ACTION), sentence.is_none(), "{user}\n{html}");
        assert!(sentence.is_none_or(|sentence| html.contains(sentence)), "{user}\n{html}");

        let response = visitor.open_billing(tenant).await;
        assert_eq!(response.status().as_u16(), if sentence.is_none() { 303 } else { 200 }, "{user}");
        if sentence.is_some() {
            assert!(response.headers().get("location").is_none());
            let html = response.text().await.unwrap();
            assert!(html.contains("role=\"alert\"") && html.contains("Reference for support"), "{user}\n{html}");
        }
    }
    example.stop().await;
}

#[tokio::test]
async fn action_is_hidden_when_flag_is_off() {
    let example = Example::start(&[]).await;
    example.disable_flag().await;
    for (user, ..) in USERS {
        let html = Visitor::sign_in(&example.page, user).await.settings().await;
        assert!(!html.contains(ACTION), "{user}\n{html}");
    }
    example.stop().await;
}
