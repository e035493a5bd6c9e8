"""The request message: valid values, and the field that a refusal names."""

from base import ServiceTest
from client import pb
from service import RETURN_URL

APP = "https://app.example.com"
Request = pb.CreatePortalSessionRequest


def confirm(**item: object) -> dict:
    items = Request.SubscriptionUpdateConfirm.Item(**item)
    return {"subscription_update_confirm": Request.SubscriptionUpdateConfirm(subscription_id="sub_1", item=items)}


class MessageTest(ServiceTest):
    def create_session(self, **fields: object):
        return self.client.create_session(self.world.key.token(), **fields)

    def test_only_canonical_urls_of_allowed_origins_are_accepted(self) -> None:
        for url in [RETURN_URL, f"{APP}/", f"{APP}/a?b=c&d=%20", f"{APP}/a//b", "http://127.0.0.1:3000/x"]:
            self.expect_session(url, self.create_session(return_url=url))
        for url in [
            "", APP, f"{APP}#x", f"{APP}/#", f"{APP}/#x", "https://app@evil.example/", "https://u@app.example.com/",
            "https://:p@app.example.com/", "https://evil.example\\@app.example.com/", "https:app.example.com/", "https:/app.example.com/",
            "///app.example.com/", "//app.example.com/", "/settings", "HTTPS://app.example.com/", "https://APP.example.com/",
            "https://app.example.com./", "https://app.example.com:443/", "https://app.example.com:8443/",
            "https://app。example.com/", "https://ａpp.example.com/", "https://аpp.example.com/", "https://app%2Eexample.com/",
            f"{APP}/a\tb", f"{APP}/\r\nx", f"{APP}/a\0", f"{APP}/a/../b", f"{APP}/./", f"{APP}/%2e%2e/", f"{APP}//evil.example",
            "javascript:alert(1)", "data:text/html,x", "http://app.example.com/", "https://127.0.0.1/", "http://127.0.0.1:3001/",
            "http://127.1:3000/", "https://app.example.com.evil.example/", "https://evil.example/", f"{APP}/ä", f"{APP}/a b",
            f" {APP}/", f"{APP}/ ", f"{APP}/{'x' * 2_048}", "https://[::1]/", "ftp://app.example.com/",
        ]:
            result = self.expect(url, self.create_session(return_url=url), "INVALID_ARGUMENT", "RETURN_URL_NOT_ALLOWED")
            self.assertEqual(result.field, "return_url")

    def test_malformed_locales_are_refused(self) -> None:
        for locale in ["", "auto", "de", "pt-BR", "zh-TW", "DE", "de-XX", "xx", "zh-Hant-TW"]:
            self.expect_session(locale, self.create_session(locale=locale))
        for locale in ["d", "de-", "pt_BR", " de", "en\n"]:
            result = self.expect(locale, self.create_session(locale=locale), "INVALID_ARGUMENT", "LOCALE_INVALID")
            self.assertEqual(result.field, "locale")

    def test_flows_send_exactly_these_parameters_to_stripe(self) -> None:
        redirect = {"flow_data[after_completion][type]": "redirect",
                 "flow_data[after_completion][redirect][return_url]": RETURN_URL}
        item = "flow_data[subscription_update_confirm][items][0]"
        for fields, parameters in [
            ({}, {}),
            ({"payment_method_update": {}}, redirect | {"flow_data[type]": "payment_method_update"}),
            ({"customer_update": {}}, redirect | {"flow_data[type]": "customer_update"}),
            ({"subscription_cancel": {"subscription_id": "sub_1"}},
             redirect | {"flow_data[type]": "subscription_cancel", "flow_data[subscription_cancel][subscription]": "sub_1"}),
            ({"subscription_update": {"subscription_id": "sub_1"}},
             redirect | {"flow_data[type]": "subscription_update", "flow_data[subscription_update][subscription]": "sub_1"}),
            (confirm(id="si_1", price_id="price_1", quantity=2),
             redirect | {"flow_data[type]": "subscription_update_confirm",
                      "flow_data[subscription_update_confirm][subscription]": "sub_1",
                      f"{item}[id]": "si_1", f"{item}[price]": "price_1", f"{item}[quantity]": "2"}),
        ]:
            result = self.create_session(**fields)
            posts = [request for request in self.world.stripe.requests if request.method == "POST"]
            self.assertEqual([post.form for post in posts], [{"customer": "cus_A", "return_url": RETURN_URL} | parameters])
            self.assertEqual(posts[0].headers["stripe-version"], "2026-09-30.endive")
            self.expect_session(fields, result)

    def test_completed_url_is_where_a_flow_redirects(self) -> None:
        completed = f"{APP}/settings?billing=completed"
        result = self.create_session(payment_method_update={}, completed_url=completed)
        posts = [request for request in self.world.stripe.requests if request.method == "POST"]
        self.assertEqual([post.form for post in posts], [{
            "customer": "cus_A", "return_url": RETURN_URL, "flow_data[type]": "payment_method_update",
            "flow_data[after_completion][type]": "redirect",
            "flow_data[after_completion][redirect][return_url]": completed,
        }])
        self.expect_session(completed, result)
        for fields, reason in [
            ({"completed_url": completed}, "FLOW_INVALID"),
            ({"completed_url": ""}, "FLOW_INVALID"),
            ({"payment_method_update": {}, "completed_url": ""}, "RETURN_URL_NOT_ALLOWED"),
            ({"payment_method_update": {}, "completed_url": "https://evil.example/"}, "RETURN_URL_NOT_ALLOWED"),
        ]:
            result = self.expect(fields, self.create_session(**fields), "INVALID_ARGUMENT", reason)
            self.assertEqual(result.field, "completed_url")

    def test_malformed_flows_are_refused(self) -> None:
        for fields, field in [
            *[({"subscription_cancel": {"subscription_id": invalid}}, "subscription_cancel.subscription_id")
              for invalid in ["", "sub_", "sub_a b", "si_1", "sub_1/../2", "sub_" + "a" * 252]],
            ({"subscription_update": {"subscription_id": "cus_1"}}, "subscription_update.subscription_id"),
            (confirm(id="sub_1", price_id="price_1"), "subscription_update_confirm.item.id"),
            (confirm(id="si_1", price_id="cus_1"), "subscription_update_confirm.item.price_id"),
            (confirm(id="si_1", quantity=0), "subscription_update_confirm.item.quantity"),
            (confirm(id="si_1"), "subscription_update_confirm.item"),
            ({"subscription_update_confirm": {"subscription_id": "sub_1"}}, "subscription_update_confirm.item"),
        ]:
            result = self.expect(fields, self.create_session(**fields), "INVALID_ARGUMENT", "FLOW_INVALID")
            self.assertEqual(result.field, field)
        for price in ["price_1", "plan_1"]:
            self.expect_session(price, self.create_session(**confirm(id="si_1", price_id=price)))

    def test_displayed_tenant_must_match_the_token(self) -> None:
        self.expect_session("same tenant", self.create_session(displayed_tenant_id="acme"))
        for other in ["globex", "ACME", "acme ", "a b", "x" * 300]:
            self.expect(other, self.create_session(displayed_tenant_id=other), "FAILED_PRECONDITION", "TENANT_MISMATCH")
            result = self.client.get_access(self.world.key.token(), displayed_tenant=other)
            self.expect(other, result, "FAILED_PRECONDITION", "TENANT_MISMATCH")
