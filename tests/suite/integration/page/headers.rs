//! Integration: security headers of every response, and the cookie.

use crate::support::example::{Example, Visitor};

#[tokio::test]
async fn no_response_can_be_framed_or_cached() {
    let example = Example::start(&[]).await;
    let olivia = Visitor::sign_in(&example.page, "olivia").await;
    let form = [("csrf_token", olivia.csrf_token().await)];
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = |path: &str| format!("{}{path}", example.page);
    let responses = [
        (200, olivia.get("/settings").await),
        (200, olivia.get("/settings/billing").await),
        (200, olivia.get("/settings/members").await),
        (200, olivia.get("/sign-in").await),
        (200, olivia.get("/style.css").await),
        (200, olivia.get("/billing.js").await),
        (303, olivia.get("/").await),
        (303, olivia.get("/settings/billing?billing=returned").await),
        (303, olivia.get("/settings/billing?billing=payment-method-updated").await),
        (303, olivia.update_payment_method(&form[0].1, "acme").await),
        (200, olivia.get("/settings/billing?billing=returned&billing=%FF").await),
        (303, olivia.submit("other", "acme").await),
        (303, olivia.submit(&form[0].1, "acme").await),
        (303, olivia.submit(&form[0].1, "globex").await),
        (303, client.get(url("/settings")).send().await.unwrap()),
        (303, client.get(url("/settings")).header("host", "localhost").send().await.unwrap()),
        (403, client.post(url("/sign-in")).header("sec-fetch-site", "cross-site").send().await.unwrap()),
        (404, olivia.get("/unknown").await),
        (405, olivia.get("/sign-out").await),
        (303, client.post(url("/sign-in")).send().await.unwrap()),
        (303, client.post(url("/sign-in")).body("person=%FF").send().await.unwrap()),
    ];
    for (status, response) in responses {
        let path = response.url().path().to_owned();
        assert_eq!(response.status(), status, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self';"), "{path}: {policy}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        if status >= 400 {
            let html = response.text().await.unwrap();
            assert!(html.contains("<h1>") && html.contains("Go to your settings"), "{path}: {html}");
        }
    }
    example.stop().await;
}

#[tokio::test]
async fn examples_on_one_host_do_not_share_a_cookie() {
    let (first, second) = tokio::join!(Example::start(&[]), Example::start(&[]));
    let olivia = Visitor::sign_in(&first.page, "olivia").await;
    let gustav = olivia.on(&second.page);
    gustav.sign_in_as("gustav").await;
    assert!(gustav.settings().await.contains("Gustav Moreau"));
    assert!(olivia.settings().await.contains("Olivia Hartmann"));
    first.stop().await;
    second.stop().await;
}
