"""Practitioners' ratings: every rater one voice, every form's scale turned to one, agreement no certainty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.cells import complete
from barometer.estimate.reports import estimate_reports
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import INDICATORS, one, periods_of, report, with_day
from tests.rows import rows
from tests.towns import make_testville

NAME = "practitioner_trust"


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_testville(tmp_path)


def means(city: City, reports: list[dict[str, Any]]) -> pl.DataFrame:
    frame = with_day(rows("reports", *reports), "reported_at")
    cells = estimate_reports(frame, city=city, indicator=INDICATORS[NAME], periods=periods_of(NAME))
    return complete(cells, city)


def local(city: City, reports: list[dict[str, Any]]) -> dict[str, Any]:
    return one(means(city, reports), area="T1")


def raters(*ratings: float, area: str = "T1", first: int = 0, **values: Any) -> list[dict[str, Any]]:
    return [report(first + i, f"q{first + i}", r, area=area, **values) for i, r in enumerate(ratings)]


class TestMeans:
    @pytest.mark.parametrize(
        ("rating", "lowest", "highest", "expected"),
        [(1, 1, 5, 0), (5, 1, 5, 10), (3, 1, 5, 5), (4, 1, 5, 7.5), (7, 0, 10, 7), (50, 0, 100, 5), (-1, -2, 2, 2.5)],
    )
    def test_a_forms_scale_is_turned_to_nought_to_ten(
        self, city: City, rating: float, lowest: float, highest: float, expected: float
    ) -> None:
        reports = raters(*[rating] * 3, scale_minimum=lowest, scale_maximum=highest)
        assert local(city, reports)["value"] == pytest.approx(expected)

    def test_a_mean_by_hand(self, city: City) -> None:
        # given ratings 2, 3 and 4 of 1 to 5, which are 2.5, 5 and 7.5 of 0 to 10
        found = local(city, raters(2, 3, 4))
        # then mean 5, deviation 2.5, standard error 2.5 / sqrt(3), t of 2 degrees of freedom 4.303
        assert found["value"] == 5
        assert found["standard_error"] == pytest.approx(2.5 / np.sqrt(3))
        assert found["upper"] == pytest.approx(min(10, 5 + 4.30265 * 2.5 / np.sqrt(3)), rel=1e-5)
        assert (found["n"], found["effective_n"]) == (3, 3.0)

    def test_a_rater_who_reports_often_is_one_voice(self, city: City) -> None:
        often = [report(100 + i, "q0", 1.0) for i in range(50)]
        found = local(city, [*raters(1, 5, 5), *often])
        assert found["value"] == pytest.approx((0 + 10 + 10) / 3)
        assert found["n"] == 3

    def test_a_raters_own_reports_are_averaged(self, city: City) -> None:
        found = local(city, [report(1, "q1", 1), report(2, "q1", 5), report(3, "q2", 3), report(4, "q3", 3)])
        assert found["value"] == 5

    def test_the_city_is_heard_over_all_its_raters(self, city: City) -> None:
        found = means(city, [*raters(1, 1, 1), *raters(5, 5, 5, area="T2", first=10)])
        whole = one(found, geography=WHOLE_CITY)
        assert (whole["value"], whole["n"]) == (5, 6)

    def test_a_rating_off_its_own_scale_is_held_at_its_end(self, city: City) -> None:
        assert local(city, raters(6, 6, 6))["value"] == 10


class TestErrors:
    def test_raters_who_happen_to_agree_are_not_thereby_certain(self, city: City) -> None:
        # given three raters of one mind here and three at odds elsewhere
        reports = [*raters(3, 3, 3), *raters(1, 3, 5, area="T2", first=10)]
        found = local(city, reports)
        # then the spread within places is pooled: (0 + 50) / 4 = 12.5
        assert found["standard_error"] == pytest.approx(np.sqrt(12.5 / 3))

    def test_raters_at_odds_keep_their_own_wider_spread(self, city: City) -> None:
        reports = [*raters(1, 3, 5), *raters(3, 3, 3, area="T2", first=10)]
        assert local(city, reports)["standard_error"] == pytest.approx(np.sqrt(25 / 3))

    def test_raters_who_see_one_place_alike_share_no_spread_with_the_city(self, city: City) -> None:
        reports = [*raters(1, 1, 1), *raters(5, 5, 5, area="T2", first=10)]
        assert local(city, reports)["standard_error"] == 0

    def test_two_raters_are_too_few(self, city: City) -> None:
        found = local(city, raters(2, 4))
        assert (found["missing_reason"], found["value"], found["n"]) == ("too_few", None, 2)

    def test_two_raters_of_many_reports_are_still_too_few(self, city: City) -> None:
        found = local(city, [report(i, f"q{i % 2}", 1 + i % 5) for i in range(40)])
        assert (found["missing_reason"], found["n"]) == ("too_few", 2)

    def test_a_place_nobody_rated_has_the_periods_reason(self, city: City) -> None:
        assert one(means(city, raters(1, 2, 3)), area="T3")["missing_reason"] == "too_few"

    def test_the_interval_is_cut_at_the_scales_end(self, city: City) -> None:
        found = local(city, raters(1, 1, 2))
        assert found["lower"] == 0


@st.composite
def some_reports(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        report(i, f"q{draw(st.integers(0, 8))}", draw(st.floats(1, 5)), area=draw(st.sampled_from(["T1", "T2", "T3"])))
        for i in range(draw(st.integers(1, 40)))
    ]


class TestWhateverIsReported:
    @given(reports=some_reports())
    def test_means_and_intervals_stay_on_the_scale(self, tmp_path: Path, reports: list[dict[str, Any]]) -> None:
        for row in means(make_testville(tmp_path), reports).iter_rows(named=True):
            if row["value"] is not None:
                assert 0 <= row["lower"] <= row["value"] <= row["upper"] <= 10
                assert row["n"] >= 3
            else:
                assert row["missing_reason"] == "too_few"

    @given(reports=some_reports(), order=st.randoms(use_true_random=False))
    def test_their_order_does_not_matter(self, tmp_path: Path, reports: list[dict[str, Any]], order: Any) -> None:
        city = make_testville(tmp_path)
        shuffled = list(reports)
        order.shuffle(shuffled)
        # sums in another order may differ in the digit that is rounded away
        first, second = means(city, reports), means(city, sorted(shuffled, key=lambda r: str(r["report"])))
        assert first.equals(second)
