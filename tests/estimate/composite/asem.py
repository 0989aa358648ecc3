"""The ASEM Sustainable Connectivity index as a structure, and COINr's printed tables of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from barometer.estimate.composite import Composite, Group, Part, Screening

Table = dict[str, dict[str, float]]
# How many rows R's `head` shows.
ROWS = 6


def read(shared_data: Path) -> pl.DataFrame:
    """One row a country: indicators, denominators and groups."""
    return pl.read_csv(shared_data / "methods" / "coinr_asem" / "ASEM_iData.csv").rename({"uCode": "unit"})


def structure(shared_data: Path, **choices: object) -> Composite:
    """The hierarchy of ASEM_iMeta.csv: indicators in eight pillars, two sub-indices, one index."""
    meta = pl.read_csv(shared_data / "methods" / "coinr_asem" / "ASEM_iMeta.csv")
    return Composite.model_validate({"id": "Index", "parts": _below(meta, "Index")} | choices)


def as_built(shared_data: Path) -> Composite:
    """COINr's `build_example_coin`: imputed by the mean of Europe or Asia first, so that the screening drops nobody."""
    nobody_out = Screening(minimum_per_unit=0, minimum_per_part=0)
    return structure(shared_data, imputation="group_mean", screening=nobody_out)


def as_in_overview(shared_data: Path) -> Composite:
    """COINr's overview: countries with under 90 % of the data dropped, the gaps of the others left out of the means."""
    return structure(shared_data, screening=Screening(minimum_per_unit=0.9, minimum_per_part=0))


def printed(shared_data: Path, file: str) -> Table:
    """The first table of results in a file of COINr's printed output: country -> column -> number.

    R prints six rows in blocks of columns, each block under its own header and with row numbers.
    """
    path = shared_data / "methods" / "coinr_asem" / "reference" / file
    lines = [line.removeprefix("#>").split() for line in path.read_text("utf-8").splitlines()]
    start = next(i for i, words in enumerate(lines) if words[:2] == ["uCode", "Rank"])
    first, second = lines[start : start + ROWS + 1], lines[start + ROWS + 1 : start + 2 * (ROWS + 1)]
    header = first[0][1:] + second[0]
    rows = [[*left[1:], *right[1:]] for left, right in zip(first[1:], second[1:], strict=True)]
    return {unit: dict(zip(header, map(float, numbers), strict=True)) for unit, *numbers in rows}


def _below(meta: pl.DataFrame, parent: str) -> tuple[Part | Group, ...]:
    rows = meta.filter(pl.col("Parent") == parent).iter_rows(named=True)
    return tuple(_part(row) if row["Type"] == "Indicator" else _group(meta, row) for row in rows)


def _part(row: dict[str, object]) -> Part:
    direction = "positive" if row["Direction"] == 1 else "negative"
    return Part.model_validate(
        {"id": row["iCode"], "weight": row["Weight"], "direction": direction, "denominator": row["Denominator"]}
    )


def _group(meta: pl.DataFrame, row: dict[str, object]) -> Group:
    return Group.model_validate({"id": row["iCode"], "weight": row["Weight"], "parts": _below(meta, str(row["iCode"]))})
