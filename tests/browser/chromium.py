"""A headless Chromium that reports every request and every line of its console."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
# A page whose script draws says when it has drawn; the others are ready when they are loaded.
READY = """
const draws = ["map", "compare", "charts"].some((name) => document.querySelector(`script[src$='assets/${name}.js']`));
return document.readyState === "complete" && (!draws || document.documentElement.dataset.ready === "yes");
"""
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-device-scale-factor=1",
    "--force-prefers-reduced-motion",
)


@contextmanager
def chromium(profile: Path) -> Iterator[WebDriver]:
    """A browser with a fresh profile at `profile`; closed at the end."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def open_page(driver: WebDriver, page: Path, *, width: int, height: int = 900, is_dark: bool = False) -> None:
    """Open `page` from disk at a width in CSS pixels, light or dark, and wait until its charts are drawn."""
    driver.get("about:blank")
    requests(driver)
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    emulate(driver, is_dark=is_dark)
    driver.get(page.resolve().as_uri())
    WebDriverWait(driver, 30).until(lambda d: d.execute_script(READY))


def emulate(driver: WebDriver, *, media: str = "", is_dark: bool = False) -> None:
    """Let the page be seen as on a screen or in print, light or dark."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme, still]})


def requests(driver: WebDriver) -> list[str]:
    """Address of every request since the page was opened, in order."""
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def console(driver: WebDriver) -> list[str]:
    """Every line of the console since it was last asked for, but Vega-Lite's advice on how to write a chart."""
    lines = [entry["message"] for entry in driver.get_log("browser")]
    return [line for line in lines if not ("/vega.js" in line and '"WARN"' in line)]


def screenshot(driver: WebDriver, path: Path, *, whole: bool = True) -> Path:
    """A PNG of the whole page, or of what is in view."""
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
    path.write_bytes(base64.b64decode(taken["data"]))
    return path
