//! Smoke: five clicks in a real Chromium while Stripe is slow.

use crate::support::{
    browser::{ACTION, Browser, UPDATE_PAYMENT_METHOD},
    gated_stripe::GatedStripe,
};

/// Clicks five times, and sets a cookie to the text of the form after that. Between the clicks, the page loads a style sheet,
/// so that the browser has sent what the click before sends.
///
/// The page does this on its own: while a page that the browser has requested does not respond, the driver cannot evaluate
/// scripts, but it can read cookies.
const CLICK_FIVE_TIMES: &str = "void (async () => {
    for (let click = 0; click < 5; click++) {
        BUTTON.click();
        const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `/style.css?${click}` });
        document.head.append(link);
        await new Promise((resolve) => { link.onload = resolve; });
    }
    document.cookie = 'form=' + encodeURIComponent(BUTTON.form.innerText);
})()";

/// The buttons have their texts and are not busy.
const USABLE: &str =
    "[...document.querySelectorAll('button:not([aria-disabled]) > .label')].map((label) => label.innerText)
    .join() === 'Open billing portal,Update payment method'";

const PORTAL: &str = "document.querySelector('#customer-name')?.innerText === 'Acme Robotics'";

/// Returns the expression for an element.
fn script(css: &str) -> String {
    format!("document.querySelector(\"{css}\")")
}

/// Signs in as the owner and clicks five times. Returns the text of the form after that, while Stripe does not respond.
async fn click_five_times(stripe: &GatedStripe, browser: &Browser, button: &str) -> String {
    browser.sign_in(&stripe.example, "olivia").await;
    browser.wait_for("document.readyState === 'complete'").await;
    browser.evaluate(&CLICK_FIVE_TIMES.replace("BUTTON", &script(button))).await;
    stripe.wait_for_request().await;
    browser.wait_for_cookie("form").await
}

async fn busy_until_portal_opens_and_usable_after_return(button: &str, task: &str) -> String {
    let (stripe, browser) = (GatedStripe::start().await, Browser::impatient().await);
    let form = click_five_times(&stripe, &browser, button).await;
    assert!(form.ends_with("Opening the billing portal. This can take a few seconds."), "{form}");
    browser.screenshot("billing-busy").await;

    stripe.open();
    browser.wait_for(PORTAL).await;
    assert_eq!(browser.text("h1").await, task);
    assert_eq!(stripe.example.intents(), 1);

    let button = script(button);
    browser.evaluate("history.back()").await;
    browser.wait_for(&format!("{USABLE} && document.readyState === 'complete'")).await;
    // A browser may also restore the page as it was left, so this makes it busy without leaving it.
    browser.evaluate("addEventListener('submit', (event) => event.preventDefault(), { once: true })").await;
    browser.evaluate(&format!("{button}.click()")).await;
    browser.wait_for(&format!("{button}.ariaDisabled === 'true'")).await;
    browser.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await;
    browser.wait_for(USABLE).await;
    browser.evaluate(&format!("{button}.click()")).await;
    browser.wait_for(PORTAL).await;
    assert_eq!(stripe.example.intents(), 2);
    browser.close().await;
    stripe.example.stop().await;
    form
}

async fn clicks_without_script_are_one_call(button: &str, task: &str) {
    let (stripe, browser) = (GatedStripe::start().await, Browser::impatient().await);
    browser.block("/billing.js").await;
    let form = click_five_times(&stripe, &browser, button).await;
    assert!(form.starts_with("Open billing portal") && !form.contains("Opening…"), "{form}");
    stripe.open();
    browser.wait_for(PORTAL).await;
    assert_eq!(browser.text("h1").await, task);
    assert_eq!(stripe.example.intents(), 1);
    browser.close().await;
    stripe.example.stop().await;
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn portal_button_is_busy_until_portal_opens_and_usable_after_return() {
    let form = busy_until_portal_opens_and_usable_after_return(ACTION, "Manage your billing").await;
    assert!(form.starts_with("Opening…") && form.contains("Update payment method"), "{form}");
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn payment_method_button_is_busy_until_portal_opens_and_usable_after_return() {
    let task = "Update your payment method";
    let form = busy_until_portal_opens_and_usable_after_return(UPDATE_PAYMENT_METHOD, task).await;
    assert!(form.starts_with("Open billing portal") && form.contains("Opening…"), "{form}");
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn clicks_on_portal_button_without_script_are_one_call() {
    clicks_without_script_are_one_call(ACTION, "Manage your billing").await;
}

#[tokio::test]
#[ignore = "needs Chromium and chromedriver: tests/run installs them"]
async fn clicks_on_payment_method_button_without_script_are_one_call() {
    clicks_without_script_are_one_call(UPDATE_PAYMENT_METHOD, "Update your payment method").await;
}
