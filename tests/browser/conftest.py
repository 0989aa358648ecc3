"""One release of the sample city and one browser, for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from barometer.release.draft import draft_release
from barometer.release.publish import publish
from tests.browser.chromium import CHROMEDRIVER, CHROMIUM, chromium
from tests.release.conftest import APPROVED_AT
from tests.release.sample_night import sample_night


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a release."""
    night = sample_night(tmp_path_factory.mktemp("browser"))
    return publish(night, draft_release(night), approved_by="sample run", is_stand_in=True, approved_at=APPROVED_AT)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Chromium without a window, with a profile of its own."""
    if not (CHROMIUM and CHROMEDRIVER):
        pytest.skip("no chromium and chromedriver here: install Debian's chromium-driver to run the browser tests")
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def axe() -> str:
    """The axe-core script, from the installed package."""
    found = find_spec("selenium_axe_python")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "axe-core" / "axe.min.js").read_text("utf-8")
