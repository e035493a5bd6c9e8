//! Regression: who sees the billing action on the page, for each of the prepared people, and that the server refuses
//! exactly those who don't.

use crate::support::example::{Example, Visitor};

const ACTION: &str = "action=\"/settings/billing\"";

/// Each prepared person, their tenant, and the sentence that stands in place of the action.
const PEOPLE: [(&str, &str, Option<&str>); 6] = [
    ("olivia", "acme", None),
    ("adam", "acme", Some("Only owners of this workspace can manage billing.")),
    ("mia", "acme", Some("Only owners of this workspace can manage billing.")),
    ("gustav", "globex", Some("Billing is not available for this workspace yet.")),
    ("ines", "initech", Some("Your workspace has no billing account yet.")),
    ("felix", "acme", Some("Only owners of this workspace can manage billing.")),
];

#[tokio::test]
async fn only_the_present_owner_of_an_eligible_tenant_sees_the_action_and_only_they_get_through() {
    let example = Example::start(&[]).await;
    for (person, tenant, sentence) in PEOPLE {
        let visitor = Visitor::sign_in(&example.page, person).await;
        let html = visitor.settings().await;
        assert_eq!(html.contains(ACTION), sentence.is_none(), "{person}\n{html}");
        assert!(sentence.is_none_or(|sentence| html.contains(sentence)), "{person}\n{html}");

        let answer = visitor.open_billing(tenant).await;
        assert_eq!(answer.status().as_u16(), if sentence.is_none() { 303 } else { 200 }, "{person}");
        if sentence.is_some() {
            assert!(answer.headers().get("location").is_none());
            let html = answer.text().await.unwrap();
            assert!(html.contains("role=\"alert\"") && html.contains("Reference for support"), "{person}\n{html}");
        }
    }
    example.stop().await;
}

#[tokio::test]
async fn nobody_sees_the_action_once_the_flag_is_off() {
    let example = Example::start(&[]).await;
    example.switch_off().await;
    for (person, ..) in PEOPLE {
        let html = Visitor::sign_in(&example.page, person).await.settings().await;
        assert!(!html.contains(ACTION), "{person}\n{html}");
    }
    example.stop().await;
}
