"""A release's estimates.csv made again from its exact rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from barometer.indicators import load_indicators
from barometer.night import Night
from barometer.published import Release, issued, published_bytes, releases_of
from barometer.release.rebuild import rebuilt_csv
from barometer.settings import PROJECT

INDICATORS = load_indicators(PROJECT / "configs")


def only(released: Path) -> Release:
    (found,) = releases_of(released.parent)
    return found


def test_the_same_rows_give_the_bytes_published(sample: Night, released: Path) -> None:
    release = only(released)
    assert rebuilt_csv(sample, release, issued(sample), INDICATORS) == published_bytes(release)


def test_other_rows_do_not(sample: Night, released: Path) -> None:
    other = issued(sample).with_columns(pl.col("value") * 0.9)
    assert rebuilt_csv(sample, only(released), other, INDICATORS) != published_bytes(only(released))


def test_small_cells_are_withheld_in_it_as_they_were(sample: Night, released: Path) -> None:
    made = rebuilt_csv(sample, only(released), issued(sample), INDICATORS).decode()
    assert made.count(",suppressed,") == published_bytes(only(released)).decode().count(",suppressed,") > 0
