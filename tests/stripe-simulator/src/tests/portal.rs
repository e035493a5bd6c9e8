//! The hosted page.

use super::Account;
use crate::{Mode, Settings};

/// Creates a session, and returns its URL and page.
async fn open(account: &Account, parameters: &str) -> (String, super::Response) {
    let url = account.post(&format!("customer=cus_A{parameters}")).await.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(account.stripe.base_url()).unwrap();
    let page = account.send("GET", path, &[], "").await;
    (url, page)
}

#[tokio::test]
async fn page_shows_customer_and_return_link() {
    let account = Account::new().await;
    let (url, page) = open(&account, "&return_url=https%3A%2F%2Fapp.test%2Fx%3Fa%3D1%26b%3D%22%3E").await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(page.text.contains("Ann &#38; &#60;Co&#62;") && !page.text.contains("<Co>"), "{}", page.text);
    assert!(page.text.contains("cus_A") && page.text.contains("Simulated billing portal"));
    assert!(page.text.contains("id=\"return\" href=\"https://app.test/x?a=1&#38;b=&#34;&#62;\""), "{}", page.text);
    assert!(page.text.contains("Return to app.test</a>"));
    assert!(!page.text.contains("<script"));
    assert_eq!(account.stripe.customer_of(&url).as_deref(), Some("cus_A"));
}

#[tokio::test]
async fn page_without_return_url_has_no_return_link() {
    let account = Account::new().await;
    assert!(!open(&account, "").await.1.text.contains("id=\"return\""));
}

#[tokio::test]
async fn page_shows_requested_flow() {
    let account = Account::new().await;
    let confirm = "flow_data[subscription_update_confirm]";
    for (parameters, expected) in [
        (String::new(), "<h1>Manage your billing</h1>"),
        ("&flow_data[type]=payment_method_update".to_owned(), "<h1>Update your payment method</h1>"),
        ("&flow_data[type]=customer_update".to_owned(), "<h1>Update your billing details</h1>"),
        (
            "&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]=sub_A".to_owned(),
            "<h1>Cancel your subscription</h1>",
        ),
        (
            "&flow_data[type]=subscription_update&flow_data[subscription_update][subscription]=sub_A".to_owned(),
            "<dt>Now</dt><dd>price_1 × 2</dd>",
        ),
        (
            format!(
                "&flow_data[type]=subscription_update_confirm&{confirm}[subscription]=sub_A&{confirm}[items][0][id]=si_A&{confirm}[items][0][price]=price_2"
            ),
            "<dt>After the change</dt><dd>price_2</dd>",
        ),
    ] {
        let page = open(&account, &parameters).await.1;
        assert!(page.text.contains(expected), "{expected}: {}", page.text);
    }
}

#[tokio::test]
async fn flow_that_redirects_has_a_link_for_each_of_its_ends() {
    const DONE: &str = "id=\"done\"";
    let account = Account::new().await;
    let flow = "&return_url=https%3A%2F%2Fapp.test%2Fback&flow_data[type]=payment_method_update";
    let redirect = "&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]";
    let page = open(&account, &format!("{flow}{redirect}=https%3A%2F%2Fapp.test%2Fdone%3Fa%26b")).await.1;
    assert!(page.text.contains("id=\"return\" href=\"https://app.test/back\""), "{}", page.text);
    assert!(page.text.contains("id=\"done\" href=\"https://app.test/done?a&#38;b\""), "{}", page.text);
    // Without a redirect, the portal does not lead back when the flow is done.
    for parameters in ["&return_url=https%3A%2F%2Fapp.test%2Fback", flow] {
        assert!(!open(&account, parameters).await.1.text.contains(DONE));
    }
}

#[tokio::test]
async fn unknown_session_is_not_found() {
    let account = Account::new().await;
    let (url, _) = open(&account, "").await;
    let path = url.strip_prefix(account.stripe.base_url()).unwrap();
    let page = account.send("GET", &format!("{path}0"), &[], "").await;
    assert_eq!((page.status, page.header("cache-control")), (404, "no-store"));
    assert!(page.text.contains("<h1>Session not found</h1>"));
    for other in [format!("{url}0"), "https://billing.stripe.com/p/session/test_x".to_owned(), String::new()] {
        assert_eq!(account.stripe.customer_of(&other), None);
    }
}

#[tokio::test]
async fn page_can_be_on_other_origin_and_is_not_recorded() {
    let account = Account::with(Settings::default().portal_origin("http://portal.test")).await;
    let url = account.post("customer=cus_A").await.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("http://portal.test").unwrap();
    assert_eq!(account.stripe.customer_of(&url).as_deref(), Some("cus_A"));
    account.stripe.forget_requests();
    assert_eq!(account.send("GET", path, &[], "").await.status, 200);
    assert!(account.stripe.requests().is_empty());
    let live = account.post_in(Mode::Live, "customer=cus_L", &[]).await.json();
    assert!(live["url"].as_str().unwrap().starts_with("http://portal.test/p/session/live_"));
}
