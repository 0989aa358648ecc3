"""Practitioners rate what is there, each in their own way."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from barometer.city import City
from barometer.ingest.tables.reports import Reports as Parser
from barometer.simulate.reports import Reports
from barometer.simulate.world import World, make_world
from tests.ingest.tables.desk import a_context, parse


@pytest.fixture(scope="module")
def reports(world: World) -> Reports:
    return Reports(world)


def on_ten(frame: pl.DataFrame) -> pl.DataFrame:
    """Ratings of both forms as points of 0 to 10."""
    return frame.with_columns(
        ten=pl.when(pl.col("scale") == "1-5")
        .then((pl.col("rating") - 1) * 2.5)
        .otherwise(pl.col("rating").cast(pl.Float64))
    )


class TestPractitioners:
    def test_there_are_as_many_as_planned_each_with_a_few_areas(self, reports: Reports) -> None:
        assert len(reports.practitioners) == 60
        assert all(3 <= len(set(one.areas)) <= 6 for one in reports.practitioners)

    def test_they_differ_in_severity_and_form(self, reports: Reports) -> None:
        severities = [one.severity for one in reports.practitioners]
        assert 0.7 < np.std(severities) < 1.8
        assert 15 < sum(one.has_five_points for one in reports.practitioners) < 45


class TestRatings:
    def test_each_lies_on_its_scale(self, reports: Reports) -> None:
        frame = reports.reports
        assert set(frame["scale"]) == {"1-5", "0-10"}
        for scale, low, high in (("1-5", 1, 5), ("0-10", 0, 10)):
            assert frame.filter(pl.col("scale") == scale)["rating"].is_between(low, high).all()

    def test_the_severe_rate_lower(self, reports: Reports) -> None:
        severity = {one.name: one.severity for one in reports.practitioners}
        means = on_ten(reports.reports).group_by("rater").agg(pl.col("ten").mean()).sort("rater")
        known = [severity[name] for name in means["rater"]]
        assert np.corrcoef(known, means["ten"].to_numpy())[0, 1] < -0.6

    def test_without_severity_and_error_the_truth_would_be_rated(self, reports: Reports) -> None:
        people = reports.world.people
        at = {**{a: i for i, a in enumerate(people.areas)}, **{n: i for i, n in enumerate(people.names)}}
        severity = {one.name: one.severity for one in reports.practitioners}
        rated = on_ten(reports.reports)
        true = [reports.truth[day, at[area]] for day, area in rated.select("day", "area").iter_rows()]
        mended = rated["ten"].to_numpy() + np.array([severity[name] for name in rated["rater"]])
        assert abs(float(np.mean(mended - np.array(true)))) < 0.15
        assert np.corrcoef(mended, true)[0, 1] > np.corrcoef(rated["ten"].to_numpy(), true)[0, 1]

    def test_about_one_and_a_half_a_week_each(self, reports: Reports) -> None:
        assert reports.reports.height == pytest.approx(60 * 1.5 * 10, rel=0.15)

    def test_reasons_fit_the_rating_and_are_not_always_given(self, reports: Reports) -> None:
        rated = on_ten(reports.reports)
        assert 0.5 < rated["reason"].is_not_null().mean() < 0.9
        cold = rated.filter(pl.col("reason").str.contains("keep to themselves"))["ten"].mean()
        warm = rated.filter(pl.col("reason").str.contains("look out for each other"))["ten"].mean()
        assert cold < warm


def test_the_form_is_read_to_the_last_row(reports: Reports) -> None:
    text = reports.reports.drop("day").write_csv()
    whole = parse(Parser(), text, replace(a_context("reports"), city=reports.world.city))
    assert not whole.rejected
    assert whole.rows["reports"].height == reports.reports.height
    assert whole.rows["reports"]["rater"].n_unique() <= 60


def test_the_same_seed_rates_the_same(small: World, sample_city: City) -> None:
    assert Reports(make_world(sample_city, small.plan)).reports.equals(Reports(small).reports)


def test_a_form_without_entries_has_its_columns(small: World) -> None:
    nobody = Reports(replace(small, plan=replace(small.plan, practitioners=0)))
    assert nobody.reports.height == 0
    assert "rating" in nobody.reports.columns
    assert io.StringIO(nobody.reports.write_csv()).readline().startswith("day,id,rater")
