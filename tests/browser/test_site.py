"""The site in a real browser: at a desk and on a telephone, light and dark, with a mouse and without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from barometer.indicators import load_indicators
from barometer.release.language import ENGLISH, load_language
from barometer.release.site.view import PAGES
from barometer.release.words import value_in_words
from barometer.settings import PROJECT
from tests.browser.chromium import console, emulate, open_page, requests

pytestmark = pytest.mark.browser

WIDTHS = (1280, 390)
AREA_PAGE = "neighbourhoods/E02002188.html"
KINDS = (*PAGES, AREA_PAGE)
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (found) => done(found.violations.map((each) => [each.id, each.nodes.map((node) => node.html.slice(0, 99))])),
  (error) => done([["axe failed", [String(error)]]]));
"""


def text(driver: WebDriver, id_: str) -> str:
    return driver.find_element(By.ID, id_).text


def choose(driver: WebDriver, id_: str, shown: str) -> None:
    Select(driver.find_element(By.ID, id_)).select_by_visible_text(shown)


def active(driver: WebDriver) -> WebElement:
    return driver.switch_to.active_element


def tab_to(driver: WebDriver, script: str, most: int = 60) -> WebElement:
    """Press Tab until the script says of the focused element `e` that it is the one."""
    for _ in range(most):
        active(driver).send_keys(Keys.TAB)
        if driver.execute_script(f"const e = document.activeElement; return {script}"):
            return active(driver)
    raise AssertionError(f"no stop where {script}")


def fills(driver: WebDriver) -> list[str]:
    """Fill of every area on the map."""
    return driver.execute_script(
        "return [...document.querySelectorAll('#map a path')].map((p) => p.getAttribute('fill'))"
    )


def column(driver: WebDriver, number: int) -> list[str]:
    """Text of one column of the table of neighbourhoods, missing ones left out."""
    script = """
    return [...document.querySelectorAll("#figures-areas tr")].filter((row) => row.cells.length === 4 || !arguments[0])
      .map((row) => (arguments[0] ? row.cells[arguments[0]] : row.querySelector("a")).textContent)"""
    return driver.execute_script(script, number)


@pytest.fixture
def on_map(driver: WebDriver, release: Path) -> WebDriver:
    """The map at a desk."""
    open_page(driver, release / "map.html", width=1280)
    return driver


@pytest.fixture
def on_comparison(driver: WebDriver, release: Path) -> WebDriver:
    """The comparison at a desk."""
    open_page(driver, release / "compare.html", width=1280)
    return driver


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", [*KINDS, "sv/index.html", "sv/map.html", f"sv/{AREA_PAGE}", "sv/compare.html"])
def test_a_page_opens_silently_fits_and_asks_nothing_of_any_network(
    driver: WebDriver, release: Path, axe: str, kind: str, width: int
) -> None:
    console(driver)
    open_page(driver, release / kind, width=width)
    assert console(driver) == []
    asked = {address.partition("#")[0] for address in requests(driver) if not address.startswith("data:")}
    assert all(address.startswith(release.resolve().as_uri()) for address in asked)
    scroll, inner = driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert scroll <= inner
    driver.execute_script("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    driver.execute_script(axe)
    for is_dark in (False, True):
        emulate(driver, is_dark=is_dark)
        assert driver.execute_async_script(AXE) == []


def test_the_overview_is_there_at_once(driver: WebDriver, release: Path) -> None:
    open_page(driver, release / "index.html", width=1280)
    timing = "const [t] = performance.getEntriesByType('navigation'); return t.domInteractive - t.startTime"
    assert driver.execute_script(timing) < 1000
    assert driver.execute_script("return document.scripts.length") == 0


def test_the_synthetic_banner_is_the_first_thing_seen(driver: WebDriver, release: Path) -> None:
    open_page(driver, release / "index.html", width=390)
    banner = driver.find_element(By.CSS_SELECTOR, ".synthetic")
    assert "SYNTHETIC DATA" in banner.text
    assert banner.location["y"] < 10
    assert "(stand-in, not a person)" in driver.find_element(By.CSS_SELECTOR, ".approval").text


def test_map_to_neighbourhood_to_table_to_download_by_keyboard_alone(driver: WebDriver, release: Path) -> None:
    # given the overview, whose first stop skips to the content
    open_page(driver, release / "index.html", width=1280)
    active(driver).send_keys(Keys.TAB)
    assert active(driver).text == "Skip to the content"
    assert (
        float(driver.execute_script("return getComputedStyle(document.activeElement).outlineWidth").removesuffix("px"))
        >= 2
    )
    # when the map is opened from the navigation, and its single stop is reached
    tab_to(driver, "e.textContent === 'Map'").send_keys(Keys.ENTER)
    WebDriverWait(driver, 10).until(
        lambda d: d.execute_script("return document.documentElement.dataset.ready === 'yes'")
    )
    assert len(driver.find_elements(By.CSS_SELECTOR, "#map a[tabindex='0']")) == 1
    first = tab_to(driver, "e.closest('#map') !== null").get_attribute("data-area")
    # then arrow keys go to other areas, each said aloud below the map, and back
    said = text(driver, "here")
    active(driver).send_keys(Keys.ARROW_DOWN)
    second = active(driver).get_attribute("data-area")
    assert second != first
    assert text(driver, "here") != said
    assert text(driver, "here") == active(driver).get_attribute("aria-label")
    active(driver).send_keys(Keys.HOME)
    assert active(driver).get_attribute("data-area") == first
    # when Enter opens the neighbourhood, its history opens as a table, and its download is reached
    active(driver).send_keys(Keys.ENTER)
    WebDriverWait(driver, 10).until(lambda d: f"{first}.html" in d.current_url)
    summary = tab_to(driver, "e.tagName === 'SUMMARY'", most=80)
    summary.send_keys(Keys.ENTER)
    table = driver.execute_script("return document.activeElement.parentElement.querySelector('table').innerText")
    assert re.search(r"\d{4}\s+[\d.%]+\s+[\d.%]+ to [\d.%]+", table)
    download = tab_to(driver, "e.hasAttribute('download')", most=120)
    assert str(download.get_attribute("href")).endswith("/estimates.csv")


def test_another_figure_changes_map_table_and_words(on_map: WebDriver) -> None:
    before = fills(on_map), text(on_map, "map-words"), column(on_map, 1)
    choose(on_map, "indicator", "Voices that express distrust")
    after = fills(on_map), text(on_map, "map-words"), column(on_map, 1)
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert "Voices that express distrust" in text(on_map, "map-title")
    assert "A higher value means less trust." in text(on_map, "question")


def test_the_map_colours_what_has_a_figure_and_hatches_the_rest(on_map: WebDriver) -> None:
    found = fills(on_map)
    assert len(found) == 63
    assert found.count("url(#hatch)") > 0
    assert len(set(found)) > 3
    assert "no figure" in text(on_map, "legend")


def test_the_script_draws_what_the_page_came_with(on_map: WebDriver, release: Path) -> None:
    came = re.findall(r'<path fill="([^"]+)" d="M', (release / "map.html").read_text("utf-8"))
    assert fills(on_map) == came


def apart_on_own_pages(release: Path, title: str) -> set[str]:
    """Areas whose own page calls the figure higher or lower than the city."""
    rows = {
        path.stem: re.findall(r"<tr><th scope=\"row\">.*?</tr>\n", path.read_text("utf-8"), re.DOTALL)
        for path in (release / "neighbourhoods").glob("*.html")
    }
    verdict = re.compile("(higher|lower) than the city")
    return {area for area, found in rows.items() if any(f">{title}<" in r and verdict.search(r) for r in found)}


def test_only_neighbourhoods_clearly_different_stay_when_asked_by_keyboard(on_map: WebDriver, release: Path) -> None:
    title = "A lost wallet would come back from a neighbour"
    choose(on_map, "indicator", title)
    box = on_map.find_element(By.ID, "only-apart")
    box.send_keys(Keys.SPACE)
    shown = on_map.execute_script(
        "return [...document.querySelectorAll('#figures-areas tr')].map((row) => row.dataset.area)"
    )
    assert set(shown) == apart_on_own_pages(release, title)
    assert len(on_map.find_elements(By.CSS_SELECTOR, "#map a.is-alike")) == 63 - len(shown)
    box.send_keys(Keys.SPACE)
    assert on_map.find_elements(By.CSS_SELECTOR, "#map a.is-alike") == []


@pytest.mark.parametrize("area", ["E02002187", "E02002191", "E02002195"])
def test_a_neighbourhoods_page_and_a_comparison_name_the_same_differences(
    driver: WebDriver, release: Path, area: str
) -> None:
    open_page(driver, release / "compare.html", width=1280)
    Select(driver.find_element(By.ID, "place-a")).select_by_value(area)
    choose(driver, "place-b", "Whole city")
    named = {row["title"] for row in comparison(driver) if "is higher" in row["verdict"]}
    open_page(driver, release / f"neighbourhoods/{area}.html", width=1280)
    rows = driver.execute_script(
        "return [...document.querySelectorAll('.place > tbody > tr')].map((row) => "
        "[row.querySelector('th a').textContent, row.cells[2].textContent])"
    )
    assert {title for title, beside in rows if re.search("(higher|lower) than the city", beside)} == named


def test_on_a_telephone_charts_and_rows_use_the_width(driver: WebDriver, release: Path) -> None:
    open_page(driver, release / "index-icc.html", width=390)
    width = "return document.querySelector(arguments[0]).getBoundingClientRect().width"
    bars = (
        "[...document.querySelectorAll('#achievement svg .mark-rect path')].map((e) => e.getBoundingClientRect().width)"
    )
    assert driver.execute_script(f"return Math.max(...{bars})") > 250
    panels = driver.execute_script("return document.querySelectorAll('#progress svg .mark-line path').length")
    assert panels == 12
    assert driver.execute_script(width, "#progress svg") == pytest.approx(358, abs=25)
    assert driver.execute_script("return document.querySelector('#progress svg').getBoundingClientRect().height") > 900
    open_page(driver, release / "compare.html", width=390)
    cells = "#comparison tbody tr:not(.is-group) td:last-child"
    right = driver.execute_script(f"return document.querySelector('{cells}').getBoundingClientRect().right")
    assert right <= 390
    label = f"return getComputedStyle(document.querySelector('{cells}'), '::before').content"
    assert "Difference" in driver.execute_script(label)


def test_the_map_says_how_many_of_its_differences_are_more_than_uncertainty(on_map: WebDriver, release: Path) -> None:
    apart = len(apart_on_own_pages(release, "A lost wallet would come back from a neighbour"))
    assert apart > 0
    choose(on_map, "indicator", "A lost wallet would come back from a neighbour")
    assert f"{apart} of them can be told apart from the whole city (66%)" in text(on_map, "map-words")


def test_another_period_changes_the_figures(on_map: WebDriver) -> None:
    before = column(on_map, 1)
    Select(on_map.find_element(By.ID, "period")).select_by_index(0)
    assert column(on_map, 1) != before
    assert "2025" in text(on_map, "map-title")


@pytest.mark.parametrize("code", ["en", "sv"])
def test_script_and_python_say_every_number_the_same_way(driver: WebDriver, release: Path, code: str) -> None:
    language = ENGLISH if code == "en" else load_language(code, PROJECT / "configs")
    open_page(driver, release / ("map.html" if code == "en" else "sv/map.html"), width=1280)
    published = pl.read_parquet(release / "estimates.parquet").sort("area_name", "period_end")
    for indicator in load_indicators(PROJECT / "configs").indicators:
        rows = published.filter(pl.col("indicator") == indicator.id, pl.col("geography") != "city")
        if not rows.is_empty():
            choose(driver, "indicator", language.configured_text(indicator.title))
            newest = rows.filter(pl.col("period_end") == pl.col("period_end").max())["value"].drop_nulls()
            assert column(driver, 1) == [value_in_words(value, indicator, language) for value in newest]


@pytest.mark.parametrize(("key", "number"), [("value", 1), ("n", 3)])
def test_columns_sort_both_ways_and_say_so(on_map: WebDriver, key: str, number: int) -> None:
    button = on_map.find_element(By.CSS_SELECTOR, f"#figures button[data-key='{key}']")
    for direction, is_descending in (("ascending", False), ("descending", True)):
        button.click()
        numbers = [float(re.sub(r"[^\d.]", "", value)) for value in column(on_map, number)]
        assert numbers == sorted(numbers, reverse=is_descending)
        assert button.find_element(By.XPATH, "..").get_attribute("aria-sort") == direction
        assert str(on_map.find_element(By.ID, "sorted").get_attribute("textContent")).endswith(direction)
    # what is missing stays at the end
    assert on_map.find_elements(By.CSS_SELECTOR, "#figures-areas tr")[-1].find_elements(By.CSS_SELECTOR, "td.why")


def test_a_neighbourhood_is_found_by_its_name(on_map: WebDriver) -> None:
    field = on_map.find_element(By.ID, "area")
    field.send_keys("Wyke")
    assert text(on_map, "here").startswith("Wyke")
    marked = on_map.find_element(By.CSS_SELECTOR, "#figures tr.is-chosen th").get_attribute("textContent")
    assert str(marked).startswith("Wyke")
    field.send_keys(Keys.ENTER)
    WebDriverWait(on_map, 10).until(lambda d: d.title.startswith("SYNTHETIC: Wyke"))


def test_a_click_on_the_map_opens_that_neighbourhood(on_map: WebDriver) -> None:
    area = on_map.find_element(By.CSS_SELECTOR, "#map a")
    address = area.get_attribute("data-area")
    on_map.execute_script(
        "arguments[0].querySelector('path').dispatchEvent(new MouseEvent('click', {bubbles: true}))", area
    )
    WebDriverWait(on_map, 10).until(lambda d: f"{address}.html" in d.current_url)


def comparison(driver: WebDriver) -> list[dict[str, Any]]:
    """Rows of the comparison: title, both cells, verdict."""
    script = """return [...document.querySelectorAll("#comparison tbody tr:not(.is-group)")]
      .map((row) => [...row.cells].map((cell) => cell.innerText))"""
    return [dict(zip(("title", "a", "b", "verdict"), row, strict=True)) for row in driver.execute_script(script)]


def test_only_differences_beyond_both_uncertainties_are_named(on_comparison: WebDriver) -> None:
    rows = comparison(on_comparison)
    assert rows
    for row in rows:
        (low_a, high_a), (low_b, high_b) = (
            [float(end) for end in re.findall(r"[\d.]+", row[side])[-2:]] for side in ("a", "b")
        )
        if "is higher" in row["verdict"]:
            # a difference told apart leaves at most a little overlap of the two intervals
            assert min(high_a, high_b) - max(low_a, low_b) < 0.5 * max(high_a - low_a, high_b - low_b)
        else:
            assert row["verdict"] == "cannot be told apart"
            assert min(high_a, high_b) >= max(low_a, low_b) - 0.2 * (high_a - low_a)
    assert f"Of {len(rows)} figures that both have" in text(on_comparison, "compared")


def test_the_same_place_at_the_same_time_is_called_the_same(on_comparison: WebDriver) -> None:
    Select(on_comparison.find_element(By.ID, "place-b")).select_by_value(
        str(on_comparison.find_element(By.ID, "place-a").get_attribute("value"))
    )
    assert text(on_comparison, "compared").startswith("Both sides are the same.")
    assert {row["verdict"] for row in comparison(on_comparison)} == {"cannot be told apart"}


def test_two_times_of_one_place_are_compared_by_period(on_comparison: WebDriver) -> None:
    for side in ("a", "b"):
        choose(on_comparison, f"place-{side}", "Whole city")
    choose(on_comparison, "back-b", "one period before")
    assert text(on_comparison, "head-b") == "Whole city, one period before"
    wallet = next(row for row in comparison(on_comparison) if row["title"].startswith("A lost wallet"))
    assert wallet["verdict"] == "Whole city, newest figures is higher, by 11.0 percentage points"


def test_a_link_from_a_neighbourhood_compares_it(driver: WebDriver, release: Path) -> None:
    driver.get("about:blank")
    driver.get(f"{(release / 'compare.html').resolve().as_uri()}#a=E02002188")
    WebDriverWait(driver, 10).until(
        lambda d: d.execute_script("return document.documentElement.dataset.ready === 'yes'")
    )
    assert driver.find_element(By.ID, "place-a").get_attribute("value") == "E02002188"
    assert text(driver, "head-b") == "Whole city"


def test_the_trend_has_a_line_a_place_and_a_table_with_the_same_figures(on_comparison: WebDriver) -> None:
    lines = on_comparison.find_elements(By.CSS_SELECTOR, "#trend svg .mark-line path")
    assert len(lines) == 3
    cells = on_comparison.execute_script(
        "return [...document.querySelectorAll('#trend-table tbody tr')].map((r) => r.cells.length)"
    )
    assert set(cells) == {4}


def test_other_cities_can_be_chosen_by_kind(driver: WebDriver, release: Path) -> None:
    open_page(driver, release / "index-icc.html", width=1280)
    drawn = "return document.querySelectorAll('#comparison svg .mark-symbol path').length"
    everyone = driver.execute_script(drawn), text(driver, "compared-with")
    Select(driver.find_element(By.ID, "size")).select_by_value("smaller")
    fewer = WebDriverWait(driver, 10).until(lambda d: (n := d.execute_script(drawn)) < everyone[0] and n)
    assert 12 < fewer < everyone[0]
    assert text(driver, "compared-with") != everyone[1]


def test_a_link_to_one_figures_card_opens_it(driver: WebDriver, release: Path) -> None:
    driver.get("about:blank")
    driver.get(f"{(release / 'methods.html').resolve().as_uri()}#trust_council")
    assert driver.find_element(By.ID, "trust_council").get_attribute("open")


def test_targets_are_large_enough_for_a_finger(driver: WebDriver, release: Path) -> None:
    open_page(driver, release / "map.html", width=390)
    assert driver.find_element(By.CSS_SELECTOR, ".check label").size["height"] >= 44
    for field in driver.find_elements(By.CSS_SELECTOR, "select, input:not([type=checkbox])"):
        assert field.size["height"] >= 44
        assert field.size["width"] >= 250


def test_printing_shows_every_row_and_none_of_the_controls(on_map: WebDriver) -> None:
    emulate(on_map, media="print")
    try:
        heights = (
            "const e = document.querySelector('.tall'); return [e.clientHeight, e.querySelector('table').offsetHeight]"
        )
        inside, whole = on_map.execute_script(heights)
        assert inside >= whole
        for hidden in (".controls", "nav", ".languages"):
            assert not on_map.find_element(By.CSS_SELECTOR, hidden).is_displayed()
        assert on_map.find_element(By.CSS_SELECTOR, ".synthetic").is_displayed()
    finally:
        emulate(on_map)


def test_without_scripts_the_map_still_has_every_figure_and_link(driver: WebDriver, release: Path) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get((release / "map.html").resolve().as_uri())
        assert driver.find_elements(By.CSS_SELECTOR, "noscript .notice")
        assert len(driver.find_elements(By.CSS_SELECTOR, "#map a path")) == 63
        assert len(driver.find_elements(By.CSS_SELECTOR, "#figures-areas tr")) == 63
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
