"""The message: what may be asked for, and how a field that may not is named."""

from base import Group
from client import pb
from service import RETURN_URL

APP = "https://app.example.com"
Request = pb.CreatePortalSessionRequest


def confirm(**item: object) -> dict:
    items = Request.SubscriptionUpdateConfirm.Item(**item)
    return {"subscription_update_confirm": Request.SubscriptionUpdateConfirm(subscription_id="sub_1", item=items)}


class Message(Group):
    def open(self, **fields: object):
        return self.client.open(self.world.key.token(), **fields)

    def test_return_urls(self) -> None:
        for url in [RETURN_URL, f"{APP}/", f"{APP}/a?b=c&d=%20", f"{APP}/a//b", "http://127.0.0.1:3000/x"]:
            self.opens(url, self.open(return_url=url))
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
            told = self.tell(url, self.open(return_url=url), "INVALID_ARGUMENT", "RETURN_URL_NOT_ALLOWED")
            self.assertEqual(told.field, "return_url")

    def test_locales(self) -> None:
        for locale in ["", "auto", "de", "pt-BR", "zh-TW"]:
            self.opens(locale, self.open(locale=locale))
        for locale in ["DE", "xx", "de-XX", "pt_BR", " de", "en\n"]:
            told = self.tell(locale, self.open(locale=locale), "INVALID_ARGUMENT", "LOCALE_INVALID")
            self.assertEqual(told.field, "locale")

    def test_flows_ask_stripe_for_exactly_this(self) -> None:
        after = {"flow_data[after_completion][type]": "redirect",
                 "flow_data[after_completion][redirect][return_url]": RETURN_URL}
        item = "flow_data[subscription_update_confirm][items][0]"
        for fields, sent in [
            ({}, {}),
            ({"payment_method_update": {}}, after | {"flow_data[type]": "payment_method_update"}),
            ({"customer_update": {}}, after | {"flow_data[type]": "customer_update"}),
            ({"subscription_cancel": {"subscription_id": "sub_1"}},
             after | {"flow_data[type]": "subscription_cancel", "flow_data[subscription_cancel][subscription]": "sub_1"}),
            ({"subscription_update": {"subscription_id": "sub_1"}},
             after | {"flow_data[type]": "subscription_update", "flow_data[subscription_update][subscription]": "sub_1"}),
            (confirm(id="si_1", price_id="price_1", quantity=2),
             after | {"flow_data[type]": "subscription_update_confirm",
                      "flow_data[subscription_update_confirm][subscription]": "sub_1",
                      f"{item}[id]": "si_1", f"{item}[price]": "price_1", f"{item}[quantity]": "2"}),
        ]:
            told = self.open(**fields)
            posts = [asked for asked in self.world.stripe.asked if asked.method == "POST"]
            self.assertEqual([post.form for post in posts], [{"customer": "cus_A", "return_url": RETURN_URL} | sent])
            self.assertEqual(posts[0].headers["stripe-version"], "2026-09-30.endive")
            self.opens(fields, told)

    def test_flows_that_are_malformed(self) -> None:
        for fields, field in [
            *[({"subscription_cancel": {"subscription_id": bad}}, "subscription_cancel.subscription_id")
              for bad in ["", "sub_", "sub_a b", "si_1", "sub_1/../2", "sub_" + "a" * 252]],
            ({"subscription_update": {"subscription_id": "cus_1"}}, "subscription_update.subscription_id"),
            (confirm(id="sub_1", price_id="price_1"), "subscription_update_confirm.item.id"),
            (confirm(id="si_1", price_id="cus_1"), "subscription_update_confirm.item.price_id"),
            (confirm(id="si_1", quantity=0), "subscription_update_confirm.item.quantity"),
            (confirm(id="si_1"), "subscription_update_confirm.item"),
            ({"subscription_update_confirm": {"subscription_id": "sub_1"}}, "subscription_update_confirm.item"),
        ]:
            told = self.tell(fields, self.open(**fields), "INVALID_ARGUMENT", "FLOW_INVALID")
            self.assertEqual(told.field, field)
        for price in ["price_1", "plan_1"]:
            self.opens(price, self.open(**confirm(id="si_1", price_id=price)))

    def test_the_displayed_tenant_is_only_compared(self) -> None:
        self.opens("the same", self.open(displayed_tenant_id="acme"))
        for other in ["globex", "ACME", "acme ", "a b", "x" * 300]:
            self.tell(other, self.open(displayed_tenant_id=other), "FAILED_PRECONDITION", "TENANT_MISMATCH")
            told = self.client.ask(self.world.key.token(), displayed=other)
            self.tell(other, told, "FAILED_PRECONDITION", "TENANT_MISMATCH")
