"""A Stripe of this client's own making: two endpoints, which answer what a test says and record what they were asked."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_test_conformance"


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))


@dataclass
class Answer:
    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Change = Callable[[Asked, Answer], Answer | None]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A caller that hung up is what some cases are about."""


class Stripe:
    def __init__(self) -> None:
        self.customers: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.change: Change | None = None
        self.lock = threading.Lock()
        stripe = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(length).decode())
                with stripe.lock:
                    stripe.asked.append(asked)
                    change = stripe.change
                answer: Answer | None = stripe.honest(asked)
                if change:
                    answer = change(asked, answer)
                if answer is None:
                    self.close_connection = True
                    return
                raw = answer.raw()
                self.send_response(answer.status)
                for name, value in {"request-id": "req_conformance", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def honest(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        if asked.method == "GET" and path.startswith("/v1/customers/"):
            customer = path.removeprefix("/v1/customers/")
            if customer not in self.customers:
                return Answer(404, {"error": {"code": "resource_missing", "param": "id", "type": "invalid_request_error"}})
            metadata = {"tenant_id": self.customers[customer]}
            return Answer(200, {"id": customer, "object": "customer", "livemode": False, "metadata": metadata})
        if asked.method == "POST" and path == "/v1/billing_portal/sessions":
            form = asked.form
            return Answer(200, {
                "id": "bps_conformance", "object": "billing_portal.session", "livemode": False,
                "customer": form["customer"], "return_url": form["return_url"], "flow": flow(form),
                "configuration": form.get("configuration", "bpc_default"), "on_behalf_of": None,
                "locale": form.get("locale"), "created": 1, "url": f"{self.origin}/p/session/{form['customer']}",
            })
        return Answer(404, {"error": {"type": "invalid_request_error"}})

    def count(self) -> int:
        with self.lock:
            return len(self.asked)

    def forget(self) -> None:
        with self.lock:
            self.asked.clear()
            self.change = None

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def flow(form: dict[str, str]) -> dict | None:
    """What a session says of its flow, as it was asked for."""
    kind = form.get("flow_data[type]")
    if kind is None:
        return None
    told: dict = {"type": kind, "after_completion": {
        "type": form.get("flow_data[after_completion][type]"),
        "redirect": {"return_url": form.get("flow_data[after_completion][redirect][return_url]")},
    }}
    subscription = form.get(f"flow_data[{kind}][subscription]")
    if subscription:
        told[kind] = {"subscription": subscription}
    item = f"flow_data[{kind}][items][0]"
    if f"{item}[id]" in form:
        quantity = form.get(f"{item}[quantity]")
        told[kind]["items"] = [{
            "id": form[f"{item}[id]"], "price": form.get(f"{item}[price]"), "quantity": int(quantity) if quantity else None,
        }]
    return told
