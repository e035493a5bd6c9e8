//! Smoke: five clicks in a real Chromium while Stripe is slow.

use crate::support::{browser::Browser, gated_stripe::GatedStripe};

/// Clicks five times, and sets a cookie to the text of the form after that. Between the clicks, the page loads a style sheet,
/// so that the browser has sent what the click before sends.
///
/// The page does this on its own: while a page that the browser has requested does not respond, the driver cannot evaluate
/// scripts, but it can read cookies.
const CLICK_FIVE_TIMES: &str = "void (async () => {
    const button = document.querySelector(\"form[action='/settings/billing'] button\");
    for (let click = 0; click < 5; click++) {
        button.click();
        const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `/style.css?${click}` });
        document.head.append(link);
        await new Promise((resolve) => { link.onload = resolve; });
    }
    document.cookie = 'form=' + encodeURIComponent(button.form.innerText);
})()";

const BUTTON: &str = "document.querySelector(\"form[action='/settings/billing'] button\")";

/// The button has its text and is not busy.
const USABLE: &str =
    "document.querySelector('button:not([aria-disabled]) > .label')?.innerText === 'Open billing portal'";

const PORTAL: &str = "document.querySelector('#customer-name')?.innerText === 'Acme Robotics'";

/// Signs in as the owner and clicks five times. Returns the text of the form after that, while Stripe does not respond.
async fn click_five_times(stripe: &GatedStripe, browser: &Browser) -> String {
    browser.sign_in(&stripe.example, "olivia").await;
    browser.wait_for("document.readyState === 'complete'").await;
    browser.evaluate(CLICK_FIVE_TIMES).await;
    stripe.wait_for_request().await;
    browser.wait_for_cookie("form").await
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn button_is_busy_until_portal_opens_and_usable_after_return() {
    let (stripe, browser) = (GatedStripe::start().await, Browser::impatient().await);
    let form = click_five_times(&stripe, &browser).await;
    assert!(form.starts_with("Opening…"), "{form}");
    assert!(form.ends_with("Opening the billing portal. This can take a few seconds."), "{form}");
    browser.screenshot("billing-busy").await;

    stripe.open();
    browser.wait_for(PORTAL).await;
    assert_eq!(stripe.example.intents(), 1);

    browser.evaluate("history.back()").await;
    browser.wait_for(&format!("{USABLE} && document.readyState === 'complete'")).await;
    // A browser may also restore the page as it was left, so this makes it busy without leaving it.
    browser.evaluate("addEventListener('submit', (event) => event.preventDefault(), { once: true })").await;
    browser.evaluate(&format!("{BUTTON}.click()")).await;
    browser.wait_for(&format!("{BUTTON}.ariaDisabled === 'true'")).await;
    browser.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await;
    browser.wait_for(USABLE).await;
    browser.evaluate(&format!("{BUTTON}.click()")).await;
    browser.wait_for(PORTAL).await;
    assert_eq!(stripe.example.intents(), 2);
    browser.close().await;
    stripe.example.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn clicks_without_script_are_one_call() {
    let (stripe, browser) = (GatedStripe::start().await, Browser::impatient().await);
    browser.block("/billing.js").await;
    let form = click_five_times(&stripe, &browser).await;
    assert!(form.starts_with("Open billing portal"), "{form}");
    stripe.open();
    browser.wait_for(PORTAL).await;
    assert_eq!(stripe.example.intents(), 1);
    browser.close().await;
    stripe.example.stop().await;
}
