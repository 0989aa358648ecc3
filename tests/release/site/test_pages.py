"""What each page says: with its uncertainty, in the reader's language, never more than is known."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.release.content import collect_content
from barometer.release.language import ENGLISH
from barometer.release.site import (
    compare,
    data_page,
    index_page,
    map_page,
    methods,
    neighbourhood,
    overview,
    rumours_page,
)
from barometer.release.site.apart import told_apart
from barometer.release.site.brief import brief
from barometer.release.site.figures import NOTHING
from barometer.release.site.movers import most_changed, verdict
from barometer.release.site.releases import render_releases
from barometer.release.site.view import Site, View
from barometer.tables import EXPLAINED_BY, TABLES
from tests.release.catalogues import is_message, translated
from tests.release.sample_night import WAVES, invented_alerts, invented_skill, sample_night
from tests.release.site.reading import Page

MODULES = (overview, map_page, compare, rumours_page, index_page, methods, data_page)


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> View:
    """A night with an alert, signals whose skill is known, and changes that explain themselves."""
    home = tmp_path_factory.mktemp("telling")
    plain = sample_night(home / "plain")
    shown = collect_content(plain).estimates.filter(
        pl.col("indicator") == "trust_council", pl.col("geography") == plain.city.primary
    )
    area = shown.filter(pl.col("value").is_not_null().all().over("area"))["area"][0]
    advice = (
        "Look first at who answered this time and in the waves before, on the page of who is heard. "
        "Then ask the service concerned what changed for people there, read the newest reports' reasons, and say "
        "publicly what will be done by when."
    )
    night = sample_night(
        home / "telling",
        alerts=invented_alerts(plain, area).with_columns(advice=pl.lit(advice)),
        skill=invented_skill(plain, practitioner_trust=0.4, posts_trust_share=0.0, rumour_share=0.0),
    )
    return View(Site(collect_content(night), night, home), ENGLISH, (ENGLISH,))


def in_swedish(view: View, swedish: View) -> View:
    return View(view.site, swedish.language, swedish.languages)


def read(module: Any, view: View) -> Page:
    return Page(module.render(view))


def of_area(view: View, area: str) -> Page:
    return Page(dict(neighbourhood.render_all(view))[view.area_file(area)])


def explained(view: View, parts: tuple[float, ...], *, is_within_noise: bool) -> tuple[View, dict[str, Any]]:
    """The view with the clearest change of a neighbourhood explained by `parts`, in the order of the factors."""
    clear = view.site.changes.filter(pl.col("geography") == view.site.night.city.primary).sort("p").row(0, named=True)
    start, end = WAVES[-1]
    common = {"night": view.site.night.night, "city": "sample", "period_start": start, "period_end": end}
    common |= {name: clear[name] for name in ("indicator", "geography", "area")}
    common |= {"since": "2026-05-08-1", "since_start": start, "since_end": end, "change": sum(parts), "noise": 0.1}
    common |= {"is_within_noise": is_within_noise, "words": "", "synthetic": True}
    rows = [common | {"factor": f, "part": p} for f, p in zip(EXPLAINED_BY, parts, strict=True)]
    content = replace(view.site.content, explanations=pl.DataFrame(rows, schema=TABLES["explanations"].schema))
    return View(Site(content, view.site.night, view.site.folder), view.language, view.languages), clear


def test_three_neighbourhoods_that_changed_most_each_say_whether_to_believe_it(view: View) -> None:
    movers = most_changed(view)
    assert len({mover.area for mover in movers}) == len(movers) == 3
    local = view.site.changes.filter(pl.col("geography") == view.site.night.city.primary)
    clear = set(local.filter("is_clear")["area"])
    assert [mover.verdict_kind for mover in movers] == ["yes" if mover.area in clear else "no" for mover in movers]
    text = read(overview, view).text
    for mover in movers:
        assert f"{mover.name} {mover.sentence}" in text
        assert mover.verdict in text
        assert re.search(r"A change of .*, give or take ", mover.reasons[0])


def test_a_change_that_comes_from_the_method_is_to_be_taken_with_care(view: View) -> None:
    changed, clear = explained(view, (0.01, 0.0, 0.0, -0.3, 0.0), is_within_noise=True)
    first = most_changed(changed)[0]
    assert (first.area, first.verdict_kind) == (clear["area"], "careful")


def test_a_neighbourhoods_page_splits_its_changes_into_parts_that_sum(view: View) -> None:
    changed, clear = explained(view, (0.2, 0.0, -0.05, 0.1, 0.0), is_within_noise=False)
    text = of_area(changed, clear["area"]).text
    assert "Since the last release: where the changes come from" in text
    text = text[text.index("Since the last release: where") :]
    found = re.search(r"(\+[\d.]+)[^+−]*(\+[\d.]+)[^+−]*new data, (\+[\d.]+)[^+−]*the language model, (−[\d.]+)", text)
    assert found
    whole, *parts = (float(part.replace("−", "-")) for part in found.groups())
    assert sum(parts) == pytest.approx(whole, abs=0.11)


def test_a_neighbourhood_without_explanations_says_so(view: View) -> None:
    assert "No figure here differs from the last release" in of_area(view, next(iter(view.site.areas))).text


def test_a_neighbourhoods_page_tells_every_indicator_with_interval_people_and_method(view: View) -> None:
    area = next(
        a
        for a in view.site.areas
        if all(s.at(a).is_shown for s in view.site.series.values() if s.indicator.signal == "answers")
    )
    text = of_area(view, area).text
    for series in view.site.series.values():
        figure = series.at(area)
        assert view.title(series.indicator) in text
        if figure.is_shown:
            assert f"{view.value(figure.value, series.indicator)}" in text
            assert view.interval(figure, series.indicator) in text
            assert view.people(figure.n, series.indicator) in text
        else:
            assert f"No figure ({view.reason(figure)}):" in text


def test_no_neighbourhood_is_ranked_beside_the_city_within_its_uncertainty(view: View) -> None:
    city = view.site.night.city.id
    for area in list(view.site.areas)[:10]:
        page = of_area(view, area).text
        apart = told_apart(view.site.series, area, city)
        higher, lower = sum(size > 0 for size in apart.values()), sum(size < 0 for size in apart.values())
        assert page.count("higher than the city") == higher
        assert page.count("lower than the city") == lower


def test_a_history_comes_as_a_table_too(view: View) -> None:
    area = next(a for a in view.site.areas if len(view.site.series["rumour_share"].shown(a)) > 1)
    page = of_area(view, area)
    drawings = sum(tag == "svg" and attrs.get("class") == "spark" for tag, attrs in page.tags)
    tables = page.text.count("as a table")
    assert drawings == tables > 2


def test_what_is_withheld_is_not_told_by_any_page(view: View) -> None:
    series = view.site.series["wallet_neighbour"]
    area = next(a for a in view.site.areas if series.at(a).missing_reason == "suppressed")
    assert series.at(area)._replace(missing_reason=None, method=None, effective_n=None, reliability=None) == NOTHING
    assert "withheld to protect people" in of_area(view, area).text


def test_the_map_comes_with_every_area_as_a_link_that_says_its_figure(view: View) -> None:
    page = read(map_page, view)
    links = {str(a["data-area"]): a for tag, a in page.tags if tag == "a" and "data-area" in a}
    assert set(links) == set(view.site.areas)
    assert all(links[area]["href"] == view.area_file(area) for area in links)
    labels = [str(a["aria-label"]) for a in links.values()]
    assert all(name in label for name, label in zip(view.site.areas.values(), labels, strict=True))
    assert any("no figure, withheld to protect people" in label for label in labels)
    assert any(re.search(r": \d+% \(\d+% to \d+%\)$", label) for label in labels)


def test_claims_nobody_has_read_are_told_as_words_with_at_least_so_many_people(view: View) -> None:
    text = read(rumours_page, view).text
    assert "library, closing, sold" in text
    assert "40 or more" in text
    assert "secret" not in text
    assert "This is an association" in text


def test_an_alert_is_told_with_what_to_do_first_in_both_languages(telling: View, swedish: View) -> None:
    text = read(overview, telling).text
    assert "Worth a look first" in text
    assert "“Trust in the city council (0 to 10)” fell by 0.3 to 1.2 (95% interval), seen since 29 March 2026." in text
    assert "Look first at who answered this time" in text
    other = read(overview, in_swedish(telling, swedish)).text
    assert (
        "”Tillit till kommunen (0 till 10)” sjönk med 0,3 till 1,2 (95 %-intervall), sett sedan 29 mars 2026." in other
    )
    assert "Se först efter vilka som svarade" in other


def test_what_signals_add_is_said_with_its_interval_and_the_idle_ones_have_no_weight(telling: View) -> None:
    text = read(methods, telling).text
    assert "Trust as practitioners sense it (0 to 10) 20% 5% to 35% 0.40" in text
    assert "Voices that pass on a rumour −10% −40% to 20% none" in text
    assert "3 signals tried" in text


def test_a_night_with_neither_says_nothing_of_them(view: View) -> None:
    assert "Worth a look first" not in read(overview, view).text
    assert "What signals add to the survey" not in read(methods, view).text


def test_every_indicator_has_a_card_that_links_can_open(view: View) -> None:
    page = read(methods, view)
    assert set(view.site.series) <= set(page.ids)
    assert "share of people" in page.text
    assert "every 4 weeks" in page.text


def test_models_are_told_with_their_figures_and_what_they_are_not_fit_for(view: View) -> None:
    cards = methods.model_cards(view.site.night.settings.models)
    assert cards[0].is_in_use
    assert all(0 < score <= 1 for card in cards for score in card.scores.values())
    assert "not fit to publish" in read(methods, view).text
    assert methods.model_cards(Path("/nowhere")) == []


def test_a_record_of_algorithmic_transparency_is_linked_where_it_comes_with_the_release(
    view: View, tmp_path: Path
) -> None:
    (tmp_path / "atrs.json").write_text("{}", "utf-8")
    beside = View(Site(view.site.content, view.site.night, tmp_path), ENGLISH, (ENGLISH,))
    assert "record.html" in read(methods, beside).addresses("a")


def test_downloads_are_every_data_file_with_its_size(view: View, released: Path) -> None:
    page = read(data_page, View(Site(view.site.content, view.site.night, released), ENGLISH, (ENGLISH,)))
    offered = {a["href"] for tag, a in page.tags if tag == "a" and "download" in a}
    files = {
        path.name for path in released.iterdir() if path.suffix in (".csv", ".json", ".parquet", ".geojson", ".pdf")
    }
    assert files <= offered
    size = -(-(released / "estimates.csv").stat().st_size // 1000)
    assert f"{size} kB" in page.text


@pytest.mark.parametrize(
    ("size", "said"), [(1, "1 kB"), (1000, "1 kB"), (1001, "2 kB"), (999_999, "1,000 kB"), (1_460_000, "1.5 MB")]
)
def test_sizes_are_said_as_people_read_them(view: View, size: int, said: str) -> None:
    assert data_page.size_in_words(size, view) == said


def test_the_index_stands_beside_trust_with_strengths_others_and_years(view: View) -> None:
    text = read(index_page, view).text
    assert "It does not measure trust, and no trust figure of this release is made from it." in text
    assert "These scores are invented for the demonstration." in text
    assert re.search(r"Participation: 90, \d+ points above the middle of 16 other cities\.", text)
    assert "Nothing here shows that it did" in text
    assert re.search(r"Between 20\d\d and 2026, \d+ of 12 themes rose", text)


def test_no_english_sentence_is_left_on_a_swedish_page(telling: View, swedish: View) -> None:
    # given every English message that reads otherwise in Swedish, as text without its placeholders
    other = in_swedish(telling, swedish)
    sentences = set()
    for message in translated("sv"):
        if is_message(message):
            for english in [message.id] if isinstance(message.id, str) else message.id:
                plain = re.sub(r"<[^>]+>", "", english).replace("%%", "%")
                parts = [part.strip() for part in re.split(r"%\(\w+\)s", plain)]
                sentences |= {part for part in parts if len(part) > 14 and " " in part}
    swedish_text = " ".join(str(m.string) for m in translated("sv"))
    sentences = {each for each in sentences if each not in swedish_text}
    assert len(sentences) > 200
    # when all kinds of Swedish pages are read
    texts = {module.FILE: read(module, other).text for module in MODULES}
    texts["neighbourhood"] = of_area(other, next(iter(other.site.areas))).text
    # then none of them is there
    left = {(file, each) for file, text in texts.items() for each in sentences if each in text}
    assert left == set()


def test_an_empty_list_of_releases_says_so() -> None:
    assert "Nothing has been released yet." in render_releases("Testville", False, [])


def test_a_change_is_what_a_reader_finds_by_subtracting(view: View) -> None:
    for mover in most_changed(view):
        before, now = (
            float(each) for each in re.findall(r"from (\d+(?:\.\d)?)%? to (\d+(?:\.\d)?)", mover.sentence)[0]
        )
        stated = float(re.findall(r"A change of (\d+(?:\.\d)?)", mover.reasons[0])[0])
        assert stated == pytest.approx(abs(now - before))


def test_a_change_clear_only_when_taken_alone_is_said_to_be_so(view: View) -> None:
    row = view.site.changes.filter(~pl.col("is_clear")).sort("p").row(0, named=True) | {"change_error": 1.0}
    alone, within = verdict(row | {"change": 1.97}, view), verdict(row | {"change": 1.95}, view)
    number = f"{view.site.changes.height:,}"
    assert alone == (
        "no",
        f"Not yet. It looks clear by itself, but among {number} comparisons a few as large turn up by luck.",
    )
    assert within[1].startswith(f"Not yet: of {number} changes compared")


def test_a_card_of_the_overview_is_found_on_its_neighbourhoods_page(view: View) -> None:
    addresses = read(overview, view).addresses("a")
    for mover in most_changed(view):
        assert f"{view.area_file(mover.area)}#changed" in addresses
        page = of_area(view, mover.area)
        assert "changed" in page.ids
        assert mover.sentence in page.text
        assert mover.verdict in page.text
        assert "What changed here since the period before" in page.text


def test_a_figure_with_too_wide_an_interval_is_quiet_and_not_said_in_tens(view: View) -> None:
    estimates = view.site.content.estimates
    is_it = (pl.col("indicator") == "rumour_share") & (pl.col("geography") == "city")
    wide = estimates.with_columns(
        lower=pl.when(is_it).then(0.01).otherwise("lower"), upper=pl.when(is_it).then(0.54).otherwise("upper")
    )
    changed = View(
        Site(replace(view.site.content, estimates=wide), view.site.night, view.site.folder), ENGLISH, (ENGLISH,)
    )
    shown = brief(changed)
    assert any("(too uncertain to say)" in row[1] for row in shown["figures"] if row[2] == "1.0% to 54%")
    assert "too uncertain to say" not in str(brief(view)["headlines"])
    first = wide.filter(pl.col("indicator") != "posts_distrust_share")
    changed = View(
        Site(replace(view.site.content, estimates=first), view.site.night, view.site.folder), ENGLISH, (ENGLISH,)
    )
    page = read(overview, changed)
    assert re.search(r"\d+% too uncertain to say 95% interval 1\.0% to 54%", page.text)
    assert "number is-uncertain" in [attrs.get("class") for _, attrs in page.tags]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("XA", "Invented country A"),
        ("XZ", "Invented country Z"),
        ("QM", "Invented country QM"),
        ("AA", "Invented country AA"),
        ("ZZ", "Invented country ZZ"),
        ("XK", "Kosovo"),
        ("QA", "Qatar"),
        ("SE", "Sweden"),
    ],
)
def test_codes_left_to_their_users_are_invented_countries(view: View, code: str, said: str) -> None:
    assert index_page.country_in_words(code, view) == said


def test_the_index_is_told_in_a_few_sentences_on_overview_and_brief(view: View) -> None:
    beside, since = index_page.standing(view)
    assert re.fullmatch(r"Compared with other cities: ahead on .*Participation.*, behind on .*\.", beside)
    assert re.search(r"of 12 themes rose, 1 fell and 1 stayed the same\. Fell: Welcoming newcomers\. Stayed the", since)
    assert f"{beside} {since}" in read(overview, view).text
    assert brief(view)["icc"].endswith(f"{beside} {since}")


def test_points_above_the_others_are_what_the_table_gives(view: View) -> None:
    text = read(index_page, view).text
    name, score, points = re.findall(r"(Participation): ([\d.]+), ([\d.]+) points above", text)[0]
    median = re.findall(rf"{name} {score} ([\d.]+) ", text)[0]
    assert float(score) - float(median) == pytest.approx(float(points))
    assert index_page.points_in_words(62.5, view) == "62.5"
    assert index_page.points_in_words(63.0, view) == "63"


def test_parts_are_marked_and_what_fell_or_stayed_is_named(view: View) -> None:
    text = read(index_page, view).text
    assert re.search(r"\(part of Intercultural lens\): \d+, [\d.]+ points", text)
    fell, stayed = (int(n) for n in re.findall(r"(\d+) fell and (\d+) stayed the same", text)[0])
    for count, lead in ((fell, "Fell"), (stayed, "Stayed the same")):
        named = re.findall(rf"{lead}: ([^.]+)\.", text)
        assert len(re.split(", | and ", named[0])) >= count if count else not named


def test_the_map_says_which_answers_its_share_counts(view: View) -> None:
    text = read(map_page, view).text
    assert "Shown is the share of people who answered 3 to 4." in text
    assert "only neighbourhoods clearly different from the city" in text
    assert view.question(view.site.series["trust_council"].indicator).count("Shown is") == 0


def test_shares_that_round_alike_have_a_decimal(view: View) -> None:
    group = {"group": "age_band=16-24", "voice_share": 0.0164, "population_share": 0.0236}
    assert methods._group(group, view, is_under=True)["decimals"] == 1
    assert methods._group(group | {"voice_share": 0.01}, view, is_under=True)["decimals"] == 0


def test_what_is_not_compared_is_said(view: View) -> None:
    text = read(methods, view).text
    assert "Compared by age band only. Not compared in this release: disability, " in text


def test_thinly_heard_places_are_named_or_said_to_be_on_their_pages(view: View) -> None:
    assert re.search(r"to show figures for \d+ of \d+ neighbourhoods: their pages say so\.", read(overview, view).text)
    coverage = view.site.content.coverage
    silent = coverage.filter((pl.col("voices").is_null() | (pl.col("voices") == 0)) & (pl.col("signal") == "posts"))
    one = next(iter(silent["area"]))
    few = coverage.with_columns(
        voices=pl.when(pl.col("area") == one).then(None).otherwise(pl.col("voices").fill_null(20).clip(lower_bound=20))
    )
    changed = replace(view.site.content, coverage=few)
    text = read(overview, View(Site(changed, view.site.night, view.site.folder), ENGLISH, (ENGLISH,))).text
    assert f"in public posts in the latest period to show figures for {view.site.areas[one]}." in text


def test_a_part_within_chance_says_so_once_and_nothing_has_no_sign(view: View) -> None:
    changed, clear = explained(view, (0.2, 0.0, 0.0, -0.0001, 0.0), is_within_noise=True)
    text = of_area(changed, clear["area"]).text
    section = text[text.index("Since the last release: where") :]
    assert section.count("within chance") == 1
    assert "new data (within chance)" in section
    assert "−0.0 " not in section
    assert "0.0 the language model" in section or "0.0 percentage points the language model" in section


def test_a_period_still_running_says_how_far_its_data_go(view: View) -> None:
    running = view.period((date(2026, 4, 20), date(2026, 5, 17)))
    assert running == "20 April to 17 May 2026 (still running; data to 9 May)"


def test_the_citys_figures_stand_with_their_interval_and_words_are_explained(view: View) -> None:
    area = next(a for a in view.site.areas if view.site.series["trust_council"].at(a).is_shown)
    series, city = view.site.series["trust_council"], view.site.night.city.id
    text = of_area(view, area).text
    assert (
        f"{view.value(series.at(city).value, series.indicator)} {view.interval(series.at(city), series.indicator)}"
        in text
    )
    assert "Reliability, from 0 to 1, says" in text
    assert "how well each kind of post is found" in read(methods, view).text
    assert "prevalence (a share corrected" in read(data_page, view).text


def test_a_figure_brought_up_to_date_rests_on_all_waves(view: View) -> None:
    series = view.site.series["trust_council"]
    area = next(a for a in view.site.areas if series.at(a).is_shown)
    rows = view.site.content.estimates.with_columns(
        method=pl.when(pl.col("indicator") == "trust_council").then(pl.lit("nowcast")).otherwise("method")
    )
    changed = View(
        Site(replace(view.site.content, estimates=rows), view.site.night, view.site.folder), ENGLISH, (ENGLISH,)
    )
    assert of_area(changed, area).text.count("people answered over all waves") == 1
    assert "over all waves" not in of_area(view, area).text


def test_what_answers_a_claim_has_its_day_written_out(view: View) -> None:
    rumours = view.site.content.rumours.with_columns(evidence=pl.lit(["synthetic-library-closure"]))
    changed = View(
        Site(replace(view.site.content, rumours=rumours), view.site.night, view.site.folder), ENGLISH, (ENGLISH,)
    )
    text = read(rumours_page, changed).text
    assert "Synthetic City Council (invented) , 19 January 2026" in text
    assert "2026-01-19" not in text
