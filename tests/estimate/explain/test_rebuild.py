"""The estimates behind a release, made again from the lake as it was."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from barometer.configured import configured
from barometer.errors import BadInput, SchemaMismatch
from barometer.estimate.explain.rebuild import former_configuration, rebuild
from barometer.night import Night
from barometer.published import Release, issued, releases_of
from tests.estimate.explain.released import NEXT, edit, later, released_night, withdraw
from tests.estimate.fielded import put_posts
from tests.estimate.made import voices
from tests.rows import NIGHT


@pytest.fixture
def former(tmp_path: Path) -> Night:
    return released_night(tmp_path)


def only(night: Night) -> Release:
    (found,) = releases_of(night.settings.releases / night.city.id)
    return found


def test_what_came_and_changed_since_is_not_seen(former: Night) -> None:
    published = issued(former)
    night = later(former, margins=former.city.margins.with_columns(pl.col("persons") * 2 + 1))
    put_posts(night, voices(30, distrusting=30, first=600), on=NEXT)
    edit(night, "reports", lambda frame: frame.with_columns(rating=pl.lit(1.0)))
    made = rebuild(night, only(former))
    assert made.rows.equals(published)
    assert made.night.night == NIGHT
    assert made.night.city.margins.equals(former.city.margins)


def test_what_was_removed_since_is_missing(former: Night) -> None:
    published = issued(former)
    withdraw(later(former), ["p00000"], on=NEXT)
    made = rebuild(later(former), only(former)).rows
    key = ["indicator", "area", "period_start"]
    changed = made.join(published, on=key, suffix="_then").filter(pl.col("value").ne_missing(pl.col("value_then")))
    assert changed.filter(pl.col("indicator") == "posts_distrust_share", pl.col("area") == "T1").height == 1
    assert changed.filter(pl.col("indicator") == "trust_police").is_empty()


def test_a_lake_without_that_past_is_one_line(former: Night) -> None:
    release = only(former)
    former.lake.delete_matching("estimates", issued(former), pl.lit(value=True))
    with pytest.raises(BadInput, match="does not reach back to 2026-05-09-1"):
        rebuild(former, release)


def test_a_configuration_that_was_not_kept_is_one_line(tmp_path: Path) -> None:
    night = released_night(tmp_path, keep=False)
    changed = later(night, margins=night.city.margins.with_columns(pl.col("persons") + 1))
    with pytest.raises(BadInput, match="the configuration of 2026-05-09-1 was not kept"):
        rebuild(changed, only(night))


def test_todays_configuration_is_taken_where_it_is_the_same(former: Night) -> None:
    now = configured(former.city, former.settings.configs)
    assert former_configuration(former, only(former), now) is now


def test_the_past_cannot_be_written(former: Night) -> None:
    made = former.lake.at(only(former).approved_at)
    with pytest.raises(SchemaMismatch, match="the past is fixed"):
        made.replace("estimates", issued(former), partition={"night": NIGHT})
