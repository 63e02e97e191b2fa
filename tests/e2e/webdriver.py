"""A headless Chromium, driven over the WebDriver protocol (W3C), in a profile of its own."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-dev-shm-usage",
         "--no-proxy-server", "--window-size=900,700")


def start_driver():
    """The process and its address. It looks for a port that is free for IPv4 and takes the same for IPv6, where somebody
    else may be by now: then it ends at once, and another one finds another port."""
    said = ""
    for _ in range(5):
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        said = ""
        for line in driver.stdout:
            said += line
            if found := re.search(r"started successfully on port (\d+)", line):
                return driver, f"http://127.0.0.1:{found[1]}"
        driver.wait()
        driver.stdout.close()
    raise RuntimeError(f"chromedriver does not start:\n{said}")


class Browser:
    def __init__(self, dark=False):
        self.profile = tempfile.mkdtemp(prefix="evergrant-browser-")
        self.driver, self.base = start_driver()
        arguments = [*FLAGS, f"--user-data-dir={self.profile}", *(["--force-dark-mode"] if dark else [])]
        options = {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"performance": "ALL"},
                   "timeouts": {"implicit": 10000, "pageLoad": 60000}}
        made = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self.base += f"/session/{made['sessionId']}"
        if dark:
            self.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
                "features": [{"name": "prefers-color-scheme", "value": "dark"}]}})

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:600]}") from error

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def find(self, css):
        return self.ask("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def text(self, css="body"):
        return self.ask("GET", f"/element/{self.find(css)}/text")

    def click(self, css):
        self.ask("POST", f"/element/{self.find(css)}/click", {})

    def url(self):
        return self.ask("GET", "/url")

    def new_tab(self):
        handle = self.ask("POST", "/window/new", {"type": "tab"})["handle"]
        self.switch(handle)
        return handle

    def tab(self):
        return self.ask("GET", "/window")

    def switch(self, handle):
        self.ask("POST", "/window", {"handle": handle})

    def screenshot(self):
        return base64.b64decode(self.ask("GET", "/screenshot"))

    def requested(self):
        """The URLs that the pages asked for since the last call."""
        entries = [json.loads(entry["message"])["message"] for entry in self.ask("POST", "/se/log", {"type": "performance"})]
        return [e["params"]["request"]["url"] for e in entries if e["method"] == "Network.requestWillBeSent"]

    def close(self):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(30)
            self.driver.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)
