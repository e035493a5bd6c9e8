//! Integration: several clicks while Stripe is slow are one call.

use futures_util::future::join_all;

use crate::support::{
    example::{Visitor, location},
    gated_stripe::GatedStripe,
};

/// Returns once the page has received the requests that were sent before: loading the page takes more round trips.
async fn wait_for_page(visitor: &Visitor) {
    assert!(visitor.billing().await.contains("Open billing portal"));
}

#[tokio::test]
async fn clicks_during_a_call_wait_for_its_result() {
    let stripe = GatedStripe::start().await;
    let olivia = Visitor::sign_in(&stripe.example.page, "olivia").await;
    let csrf_token = olivia.csrf_token().await;
    let click = || {
        let (olivia, csrf_token) = (olivia.clone(), csrf_token.clone());
        tokio::spawn(async move { olivia.submit(&csrf_token, "acme").await })
    };
    // The browser closes the connection of the first click when the person clicks again.
    let first = click();
    stripe.wait_for_request().await;
    first.abort();
    wait_for_page(&olivia).await;
    let others: Vec<_> = std::iter::repeat_with(click).take(4).collect();
    wait_for_page(&olivia).await;
    // A page of another workspace does not get this result.
    let other = olivia.refusal("globex").await;
    assert!(other.contains("You are now in a different workspace"), "{other}");

    stripe.open();
    let portals: Vec<_> =
        join_all(others).await.into_iter().map(|response| location(&response.unwrap()).to_owned()).collect();
    assert!(portals[0].contains("/p/session/"), "{portals:?}");
    assert!(portals.iter().all(|portal| *portal == portals[0]), "{portals:?}");
    assert_eq!(stripe.example.intents(), 1);

    // A result is not kept: the next click opens another session.
    let later = olivia.submit(&csrf_token, "acme").await;
    assert!(location(&later).contains("/p/session/") && location(&later) != portals[0]);
    assert_eq!(stripe.example.intents(), 2);
    stripe.example.stop().await;
}

#[tokio::test]
async fn clicks_on_each_button_are_one_call() {
    let stripe = GatedStripe::start().await;
    let olivia = Visitor::sign_in(&stripe.example.page, "olivia").await;
    let csrf_token = olivia.csrf_token().await;
    let click = |is_update: bool| {
        let (olivia, csrf_token) = (olivia.clone(), csrf_token.clone());
        tokio::spawn(async move {
            if is_update {
                olivia.update_payment_method(&csrf_token, "acme").await
            } else {
                olivia.submit(&csrf_token, "acme").await
            }
        })
    };
    // The buttons alternate.
    let clicks: Vec<_> = (0..6).map(|index| click(index % 2 == 0)).collect();
    wait_for_page(&olivia).await;
    stripe.wait_for_request().await;
    wait_for_page(&olivia).await;
    stripe.open();
    let portals = join_all(clicks).await.into_iter().map(|response| location(&response.unwrap()).to_owned());
    let portals: Vec<_> = portals.collect();
    assert!(portals.iter().enumerate().all(|(index, portal)| *portal == portals[index % 2]), "{portals:?}");
    for (portal, task) in portals.iter().zip(["Update your payment method", "Manage your billing"]) {
        let html = reqwest::get(portal).await.unwrap().text().await.unwrap();
        assert!(html.contains(&format!("<h1>{task}</h1>")), "{html}");
    }
    assert_eq!(stripe.example.intents(), 2);
    stripe.example.stop().await;
}
