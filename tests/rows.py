"""Rows of every table, made from the declared schema: what a test does not say gets a plain value of the right type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from barometer.tables import TABLES, UTC_TIME

NIGHT = date(2026, 5, 9)
NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)

_PLAIN: dict[pl.DataType, Any] = {
    pl.String(): "x",
    pl.Int64(): 1,
    pl.Float64(): 0.5,
    pl.Boolean(): True,
    pl.Date(): NIGHT,
    UTC_TIME: NOON,
    pl.List(pl.String): ["x"],
}


def a_row(table: str, **values: Any) -> dict[str, Any]:
    """One row of `table`: `values` where given, null where a column may be empty, else a plain value of its type."""
    declared = TABLES[table]
    plain = {c.name: None if c.nullable else _PLAIN[declared.schema[c.name]] for c in declared.columns}
    unknown = set(values) - set(plain)
    assert not unknown, f"{table} has no columns {unknown}"
    return plain | values


def rows(table: str, *several: dict[str, Any]) -> pl.DataFrame:
    """A frame of `table` from dictionaries of the values that matter to the test."""
    return pl.DataFrame([a_row(table, **values) for values in several], schema=TABLES[table].schema)
