"""Differential privacy of post counts: noise of the right size, drawn once, its budget stated."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release import private_counts
from barometer.release.draft import draft_release
from barometer.release.manifest import file_hashes, read_manifest
from barometer.release.private_counts import NOISE_FILE, counts_one_post_moves, draw, with_noise
from barometer.release.publish import publish
from tests.release.sample_night import fill, invented_estimates, same_night
from tests.rows import rows

SIGNALS = {"asked": "answers", "posted": "posts", "replied": "posts"}


def private(night: Night, epsilon: float | None) -> Night:
    """The night of a city that asks for so much privacy."""
    thresholds = night.city.thresholds.model_copy(update={"privacy_epsilon": epsilon})
    return replace(night, city=replace(night.city, thresholds=thresholds))


@pytest.fixture
def night(sample: Night, drafted: Path, tmp_path: Path) -> Night:
    """A private night of the test's own."""
    return private(same_night(sample, tmp_path / "home"), 2.0)


def estimates(*indicators: str, n: int = 40) -> pl.DataFrame:
    places = (("areas", "a"), ("areas", "b"), ("city", "sample"))
    return rows(
        "estimates", *({"indicator": i, "geography": g, "area": a, "n": n} for i in indicators for g, a in places)
    )


def coverage(signal: str = "posts") -> pl.DataFrame:
    places = (("areas", "a"), ("areas", "b"), ("city", "sample"))
    return rows(
        "coverage",
        *(
            {"signal": signal, "group": "all", "geography": g, "area": a, "records": 90, "voices": 40}
            for g, a in places
        ),
    )


def noisy(night: Night, tables: tuple[pl.DataFrame, pl.DataFrame] | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    exact = tables or (estimates("posted", "replied"), coverage())
    return with_noise(night, *exact, signals=SIGNALS, spent_before=1.0)[:2]


def test_noise_has_the_spread_of_the_discrete_laplace_distribution() -> None:
    drawn = np.array(draw(20_000, scale=3.0))
    alpha = np.exp(-1 / 3.0)
    assert abs(drawn.mean()) < 0.15
    # variance 2 alpha / (1 - alpha)^2, here 17.8; twenty thousand draws hold it within a tenth
    assert drawn.var() == pytest.approx(2 * alpha / (1 - alpha) ** 2, rel=0.12)
    assert (drawn == 0).mean() == pytest.approx((1 - alpha) / (1 + alpha), rel=0.12)


def test_one_post_is_counted_in_its_area_and_the_city_once_an_indicator_and_twice_in_coverage() -> None:
    assert counts_one_post_moves(estimates("posted"), coverage()) == 2 * (1 + 2)
    assert counts_one_post_moves(estimates("posted", "replied"), coverage()) == 2 * (2 + 2)


def test_periods_that_share_a_day_count_a_post_again() -> None:
    later = estimates("posted").with_columns(
        period_start=pl.lit(date(2030, 1, 1)), period_end=pl.lit(date(2030, 1, 28))
    )
    apart = pl.concat([estimates("posted"), later])
    assert counts_one_post_moves(apart, coverage()) == counts_one_post_moves(estimates("posted"), coverage())
    nested = pl.concat([apart, later.with_columns(period_end=pl.lit(date(2030, 1, 7)))])
    assert counts_one_post_moves(nested, coverage()) == 2 * (2 + 2)


def test_a_city_that_does_not_ask_gets_its_counts_as_they_are(night: Night) -> None:
    exact = estimates("posted"), coverage()
    assert with_noise(private(night, None), *exact, signals=SIGNALS, spent_before=0.0) == (*exact, None)
    assert not (night.folder / NOISE_FILE).exists()


def test_noise_reaches_posts_and_nothing_else(night: Night) -> None:
    exact = pl.concat([estimates("asked"), estimates("posted")]), pl.concat([coverage("answers"), coverage()])
    found, covered = noisy(private(night, 0.05), exact)
    assert found.filter(pl.col("indicator") == "asked").equals(estimates("asked"))
    assert covered.filter(pl.col("signal") == "answers").equals(coverage("answers"))
    assert not found.equals(exact[0])
    assert not covered.equals(exact[1])
    assert found.drop("n").equals(exact[0].drop("n"))
    assert (found["n"].min(), covered["voices"].min()) >= (0, 0)


def test_the_budget_is_split_over_all_counts_and_added_up(night: Night) -> None:
    spent = with_noise(night, estimates("posted"), coverage(), signals=SIGNALS, spent_before=1.0)[2]
    assert spent is not None
    assert (spent.epsilon, spent.epsilon_so_far, spent.sensitivity, spent.scale) == (2.0, 3.0, 6, 3.0)


def test_the_same_content_is_drawn_once_and_other_content_anew(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    first = noisy(night)
    monkeypatch.setattr(private_counts, "draw", lambda size, scale: [7] * size)
    again = noisy(night)
    assert all(a.equals(b) for a, b in zip(first, again, strict=True))
    other = noisy(night, (estimates("posted", "replied", n=41), coverage()))
    assert set(other[0]["n"]) == {48}


def test_without_the_library_the_release_says_what_to_do(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    with pytest.raises(ReleaseRefused, match="privacy_epsilon is set, and OpenDP is not installed"):
        noisy(night)


def test_a_private_draft_states_its_budget_and_drafts_again_to_the_same_bytes(night: Night) -> None:
    draft = draft_release(night)
    first = file_hashes(draft)
    assert file_hashes(draft_release(night)) == first
    stated = read_manifest(draft)["privacy"]
    assert (stated["epsilon"], stated["epsilon_so_far"], stated["unit"]) == (2.0, 2.0, "one post")
    assert json.loads((draft / "datapackage.json").read_text("utf-8"))["privacy"] == stated
    counts = pl.read_parquet(draft / "estimates.parquet")["n"].drop_nulls()
    assert (counts >= 0).all()


def test_releases_add_up(night: Night) -> None:
    publish(night, draft_release(night), approved_by="A. Person", is_stand_in=False, approved_at=datetime.now(UTC))
    fill(night, {"estimates": invented_estimates(night).with_columns(pl.col("value", "lower") * 0.97)})
    assert read_manifest(draft_release(night))["privacy"]["epsilon_so_far"] == 4.0
