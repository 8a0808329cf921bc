"""A real browser for tests: Chromium and its driver as the system has them, without a window.

Debian: ``apt-get install chromium chromium-driver``. Nothing is downloaded.
"""

import base64
import contextlib
import json
import shutil
from pathlib import Path

import pytest

__all__ = ["Browser", "chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Browser:
    """One browser, with what the tests ask of it."""

    def __init__(self, driver):
        self.driver = driver

    def show(self, path, width=1280, height=900, dark=False):
        """Open a file in a window of this size, in light or in dark."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        self.driver.get(Path(path).resolve().as_uri())

    def run(self, script, *arguments):
        """What a script returns, in the page that is shown."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """Messages of the console since the last call: errors and warnings."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self) -> list[str]:
        """Addresses asked for since the last call, without those that the page's own policy held back."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        held = {message["params"]["requestId"] for message in messages
                if message["method"] == "Network.loadingFailed" and message["params"].get("blockedReason") == "csp"}
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent" and message["params"]["requestId"] not in held]

    def picture(self, path):
        """Write the whole page as PNG."""
        size = self.run("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        found = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}})
        Path(path).write_bytes(base64.b64decode(found["data"]))


@contextlib.contextmanager
def chromium():
    """A browser, or the reason why the test is skipped."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
                   "--force-device-scale-factor=1"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield Browser(found)
    finally:
        found.quit()
