"""A source's options are checked, and every wrong one is named."""

from __future__ import annotations

from datetime import date

import pytest

from barometer.errors import BadConfiguration
from barometer.ingest.tables.observations import ObservationOptions
from barometer.ingest.tables.options import ColumnOptions, read_options
from barometer.ingest.tables.reports import ReportOptions
from tests.ingest.tables.desk import a_context


def test_what_is_not_said_has_a_default() -> None:
    options = read_options(ColumnOptions, a_context("counts"))
    assert (options.columns, options.timezone, options.id_space) == ({}, None, None)


def test_what_is_said_holds() -> None:
    context = a_context("observations", timezone="Europe/Paris", window_minutes=10, earliest="2017-01-01")
    options = read_options(ObservationOptions, context)
    assert (options.timezone, options.window_minutes, options.earliest) == ("Europe/Paris", 10, date(2017, 1, 1))


def test_every_mistake_is_named_with_its_source() -> None:
    context = a_context("reports", scale="bad to good", colums={"rater": "who"})
    with pytest.raises(BadConfiguration) as refusal:
        read_options(ReportOptions, context)
    message = str(refusal.value)
    assert message.startswith("source a_source: options: ")
    assert "scale" in message
    assert "colums" in message
    assert "\n" not in message


@pytest.mark.parametrize("scale", ["1-5", "0 – 10", "-2..2", "1 to 7", "0.5-4.5"])
def test_scales_may_be_written_in_several_ways(scale: str) -> None:
    assert read_options(ReportOptions, a_context("reports", scale=scale)).scale == scale
