"""A release's estimates.csv made again from exact rows, with the disclosure control it was published under."""

from __future__ import annotations

import polars as pl

from barometer.indicators import Indicators
from barometer.night import Night
from barometer.published import Release, releases_of
from barometer.release.content import published_form, shown_estimates
from barometer.release.files import estimates_csv


def rebuilt_csv(night: Night, release: Release, rows: pl.DataFrame, indicators: Indicators) -> bytes:
    """`estimates.csv` of `release` from `rows` of the table `estimates`; the same rows give the bytes published.

    `night`: the night of the release, with the city as it was configured. Only releases that had been approved when
    this one was count as published before it.
    """
    shown = shown_estimates(night, rows, indicators, _before(night, release))
    return estimates_csv(published_form(night, shown))


def _before(night: Night, release: Release) -> Release | None:
    earlier = [
        each
        for each in releases_of(night.settings.releases / night.city.id)
        if (each.night, each.number) < (release.night, release.number)
        and each.approved_at < release.approved_at
        and each.manifest["inputs_sha256"] != release.manifest["inputs_sha256"]
    ]
    return earlier[-1] if earlier else None
