"""The example settings page, and a user of it in a real Chromium."""

import base64
import http.client
import json
import re
import subprocess
import threading

from lab.programs import WORK, environment, start, wait_for

BUTTON = "form[action='/settings/billing'] button"
PAGE = "http://127.0.0.1:3000"
STRIPE = "http://127.0.0.1:4242"


class Backend:
    """The process of the settings page. It also prints the principal tokens that the load uses."""

    def __init__(self, program, service):
        self.state = WORK / "state"
        command = [program, "--page-address=127.0.0.1:3000", "--stripe-address=127.0.0.1:4242"]
        command += [f"--service={service}", f"--state-dir={self.state}"]
        pipe = subprocess.PIPE
        self._process = start("settings", command, env=environment(), stdin=pipe, stdout=pipe)
        self.return_url, self._token = "", ""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._refresh_token, daemon=True).start()
        wait_for("the settings page", lambda: self._token)

    def _read(self):
        for line in self._process.stdout:
            match = re.search(r"Bearer ([^']+)'.*\"return_url\":\"([^\"]+)\"", line.decode())
            if match:
                self._token, self.return_url = match.groups()

    def _refresh_token(self):
        """Sends Enter every two minutes, which makes the process print a new token. A token is valid for five minutes."""
        never = threading.Event()
        while not never.wait(120):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def token(self):
        return self._token


class Browser:
    """Chromium over the WebDriver protocol, signed in as the owner of a tenant."""

    def __init__(self, screenshots):
        self.screenshots = screenshots
        self.screenshots.mkdir(parents=True, exist_ok=True)
        start("chromedriver", ["chromedriver", "--port=9515"], env=environment())
        wait_for("chromedriver", lambda: self._send("GET", "/status")["ready"])
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        arguments += ["--disable-dev-shm-usage", "--window-size=1200,1000", f"--user-data-dir={WORK}/chromium"]
        capabilities = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}, "timeouts": {"implicit": 15000}}
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]
        self._session = f"/session/{session}"
        self.go(PAGE)
        self.click("button[value=olivia]")
        # Signing in ends on the billing page.
        self.text("#billing")

    def _send(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", 9515, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"{path}: {value['error']}: {value['message']}")
        return value

    def _command(self, method, path, body=None):
        return self._send(method, self._session + path, body)

    def _elements(self, css):
        elements = self._command("POST", "/elements", {"using": "css selector", "value": css})
        return [next(iter(element.values())) for element in elements]

    def go(self, url):
        self._command("POST", "/url", {"url": url})

    def click(self, css):
        self._command("POST", f"/element/{self._elements(css)[0]}/click", {})

    def text(self, css):
        return self._command("GET", f"/element/{self._elements(css)[0]}/text")

    def has(self, css):
        """Returns whether the element exists now, without waiting for it."""
        script = {"script": "return document.querySelector(arguments[0]) !== null", "args": [css]}
        return self._command("POST", "/execute/sync", script)

    def save_screenshot(self, name):
        (self.screenshots / f"{name}.png").write_bytes(base64.b64decode(self._command("GET", "/screenshot")))

    def load_settings(self, name):
        """Loads the billing page. Returns the sentence in its section, or "the button" if it has one."""
        self.go(f"{PAGE}/settings/billing")
        self.text("#billing")
        self.save_screenshot(name)
        return "the button" if self.has(BUTTON) else self.text("#billing .sentence")

    def click_button(self, name):
        """Clicks the button on the current page. Returns which portal opened, or the message on the page."""
        self.click(BUTTON)
        # Waits for the portal or the settings page, which have one of these elements.
        self._elements("#customer-name, [role=alert]")
        self.save_screenshot(name)
        if self._command("GET", "/url").startswith(STRIPE):
            return f"the portal of {self.text('#customer-name')}"
        return self.text("[role=alert] p")
