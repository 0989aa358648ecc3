"""The policy over whole tables: what is published of estimates and of coverage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import ReleaseRefused
from barometer.release import protect
from barometer.release.before import SUPPRESSED, FormerRelease
from tests.rows import rows

SIGNALS = {"asked": "answers", "posted": "posts", "rated": "reports", "seen": "observations"}
NUMBERS = ["value", "standard_error", "lower", "upper", "reliability", "n", "effective_n"]


def estimates(counts: dict[str, int], *, indicator: str = "asked", **values: Any) -> pl.DataFrame:
    """One period of an indicator: `counts` by area, and the city as their sum."""
    common = {"city": "sample", "indicator": indicator, "value": 0.512345678, "standard_error": 0.0456789} | values
    interval = {"lower": 0.4, "upper": 0.6, "reliability": 0.8}
    cells = [("areas", area, n) for area, n in counts.items()] + [("city", "sample", sum(counts.values()))]
    made = [common | interval | {"geography": g, "area": a, "n": n, "effective_n": n / 1.5} for g, a, n in cells]
    return rows("estimates", *made)


def protect_estimates(
    exact: pl.DataFrame,
    *,
    signals: dict[str, str],
    minimum_persons: int = 10,
    earlier: Sequence[FormerRelease] = (),
) -> pl.DataFrame:
    """Both steps: which cells stand together, and what of them may be shown."""
    families = protect.estimate_families(exact, signals=signals, minimum_persons=minimum_persons, earlier=earlier)
    return protect.protect_estimates(exact, families, signals=signals, minimum_persons=minimum_persons)


def protect_coverage(exact: pl.DataFrame, *, earlier: Sequence[FormerRelease] = ()) -> pl.DataFrame:
    """The same of coverage."""
    return protect.protect_coverage(exact, protect.coverage_families(exact, earlier=earlier))


def shown(frame: pl.DataFrame, column: str = "n") -> dict[str, Any]:
    """Area -> published value of a column."""
    return dict(frame.select("area", column).iter_rows())


def test_a_small_cell_and_its_cover_keep_no_number_and_look_alike() -> None:
    published = protect_estimates(estimates({"a": 9, "b": 14, "c": 40, "d": 50}), signals=SIGNALS)
    withheld = published.filter(pl.col("area").is_in(["a", "b"]))
    assert withheld.select(NUMBERS).null_count().row(0) == (2,) * len(NUMBERS)
    assert withheld["missing_reason"].to_list() == [SUPPRESSED, SUPPRESSED]
    same = [column for column in withheld.columns if column != "area"]
    assert withheld.select(same).n_unique() == 1


@pytest.mark.parametrize(("persons", "is_shown"), [(9, False), (10, True), (11, True)])
def test_ten_people_are_enough(persons: int, is_shown: bool) -> None:
    published = protect_estimates(estimates({"a": persons, "b": 30, "c": 40}), signals=SIGNALS)
    assert (shown(published, "value")["a"] is not None) is is_shown


@pytest.mark.parametrize("method", ["model", "nowcast", "composite"])
def test_a_value_made_without_its_own_answers_stays_and_its_counts_go(method: str) -> None:
    """Given an area of four answers that a model left out, its value may be read and the four may not be counted."""
    frame = estimates({"a": 4, "b": 30, "c": 40, "d": 50}, method=method)
    published = protect_estimates(frame, signals=SIGNALS)
    row = published.row(by_predicate=pl.col("area") == "a", named=True)
    assert row["value"] == 0.512
    assert (row["n"], row["effective_n"], row["missing_reason"]) == (None, None, None)


def test_the_cover_of_such_a_count_is_withheld_like_any_other() -> None:
    frame = estimates({"a": 4, "b": 30, "c": 40, "d": 50}, method="model")
    cover = protect_estimates(frame, signals=SIGNALS).filter(pl.col("area") == "b")
    assert cover.select(NUMBERS).null_count().row(0) == (1,) * len(NUMBERS)
    assert cover["missing_reason"].to_list() == [SUPPRESSED]


@pytest.mark.parametrize("method", ["direct", "prevalence", "uncorrected"])
def test_a_small_cell_of_its_own_answers_keeps_nothing(method: str) -> None:
    published = protect_estimates(estimates({"a": 4, "b": 30, "c": 40}, method=method), signals=SIGNALS)
    assert shown(published, "value")["a"] is None


def test_a_count_hidden_before_counts_as_hidden_before() -> None:
    """Given the same rows in two releases, what was hidden stays hidden, although its value was never withheld."""
    frame = estimates({"a": 4, "b": 30, "c": 40, "d": 50}, method="model")
    first = protect_estimates(frame, signals=SIGNALS)
    again = protect_estimates(frame, signals=SIGNALS, earlier=[FormerRelease(published=first, exact=frame)])
    assert again.equals(first)


def test_what_is_shown_is_rounded() -> None:
    published = protect_estimates(estimates({"a": 13, "b": 41}), signals=SIGNALS)
    assert shown(published) == {"a": 15, "b": 40, "sample": 55}
    assert shown(published, "value")["a"] == 0.5
    assert shown(published, "standard_error")["a"] == 0.05


def test_a_small_effective_n_is_not_rounded_to_nothing() -> None:
    published = protect_estimates(estimates({"a": 30, "b": 41}).with_columns(effective_n=pl.lit(2.34)), signals=SIGNALS)
    assert shown(published, "effective_n")["a"] == 2.0


def test_a_cell_missing_for_another_reason_does_not_tell_how_few_there_were() -> None:
    few = estimates({"a": 4, "b": 30, "c": 40}).with_columns(
        missing_reason=pl.when(pl.col("area") == "a").then(pl.lit("too_few"))
    )
    published = protect_estimates(few, signals=SIGNALS)
    assert shown(published, "missing_reason")["a"] == SUPPRESSED
    assert shown(published)["a"] is None


def test_nobody_is_shown_as_nobody() -> None:
    published = protect_estimates(estimates({"a": 0, "b": 30, "c": 40}), signals=SIGNALS)
    assert shown(published)["a"] == 0


def test_raters_need_three_and_observation_sessions_need_none() -> None:
    published = protect_estimates(estimates({"a": 2, "b": 3, "c": 4}, indicator="rated"), signals=SIGNALS)
    assert shown(published) == {"a": None, "b": None, "c": 4, "sample": 9}
    published = protect_estimates(estimates({"a": 1, "b": 3}, indicator="seen"), signals=SIGNALS)
    assert shown(published) == {"a": 1, "b": 3, "sample": 4}


def test_a_stricter_city_is_followed_for_people_only() -> None:
    counts = {"a": 15, "b": 25, "c": 40}
    assert shown(protect_estimates(estimates(counts), signals=SIGNALS, minimum_persons=20))["a"] is None
    rated = protect_estimates(estimates({"a": 4, "b": 5}, indicator="rated"), signals=SIGNALS, minimum_persons=20)
    assert shown(rated)["a"] == 4


def test_periods_and_indicators_are_protected_each_by_itself() -> None:
    later = estimates({"a": 20, "b": 30, "c": 40}, period_start=date(2026, 6, 1), period_end=date(2026, 6, 28))
    posted = estimates({"a": 20, "b": 30, "c": 40}, indicator="posted")
    published = protect_estimates(pl.concat([estimates({"a": 5, "b": 30, "c": 40}), later, posted]), signals=SIGNALS)
    assert published.filter(pl.col("missing_reason") == SUPPRESSED).height == 2


def test_a_withdrawal_since_the_last_release_is_not_worked_out_from_the_two() -> None:
    # given a release that showed areas of ten, thirty and forty
    before = estimates({"a": 10, "b": 30, "c": 40})
    former = FormerRelease(published=protect_estimates(before, signals=SIGNALS), exact=before)
    # when one person of the first withdrew and nothing else changed
    published = protect_estimates(estimates({"a": 9, "b": 30, "c": 40}), signals=SIGNALS, earlier=[former])
    # then neither that area nor the total, from which it would follow, is shown
    assert shown(published) == {"a": None, "b": 30, "c": 40, "sample": None}


def test_an_unchanged_table_is_shown_as_before() -> None:
    rows_now = estimates({"a": 6, "b": 14, "c": 40})
    first = protect_estimates(rows_now, signals=SIGNALS)
    again = protect_estimates(rows_now, signals=SIGNALS, earlier=[FormerRelease(published=first, exact=rows_now)])
    assert again.equals(first)


def test_a_release_that_fails_its_own_attack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a fault in the choice of cells to withhold
    monkeypatch.setattr(protect, "cells_to_withhold", lambda family: frozenset({"a"}))
    with pytest.raises(
        ReleaseRefused, match="asked from 2026-05-09: the number of a is withheld but could be worked out"
    ):
        protect_estimates(estimates({"a": 5, "b": 30, "c": 40}), signals=SIGNALS)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12))
@settings(max_examples=30)
def test_no_published_row_tells_of_fewer_than_ten_people(counts: list[int]) -> None:
    exact = estimates({f"area{k:02}": n for k, n in enumerate(counts)})
    published = protect_estimates(exact, signals=SIGNALS)
    together = published.join(exact.select("area", exact_n="n"), on="area")
    small = together.filter(pl.col("exact_n").is_between(1, 9))
    assert small.select(NUMBERS).null_count().sum_horizontal().sum() == small.height * len(NUMBERS)
    assert (together["n"].drop_nulls() % 5 == 0).all()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12))
@settings(max_examples=30)
def test_the_total_less_what_is_shown_is_never_a_small_group(counts: list[int]) -> None:
    exact = estimates({f"area{k:02}": n for k, n in enumerate(counts)})
    published = protect_estimates(exact, signals=SIGNALS)
    withheld = published.filter(pl.col("missing_reason") == SUPPRESSED)["area"].to_list()
    hidden = [n for area, n in shown(exact).items() if area in withheld and area != "sample"]
    if "sample" not in withheld:
        assert not hidden or (len(hidden) > 1 and sum(hidden) >= 10)


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([-1, 0, 0, 0, 1, 12])), min_size=2, max_size=8))
@settings(max_examples=30)
def test_a_second_release_never_shows_one_person_coming_or_going(steps: list[tuple[int, int]]) -> None:
    # given two nights between which some areas lost or gained a person, or many
    counts = {f"area{k:02}": n for k, (n, _) in enumerate(steps)}
    later = {f"area{k:02}": max(n + step, 0) for k, (n, step) in enumerate(steps)}
    before = estimates(counts)
    first = protect_estimates(before, signals=SIGNALS)
    # when the second is protected against the first
    second = protect_estimates(
        estimates(later), signals=SIGNALS, earlier=[FormerRelease(published=first, exact=before)]
    )
    # then nothing small is shown, and no small area follows from the total and what everybody knows of the others
    known_then, known_now = shown(first), shown(second)
    unknown = [a for a in later if known_now[a] is None and not (known_then[a] is not None and later[a] == counts[a])]
    assert all(not 0 < later[area] < 10 for area in later if known_now[area] is not None)
    small = [area for area in unknown if 0 < later[area] < 10]
    assert not small or known_now["sample"] is None or len(unknown) > 1


def coverage(cells: dict[tuple[str, str], int], *, signal: str = "answers") -> pl.DataFrame:
    """(area, group) -> voices; the area `sample` is the city."""
    made = [
        {
            "city": "sample",
            "geography": "city" if area == "sample" else "areas",
            "area": area,
            "group": group,
            "signal": signal,
            "voices": voices,
            "records": 2 * voices,
            "population": 1000,
        }
        for (area, group), voices in cells.items()
    ]
    return rows("coverage", *made)


def test_few_voices_are_withheld_with_their_records_and_rate() -> None:
    published = protect_coverage(coverage({("a", "all"): 7, ("b", "all"): 21, ("c", "all"): 40, ("sample", "all"): 68}))
    withheld = published.filter(pl.col("missing_reason") == SUPPRESSED)
    assert withheld["area"].to_list() == ["a", "b"]
    assert withheld.select("voices", "records", "voices_per_1000").null_count().row(0) == (2, 2, 2)
    assert shown(published, "voices")["c"] == 40
    assert shown(published, "voices_per_1000")["c"] == 40.0


def test_a_group_cannot_be_worked_out_from_the_other_groups() -> None:
    cells = {("a", "all"): 63, ("a", "age=young"): 4, ("a", "age=middle"): 25, ("a", "age=old"): 34}
    published = protect_coverage(coverage(cells | {("sample", "all"): 63}))
    withheld = published.filter(pl.col("missing_reason") == SUPPRESSED)["group"].to_list()
    assert "age=young" in withheld
    assert len(withheld) >= 2


def test_observation_sessions_without_observers_pass() -> None:
    published = protect_coverage(coverage({("a", "all"): 2, ("sample", "all"): 2}, signal="counts"))
    assert shown(published, "voices") == {"a": 2, "sample": 2}


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=20)
def test_no_coverage_cell_tells_of_fewer_than_ten_voices(areas: list[list[int]]) -> None:
    groups = ("age=young", "age=middle", "age=old")
    cells = {(f"area{k}", group): n for k, row in enumerate(areas) for group, n in zip(groups, row, strict=True)}
    cells |= {(f"area{k}", "all"): sum(row) for k, row in enumerate(areas)}
    cells |= {("sample", group): sum(row[j] for row in areas) for j, group in enumerate(groups)}
    cells |= {("sample", "all"): sum(map(sum, areas))}
    published = protect_coverage(coverage(cells))
    for row in published.iter_rows(named=True):
        assert row["voices"] is None or not 0 < cells[row["area"], row["group"]] < 10
