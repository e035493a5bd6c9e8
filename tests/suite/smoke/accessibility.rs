//! Smoke: every page and notice of the settings example in a real Chromium, checked with axe-core, in both color schemes and on
//! a narrow screen.

use serde_json::json;

use crate::support::{
    browser::{ACTION, Browser, UPDATE_PAYMENT_METHOD},
    example::Example,
    refusing_service::RefusingService,
};

/// Checks the page with all rules of axe-core, also those that are off by default, except for a contrast of 7:1 (AAA).
const RUN_AXE: &str = "(async () => {
    const rules = Object.fromEntries(axe.getRules().map((rule) => [rule.ruleId, { enabled: true }]));
    rules['color-contrast-enhanced'].enabled = false;
    const { violations } = await axe.run({ rules });
    return violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html + node.failureSummary)]);
})()";

/// Returns the writing directions in which the page scrolls sideways. The names on it become long and have no spaces.
const SCROLLS_SIDEWAYS: &str = "(() => {
    const names = '.workspace, .account-name, dd, .member-name, .person-name, .owners li, .notice p';
    for (const name of document.querySelectorAll(names)) name.textContent = 'Überwachungsaufgaben'.repeat(5);
    return ['ltr', 'rtl'].filter((direction) => {
        document.dir = direction;
        const { scrollWidth, clientWidth } = document.scrollingElement;
        return scrollWidth > clientWidth;
    });
})()";

struct Checked {
    browser: Browser,
    problems: Vec<String>,
}

impl Checked {
    async fn check(&mut self, state: &str) {
        // Colors do not depend on the width, and the layout does not depend on the colors.
        for (width, scheme) in [(1280, "light"), (320, "dark")] {
            self.browser.emulate(width, scheme).await;
            self.browser.screenshot(&format!("{state}-{width}-{scheme}")).await;
            let found = self.browser.evaluate(RUN_AXE).await;
            if found != json!([]) {
                self.problems.push(format!("{state}, {width} pixels, {scheme}: {found:#}"));
            }
        }
        let directions = self.browser.evaluate(SCROLLS_SIDEWAYS).await;
        if directions != json!([]) {
            self.problems.push(format!("{state} scrolls sideways: {directions}"));
        }
    }

    async fn check_notice(&mut self, state: &str) {
        self.browser.text(".notice").await;
        // The browser moves the focus to the notice when it renders the page, which may be after it has loaded it.
        self.browser.wait_for("document.activeElement.matches('.notice')").await;
        self.check(state).await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium, chromedriver and axe-core: tests/run installs them"]
async fn no_page_violates_an_accessibility_rule() {
    let axe = std::env::var("AXE_CORE").expect("AXE_CORE is not set; tests/run sets it");
    let (service, address, served) = RefusingService::start().await;
    let example = Example::start(&[&format!("--service=http://{address}")]).await;
    let mut checked = Checked { browser: Browser::start().await, problems: Vec::new() };
    checked.browser.add_script(&std::fs::read_to_string(axe).unwrap()).await;
    let goto = async |checked: &Checked, path: &str| {
        checked.browser.client.goto(&format!("{}{path}", example.page)).await.unwrap();
    };
    goto(&checked, "/sign-in").await;
    checked.check("sign-in").await;
    checked.browser.sign_in(&example, "olivia").await;
    for (state, path) in [
        ("billing", "/settings/billing"),
        ("profile", "/settings"),
        ("members", "/settings/members"),
        ("not-found", "/unknown"),
    ] {
        goto(&checked, path).await;
        checked.check(state).await;
    }
    // Busy, but without leaving the page.
    goto(&checked, "/settings/billing").await;
    checked.browser.evaluate("addEventListener('submit', (event) => event.preventDefault())").await;
    checked.browser.click(UPDATE_PAYMENT_METHOD).await;
    checked.browser.wait_for("document.querySelector('form[aria-busy=true]') !== null").await;
    checked.check("busy").await;
    for marker in ["returned", "payment-method-updated", "payment-method-not-updated"] {
        goto(&checked, &format!("/settings/billing?billing={marker}")).await;
        checked.check_notice(marker).await;
    }
    for reason in [
        "NOT_OWNER",
        "FEATURE_DISABLED",
        "NO_BILLING_ACCOUNT",
        "TENANT_MISMATCH",
        "RATE_LIMITED",
        "OVERLOADED",
        "STRIPE_UNAVAILABLE",
        "MAPPING_INTEGRITY",
        "BUG",
    ] {
        service.refuse_with(reason);
        goto(&checked, "/settings/billing").await;
        checked.browser.click(ACTION).await;
        checked.check_notice(&format!("refused-{reason}")).await;
        checked.browser.client.refresh().await.unwrap();
        if !checked.browser.has(ACTION).await {
            checked.check(&format!("hidden-{reason}")).await;
        }
    }
    service.refuse_with("BUG");
    goto(&checked, "/settings/billing").await;
    let window = checked.browser.client.window().await.unwrap();
    let other = checked.browser.client.new_window(true).await.unwrap().handle;
    checked.browser.client.switch_to_window(other).await.unwrap();
    checked.browser.sign_in(&example, "adam").await;
    checked.browser.client.switch_to_window(window).await.unwrap();
    checked.browser.click(ACTION).await;
    checked.check_notice("other-sign-in").await;

    assert_eq!(checked.problems, Vec::<String>::new());
    checked.browser.close().await;
    example.stop().await;
    served.abort();
}
