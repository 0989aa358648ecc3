"""The release page in a real browser: at a desk and on a telephone, with a mouse and without."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from barometer.indicators import load_indicators
from barometer.release.words import value_in_words
from barometer.settings import PROJECT
from tests.browser.chromium import console, open_page, requests, screenshot

pytestmark = pytest.mark.browser

WIDTHS = (1280, 390)
SMALLEST_CONTRAST = 4.5
AREA = "Wyke"

# Contrast ratio (WCAG 2.2) of every visible text against the nearest opaque background behind it.
CONTRASTS = """
const parse = (c) => c.match(/[\\d.]+/g).map(Number);
const linear = (v) => v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const found = [];
for (const e of document.querySelectorAll("body *:not(script):not(style):not(svg *)")) {
  const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
  if (!text || !e.offsetParent || e.closest(".visually-hidden")) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
  found.push([(Math.max(a, b) + .05) / (Math.min(a, b) + .05), text.slice(0, 40)]);
}
return found;
"""


@pytest.fixture(params=WIDTHS)
def opened(request: pytest.FixtureRequest, driver: WebDriver, page: Path) -> WebDriver:
    """The page at each width."""
    open_page(driver, page, width=request.param)
    return driver


@pytest.fixture
def at_desk(driver: WebDriver, page: Path) -> WebDriver:
    """The page at 1280 px."""
    open_page(driver, page, width=1280)
    return driver


def text(driver: WebDriver, id_: str) -> str:
    return driver.find_element(By.ID, id_).text


def choose(driver: WebDriver, id_: str, shown: str) -> None:
    Select(driver.find_element(By.ID, id_)).select_by_visible_text(shown)


def fills(driver: WebDriver) -> list[str]:
    """Fill of every area on the map."""
    found = driver.execute_script(
        "return [...document.querySelectorAll('#map svg .mark-shape path')].map((p) => p.getAttribute('fill'))"
    )
    return [fill for fill in found if fill not in ("none", "transparent")]


def lines(driver: WebDriver) -> list[str]:
    """Shape of every line of the trend."""
    return driver.execute_script(
        "return [...document.querySelectorAll('#trend svg .mark-line path')].map((p) => p.getAttribute('d'))"
    )


def column(driver: WebDriver, number: int) -> list[str]:
    """Text of one column of the table of neighbourhoods, missing ones left out."""
    rows: list[WebElement] = driver.find_elements(By.CSS_SELECTOR, "#figures-areas tr")
    cells = [row.find_elements(By.CSS_SELECTOR, "th, td") for row in rows]
    return [row[number].get_attribute("textContent") or "" for row in cells if len(row) == 4 or number == 0]


def wait_until_changed(driver: WebDriver, before: list[str]) -> None:
    WebDriverWait(driver, 10).until(lambda d: lines(d) != before)


def test_nothing_is_asked_of_any_network(opened: WebDriver, page: Path) -> None:
    choose(opened, "indicator", "Voices that express distrust")
    assert requests(opened) == [page.resolve().as_uri()]


def test_the_console_stays_silent(driver: WebDriver, page: Path) -> None:
    console(driver)
    open_page(driver, page, width=1280)
    for option in driver.find_elements(By.CSS_SELECTOR, "#indicator option"):
        choose(driver, "indicator", option.text)
    choose(driver, "area", AREA)
    assert console(driver) == []


def test_nothing_is_wider_than_the_screen(opened: WebDriver) -> None:
    width = opened.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]


def test_the_table_of_figures_needs_no_sideways_scrolling(opened: WebDriver) -> None:
    width = opened.execute_script("const e = document.querySelector('.tall'); return [e.scrollWidth, e.clientWidth]")
    assert width[0] <= width[1]


def test_the_synthetic_banner_is_the_first_thing_seen(opened: WebDriver) -> None:
    banner = opened.find_element(By.CSS_SELECTOR, ".synthetic")
    assert banner.is_displayed()
    assert "SYNTHETIC DATA" in banner.text
    assert banner.location["y"] < 10
    assert "(stand-in, not a person)" in opened.find_element(By.CSS_SELECTOR, ".approval").text


def test_the_map_colours_what_has_a_figure_and_hatches_the_rest(at_desk: WebDriver) -> None:
    found = fills(at_desk)
    assert len(found) == 63
    assert found.count("url(#hatch)") > 0
    assert len(set(found)) > 3
    legend = text(at_desk, "legend")
    assert "no figure" in legend
    assert "%" in legend


def test_another_figure_changes_map_trend_table_and_words(at_desk: WebDriver) -> None:
    before = fills(at_desk), lines(at_desk), text(at_desk, "reading"), column(at_desk, 1)
    choose(at_desk, "indicator", "Voices that express distrust")
    wait_until_changed(at_desk, before[1])
    after = fills(at_desk), lines(at_desk), text(at_desk, "reading"), column(at_desk, 1)
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert "Voices that express distrust" in text(at_desk, "map-title")
    assert "A higher value means less trust." in text(at_desk, "question")


def test_another_neighbourhood_changes_trend_outline_and_words(at_desk: WebDriver) -> None:
    before = lines(at_desk)
    choose(at_desk, "area", AREA)
    wait_until_changed(at_desk, before)
    assert len(lines(at_desk)) == 2
    assert text(at_desk, "reading-title") == AREA
    assert "The whole city:" in text(at_desk, "reading")
    assert f"{AREA} and the whole city" in text(at_desk, "trend-title")
    chosen = at_desk.find_element(By.CSS_SELECTOR, "#figures tr.is-chosen th")
    assert chosen.get_attribute("textContent") == AREA
    outlines = at_desk.execute_script("return document.querySelectorAll('#map svg path[stroke=\"#d1006c\"]').length")
    assert outlines == 1


def test_another_period_changes_the_figures(at_desk: WebDriver) -> None:
    before = column(at_desk, 1), text(at_desk, "reading")
    Select(at_desk.find_element(By.ID, "period")).select_by_index(0)
    assert (column(at_desk, 1), text(at_desk, "reading")) != before
    assert "3 to 30 November 2025" in text(at_desk, "reading")


def test_clicking_the_map_chooses_that_neighbourhood(at_desk: WebDriver) -> None:
    area = at_desk.find_elements(By.CSS_SELECTOR, "#map svg .mark-shape path")[0]
    at_desk.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    ActionChains(at_desk).move_to_element(area).click().perform()
    WebDriverWait(at_desk, 10).until(lambda d: text(d, "reading-title") != "Sample City (synthetic), whole city")
    assert text(at_desk, "reading-title") in column(at_desk, 0)


def test_the_map_says_how_many_of_its_differences_are_more_than_uncertainty(at_desk: WebDriver) -> None:
    rows = [row.text for row in at_desk.find_elements(By.CSS_SELECTOR, "#figures tbody tr")]
    figures = [tuple(map(float, found)) for row in rows if (found := re.findall(r"([\d.]+)%", row))]
    city, *areas = figures
    apart = sum(lower > city[0] or upper < city[0] for _, lower, upper in areas)
    said = re.search(r"(\d+) of them can be told apart from the whole city \(66%\)", text(at_desk, "map-words"))
    # the table is rounded, so an interval that ends at the city's figure may go either way
    assert said
    assert abs(int(said[1]) - apart) <= 2


def test_a_missing_figure_says_why_in_words(at_desk: WebDriver) -> None:
    reasons = [cell.text for cell in at_desk.find_elements(By.CSS_SELECTOR, "#figures-areas td.why")]
    assert reasons
    assert all(reason.startswith("Withheld to protect people") for reason in reasons)
    at_desk.execute_script("document.querySelector('.tall').scrollTop = 0")
    name = at_desk.find_element(By.XPATH, "//td[@class='why']/preceding-sibling::th").text
    choose(at_desk, "area", name)
    assert "no figure: withheld to protect people" in text(at_desk, "reading")


def test_the_words_read_like_the_numbers(at_desk: WebDriver) -> None:
    row = at_desk.find_element(By.CSS_SELECTOR, "#figures-city tr")
    _, value, interval, people = (cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td"))
    reading = text(at_desk, "reading")
    assert f": {value}, 95% interval {interval}." in reading
    assert f"About {people} people answered." in reading


def test_script_and_summary_say_every_number_the_same_way(at_desk: WebDriver, page: Path) -> None:
    # the page's first part is written in Python, the rest by its script
    published = pl.read_parquet(page.parent / "estimates.parquet").sort("area_name", "period_end")
    for indicator in load_indicators(PROJECT / "configs").indicators:
        rows = published.filter(pl.col("indicator") == indicator.id, pl.col("geography") != "city")
        if not rows.is_empty():
            choose(at_desk, "indicator", indicator.title)
            newest = rows.filter(pl.col("period_end") == pl.col("period_end").max())["value"].drop_nulls()
            assert column(at_desk, 1) == [value_in_words(value, indicator) for value in newest]


def test_neighbourhoods_stand_in_order_of_name_at_first(at_desk: WebDriver) -> None:
    names = column(at_desk, 0)
    assert names == sorted(names)
    assert len(names) == 63


@pytest.mark.parametrize(("key", "number"), [("value", 1), ("n", 3)])
def test_columns_sort_both_ways_and_say_so(at_desk: WebDriver, key: str, number: int) -> None:
    button = at_desk.find_element(By.CSS_SELECTOR, f"#figures button[data-key='{key}']")
    heading = button.find_element(By.XPATH, "..")
    for direction, is_descending in (("ascending", False), ("descending", True)):
        button.click()
        numbers = [float(re.sub(r"[^\d.]", "", value)) for value in column(at_desk, number)]
        assert numbers == sorted(numbers, reverse=is_descending)
        assert heading.get_attribute("aria-sort") == direction
        said = at_desk.find_element(By.ID, "sorted").get_attribute("textContent") or ""
        assert said.endswith(direction)
    # what is missing stays at the end
    last = at_desk.find_elements(By.CSS_SELECTOR, "#figures-areas tr")[-1]
    assert last.find_elements(By.CSS_SELECTOR, "td.why")


def test_everything_can_be_done_with_the_keyboard(at_desk: WebDriver) -> None:
    # the first stop is the link that skips to the figures
    body = at_desk.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert at_desk.switch_to.active_element.text == "Skip to the figures"
    at_desk.switch_to.active_element.send_keys(Keys.ENTER)
    # the choices follow in order, and the arrow keys change them
    for _ in range(40):
        at_desk.switch_to.active_element.send_keys(Keys.TAB)
        if at_desk.switch_to.active_element.get_attribute("id") == "indicator":
            break
    before = text(at_desk, "map-title")
    at_desk.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert text(at_desk, "map-title") != before
    at_desk.switch_to.active_element.send_keys(Keys.TAB)
    assert at_desk.switch_to.active_element.get_attribute("id") == "period"
    at_desk.switch_to.active_element.send_keys(Keys.TAB)
    at_desk.switch_to.active_element.send_keys(AREA)
    assert text(at_desk, "reading-title") == AREA
    # the table's region and its headings are stops of their own
    stops = []
    for _ in range(3):
        at_desk.switch_to.active_element.send_keys(Keys.TAB)
        stops.append(at_desk.switch_to.active_element)
    assert stops[0].get_attribute("role") == "region"
    stops[2].send_keys(Keys.ENTER)
    assert at_desk.find_element(By.ID, "sorted").get_attribute("textContent") == "Sorted by Figure, ascending"


def test_a_listed_change_leads_to_its_neighbourhood(at_desk: WebDriver) -> None:
    button = at_desk.find_element(By.CSS_SELECTOR, "button[data-area]")
    name = button.text
    at_desk.execute_script("arguments[0].click()", button)
    assert text(at_desk, "reading-title") == name
    assert at_desk.switch_to.active_element.get_attribute("id") == "area"


def test_focus_can_be_seen(at_desk: WebDriver) -> None:
    at_desk.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    style = "return getComputedStyle(document.activeElement).outlineWidth"
    assert float(at_desk.execute_script(style).removesuffix("px")) >= 2


def test_text_stands_out_from_its_background(opened: WebDriver) -> None:
    weak = [(ratio, words) for ratio, words in opened.execute_script(CONTRASTS) if ratio < SMALLEST_CONTRAST]
    assert weak == []


def test_charts_have_a_name_and_a_description_for_screen_readers(at_desk: WebDriver) -> None:
    for name in ("map", "trend"):
        chart = at_desk.find_element(By.CSS_SELECTOR, f".chart:has(#{name})")
        assert chart.aria_role in ("img", "image")
        described = chart.get_attribute("aria-describedby")
        assert text(at_desk, str(described))
        assert chart.accessible_name


def test_targets_are_large_enough_for_a_finger(driver: WebDriver, page: Path) -> None:
    open_page(driver, page, width=390)
    for select in driver.find_elements(By.TAG_NAME, "select"):
        assert select.size["height"] >= 44
        assert select.size["width"] >= 250


def test_the_map_fills_the_width_it_is_given(opened: WebDriver) -> None:
    box = opened.execute_script("return document.querySelector('#map').getBoundingClientRect().width")
    drawn = opened.execute_script("return document.querySelector('#map svg').getBoundingClientRect().width")
    assert drawn == pytest.approx(box, abs=2)


def test_a_chart_is_drawn_not_blank(at_desk: WebDriver, tmp_path: Path) -> None:
    assert screenshot(at_desk, tmp_path / "page.png").stat().st_size > 50_000


def test_printing_shows_every_row(at_desk: WebDriver) -> None:
    at_desk.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        heights = at_desk.execute_script(
            "const e = document.querySelector('.tall'); return [e.clientHeight, e.querySelector('table').offsetHeight]"
        )
        assert heights[0] >= heights[1]
        assert not at_desk.find_element(By.CSS_SELECTOR, ".controls").is_displayed()
    finally:
        at_desk.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
