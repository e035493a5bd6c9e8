//! Integration: each notice is shown once, is true, and says what the person can do now.

use crate::support::example::{Example, Visitor, location};

const ALERT: &str = "role=\"alert\"";

#[tokio::test]
async fn reload_repeats_neither_call_nor_notice() {
    let example = Example::start(&[]).await;
    let mia = Visitor::sign_in(&example.page, "mia").await;
    let refused = mia.refusal("acme").await;
    assert_eq!(refused.matches(ALERT).count(), 1, "{refused}");
    let calls = example.audit().len();
    let reloaded = mia.billing().await;
    assert!(!reloaded.contains(ALERT), "{reloaded}");
    assert_eq!(example.audit().len(), calls);
    example.stop().await;
}

#[tokio::test]
async fn each_return_has_its_own_notice_once() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    let csrf_token = olivia.csrf_token().await;
    let portal = location(&olivia.update_payment_method(&csrf_token, "acme").await).to_owned();
    let html = reqwest::get(&portal).await.unwrap().text().await.unwrap();
    for (link, notice) in
        [("done", "Your payment method was updated."), ("return", "You returned without updating your payment method.")]
    {
        let (_, rest) = html.split_once(&format!("id=\"{link}\" href=\"{}", example.page)).unwrap();
        let returned = olivia.get(rest.split('"').next().unwrap()).await;
        assert_eq!((returned.status().as_u16(), location(&returned)), (303, "/settings/billing"));
        assert!(olivia.billing().await.contains(&format!("<p>{notice}</p>")), "{link}");
        assert!(!olivia.billing().await.contains("class=\"notice"), "{link}");
    }
    // An address that no action uses has no notice.
    assert!(!olivia.get("/settings/billing?billing=other").await.text().await.unwrap().contains("class=\"notice"));
    let unknown = [("csrf_token", csrf_token.as_str()), ("displayed_tenant_id", "acme"), ("action", "other")];
    assert_eq!(olivia.post("/settings/billing", &unknown).await.status(), 403);
    assert_eq!(example.intents(), 1);
    example.stop().await;
}

#[tokio::test]
async fn refusal_names_owners_and_links_support_with_request_id() {
    let example = Example::start(&[]).await;
    for user in ["adam", "mia", "felix"] {
        let visitor = Visitor::sign_in(&example.page, user).await;
        for html in [visitor.billing().await, visitor.refusal("acme").await] {
            assert!(html.contains("<a href=\"mailto:olivia@acme.example\">"), "{user}\n{html}");
            assert!(!html.contains("gustav@globex.example") && !html.contains("mailto:felix"), "{user}\n{html}");
        }
    }
    let ines = Visitor::sign_in(&example.page, "ines").await;
    assert!(ines.billing().await.contains("<a href=\"mailto:support@harbor.example"));
    let refused = ines.refusal("initech").await;
    let request_id = example.audit().pop().unwrap()["request_id"].as_str().unwrap().to_owned();
    assert!(refused.contains(&format!("mailto:support@harbor.example?subject=Billing%20({request_id})")), "{refused}");
    example.stop().await;
}

#[tokio::test]
async fn page_of_an_earlier_sign_in_gets_explanation() {
    let example = Example::start(&[]).await;
    let browser = Visitor::sign_in(&example.page, "olivia").await;
    let olivias_page = browser.csrf_token().await;
    browser.sign_in_as("adam").await;
    for path in ["/settings/billing", "/sign-out"] {
        let response = browser.post(path, &[("csrf_token", &olivias_page)]).await;
        assert_eq!((response.status().as_u16(), location(&response)), (303, "/settings/billing"));
        let html = browser.billing().await;
        assert!(html.contains(ALERT) && html.contains("You are now signed in as Adam Okafor."), "{html}");
        assert!(html.contains("was opened by Olivia Hartmann, so nothing was changed."), "{html}");
        assert!(html.contains("<a href=\"/sign-in\">sign in as someone else</a>"), "{html}");
        assert!(!browser.billing().await.contains(ALERT));
    }
    assert_eq!(example.audit().len(), 0, "the service must not be called");

    // The same person, signed in again.
    let adams_page = browser.csrf_token().await;
    browser.sign_in_as("adam").await;
    browser.submit(&adams_page, "acme").await;
    let html = browser.billing().await;
    assert!(html.contains("was opened before you signed in, so nothing was changed."), "{html}");

    // Signed out in another tab.
    let csrf_token = browser.csrf_token().await;
    assert_eq!(location(&browser.post("/sign-out", &[("csrf_token", &csrf_token)]).await), "/sign-in");
    assert_eq!(location(&browser.submit(&csrf_token, "acme").await), "/sign-in");
    example.stop().await;
}
