"""What a release may be made of, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release.content import collect_content
from tests.release.sample_night import (
    invented_alerts,
    invented_checks,
    invented_coverage,
    invented_estimates,
    sample_night,
)


def test_the_content_is_the_nights_own(sample: Night) -> None:
    content = collect_content(sample)
    assert content.is_synthetic
    assert "night" not in content.estimates.columns
    assert content.estimates.height == invented_estimates(sample).height
    assert content.coverage.height == invented_coverage(sample).height


def test_areas_are_named_and_the_city_by_its_own_name(sample: Night) -> None:
    names = dict(collect_content(sample).estimates.select("area", "area_name").unique().iter_rows())
    assert names[sample.city.id] == sample.city.name
    assert all(names.values())


def test_nothing_small_is_left_in_estimates_or_coverage(sample: Night) -> None:
    content = collect_content(sample)
    exact = invented_estimates(sample).filter(
        pl.col("n").is_between(1, 9), pl.col("indicator").str.starts_with("posts")
    )
    key = ["indicator", "geography", "area", "period_start"]
    small = content.estimates.join(exact.select(key), on=key, how="semi")
    assert small.height > 0
    assert small["value"].null_count() == small["n"].null_count() == small.height
    voices = content.coverage.filter(pl.col("signal").is_in(["answers", "posts"]))["voices"]
    assert not voices.drop_nulls().is_between(1, 9).any()


def test_only_claims_of_ten_people_or_more_are_told_and_none_exactly(sample: Night) -> None:
    claims = collect_content(sample).rumours
    assert claims["voices"].to_list() == [40]
    assert not {"representative", "posts", "corrections", "spread_rate", "neighbourhoods"} & set(claims.columns)


def test_a_night_without_estimates_is_refused(tmp_path: Path) -> None:
    night = sample_night(tmp_path, estimates=lambda rows: rows.clear())
    with pytest.raises(ReleaseRefused, match="no estimates to release; run the step `estimate` first"):
        collect_content(night)


def test_a_failed_critical_rule_is_refused(tmp_path: Path, sample: Night) -> None:
    checks = invented_checks(sample, severity="critical")
    with pytest.raises(ReleaseRefused, match="a critical rule did not hold: 3 values are out of range"):
        collect_content(sample_night(tmp_path, checks=checks))


def test_real_rows_in_a_synthetic_city_are_refused(tmp_path: Path) -> None:
    mixed = sample_night(
        tmp_path, estimates=lambda rows: rows.with_columns(synthetic=pl.col("indicator") != "trust_council")
    )
    with pytest.raises(ReleaseRefused, match="synthetic but has rows that are real"):
        collect_content(mixed)


def test_real_coverage_in_a_synthetic_city_is_refused(tmp_path: Path, sample: Night) -> None:
    coverage = invented_coverage(sample).with_columns(synthetic=pl.lit(value=False))
    with pytest.raises(ReleaseRefused, match="the two never mix"):
        collect_content(sample_night(tmp_path, coverage=coverage))


def test_an_indicator_nobody_defined_is_refused(tmp_path: Path) -> None:
    night = sample_night(
        tmp_path, estimates=lambda rows: rows.with_columns(pl.col("indicator").str.replace("trust_council", "made_up"))
    )
    with pytest.raises(ReleaseRefused, match=r"made_up are not in indicators\.yaml"):
        collect_content(night)


def test_the_same_rows_have_the_same_fingerprint_and_others_another(tmp_path: Path, sample: Night) -> None:
    other = sample_night(tmp_path, estimates=lambda rows: rows.with_columns(pl.col("value") * 0.99))
    assert collect_content(sample).inputs_sha256 == collect_content(sample).inputs_sha256
    assert collect_content(sample).inputs_sha256 != collect_content(other).inputs_sha256


class TestWhatStandsBeside:
    def shown_and_hidden(self, sample: Night) -> tuple[str, str]:
        """An area whose council figures are shown in every wave, and one with a suppressed one."""
        rows = collect_content(sample).estimates.filter(
            pl.col("indicator") == "trust_council", pl.col("geography") == sample.city.primary
        )
        by_area = rows.group_by("area").agg(
            is_shown=pl.col("value").is_not_null().all(), is_hidden=(pl.col("missing_reason") == "suppressed").any()
        )
        shown, hidden = (
            by_area.filter(pl.col(name).fill_null(value=False)).sort("area") for name in ("is_shown", "is_hidden")
        )
        return shown["area"][0], hidden["area"][0]

    def test_an_alert_of_a_shown_value_is_told_with_its_place(self, sample: Night, tmp_path: Path) -> None:
        shown, _ = self.shown_and_hidden(sample)
        night = sample_night(tmp_path, alerts=invented_alerts(sample, shown))
        alerts = collect_content(night).alerts
        assert alerts["area"].to_list() == [shown]
        assert alerts["area_name"].to_list() == [dict(sample.city.areas.select("area", "name").iter_rows())[shown]]

    def test_an_alert_of_a_place_with_a_suppressed_value_is_not_told(self, sample: Night, tmp_path: Path) -> None:
        shown, hidden = self.shown_and_hidden(sample)
        night = sample_night(tmp_path, alerts=invented_alerts(sample, shown, hidden))
        assert hidden not in collect_content(night).alerts["area"].to_list()

    def test_an_alert_of_no_value_is_not_told(self, sample: Night, tmp_path: Path) -> None:
        night = sample_night(tmp_path, alerts=invented_alerts(sample, sample.city.id, indicator="wallet_police"))
        assert collect_content(night).alerts.is_empty()

    def test_nothing_beside_is_no_obstacle(self, sample: Night) -> None:
        content = collect_content(sample)
        assert content.alerts.is_empty()
        assert content.skill.is_empty()
