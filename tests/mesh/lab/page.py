"""The reference settings page, and a person with a real Chromium in front of it."""

import base64
import http.client
import json
import re
import subprocess
import threading

from lab.programs import WORK, environment, start, until

ACTION = "form[action='/settings/billing'] button"
PAGE = "http://127.0.0.1:3000"
STRIPE = "http://127.0.0.1:4242"


class Backend:
    """The settings page's process. It also gives the tokens of the person that the load calls for."""

    def __init__(self, program, service):
        self.state = WORK / "state"
        command = [program, "--page-address=127.0.0.1:3000", "--stripe-address=127.0.0.1:4242"]
        command += [f"--service={service}", f"--state-dir={self.state}"]
        pipe = subprocess.PIPE
        self._process = start("settings", command, env=environment(), stdin=pipe, stdout=pipe)
        self.return_url, self._token = "", ""
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._ask, daemon=True).start()
        until("the settings page", lambda: self._token)

    def _read(self):
        for line in self._process.stdout:
            found = re.search(r"Bearer ([^']+)'.*\"return_url\":\"([^\"]+)\"", line.decode())
            if found:
                self._token, self.return_url = found.groups()

    def _ask(self):
        """A token lives five minutes; Enter prints a fresh one."""
        tick = threading.Event()
        while not tick.wait(120):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def token(self):
        return self._token


class Browser:
    """Chromium over the WebDriver protocol, signed in as the owner of a tenant."""

    def __init__(self, pictures):
        self.pictures = pictures
        self.pictures.mkdir(parents=True, exist_ok=True)
        start("chromedriver", ["chromedriver", "--port=9515"], env=environment())
        until("chromedriver", lambda: self._send("GET", "/status")["ready"])
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        arguments += ["--disable-dev-shm-usage", "--window-size=1200,1000", f"--user-data-dir={WORK}/chromium"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}, "timeouts": {"implicit": 15000}}
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self._session = f"/session/{session}"
        self.go(PAGE)
        self.click("button[value=olivia]")
        self.text("#billing")

    def _send(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", 9515, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            value = json.loads(answer.read())["value"]
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {value['error']}: {value['message']}")
        return value

    def _ask(self, method, path, body=None):
        return self._send(method, self._session + path, body)

    def _elements(self, css):
        found = self._ask("POST", "/elements", {"using": "css selector", "value": css})
        return [next(iter(each.values())) for each in found]

    def go(self, url):
        self._ask("POST", "/url", {"url": url})

    def click(self, css):
        self._ask("POST", f"/element/{self._elements(css)[0]}/click", {})

    def text(self, css):
        return self._ask("GET", f"/element/{self._elements(css)[0]}/text")

    def has(self, css):
        """Whether it is there now, without waiting for it."""
        script = {"script": "return document.querySelector(arguments[0]) !== null", "args": [css]}
        return self._ask("POST", "/execute/sync", script)

    def picture(self, name):
        (self.pictures / f"{name}.png").write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def settings(self, name):
        """Loads the settings: what the billing section says."""
        self.go(f"{PAGE}/settings")
        said = self.text("#billing").splitlines()[1:]
        self.picture(name)
        return "the button" if self.has(ACTION) else " ".join(said)

    def open(self, name):
        """Clicks the button on the page as it is, and tells where that led."""
        self.click(ACTION)
        # Either the portal of Stripe or the settings again; both have one of these.
        self._elements("#customer-name, [role=alert]")
        self.picture(name)
        if self._ask("GET", "/url").startswith(STRIPE):
            return f"the portal of {self.text('#customer-name')}"
        return self.text("[role=alert] p")
