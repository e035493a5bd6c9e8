"""A server with two endpoints of Stripe's API. Records requests; a test can replace the responses."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_test_conformance"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))


@dataclass
class Response:
    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


# Returns the response to send, or None to close the connection without one.
Hook = Callable[[Request, Response], Response | None]


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignores errors: in some cases the service closes the connection."""


class StripeServer:
    def __init__(self) -> None:
        self.customers: dict[str, str] = {}
        self.requests: list[Request] = []
        self.hook: Hook | None = None
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, self.rfile.read(length).decode())
                with server.lock:
                    server.requests.append(request)
                    hook = server.hook
                response: Response | None = server.respond(request)
                if hook:
                    response = hook(request, response)
                if response is None:
                    self.close_connection = True
                    return
                raw = response.raw()
                self.send_response(response.status)
                for name, value in {"request-id": "req_conformance", **response.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = handle_request

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def respond(self, request: Request) -> Response:
        path = urlsplit(request.path).path
        if request.method == "GET" and path.startswith("/v1/customers/"):
            customer = path.removeprefix("/v1/customers/")
            if customer not in self.customers:
                error = {"code": "resource_missing", "param": "id", "type": "invalid_request_error"}
                return Response(404, {"error": error})
            metadata = {"tenant_id": self.customers[customer]}
            return Response(200, {"id": customer, "object": "customer", "livemode": False, "metadata": metadata})
        if request.method == "POST" and path == "/v1/billing_portal/sessions":
            form = request.form
            return Response(200, {
                "id": "bps_conformance", "object": "billing_portal.session", "livemode": False,
                "customer": form["customer"], "return_url": form["return_url"], "flow": session_flow(form),
                "configuration": form.get("configuration", "bpc_default"), "on_behalf_of": None,
                "locale": form.get("locale"), "created": 1, "url": f"{self.origin}/p/session/{form['customer']}",
            })
        return Response(404, {"error": {"type": "invalid_request_error"}})

    def count_requests(self) -> int:
        with self.lock:
            return len(self.requests)

    def reset(self) -> None:
        with self.lock:
            self.requests.clear()
            self.hook = None

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def session_flow(form: dict[str, str]) -> dict | None:
    """Returns the flow of a session for the parameters of its request."""
    kind = form.get("flow_data[type]")
    if kind is None:
        return None
    flow: dict = {"type": kind, "after_completion": {
        "type": form.get("flow_data[after_completion][type]"),
        "redirect": {"return_url": form.get("flow_data[after_completion][redirect][return_url]")},
    }}
    subscription = form.get(f"flow_data[{kind}][subscription]")
    if subscription:
        flow[kind] = {"subscription": subscription}
    item = f"flow_data[{kind}][items][0]"
    if f"{item}[id]" in form:
        quantity = form.get(f"{item}[quantity]")
        flow[kind]["items"] = [{
            "id": form[f"{item}[id]"], "price": form.get(f"{item}[price]"), "quantity": int(quantity) if quantity else None,
        }]
    return flow
