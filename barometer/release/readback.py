"""What a drafted folder says, read from its files alone, as a stranger would: every number of every cell, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from barometer.errors import ReleaseRefused
from barometer.release.before import COVERAGE_FAMILY, ESTIMATES_FAMILY, PERIOD, cell_name
from barometer.tables import TABLES

NUMBERS = ("value", "standard_error", "lower", "upper", "reliability", "n", "effective_n")
COVERAGE_NUMBERS = ("records", "voices", "voices_per_1000")
_LONGEST_FIRST = sorted(NUMBERS, key=len, reverse=True)
ESTIMATE_SAID: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    "cell": pl.String(),
    "number": pl.String(),
    "said": pl.Float64(),
    "file": pl.String(),
}
_READ_OTHERWISE = ("estimates.csv", "coverage.csv", "revisions.csv")
_SCRIPT_DATA = re.compile(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', re.DOTALL)
# What a page may embed beside figures: words, choices, drawings, scores of the ICC Index, lives of rumours.
_WITHOUT_FIGURES = frozenset(
    (
        *("language", "decimal", "group", "percent", "say", "methods", "reasons", "indicators"),
        *("chosen", "first", "second", "groups", "centres", "pages"),
        *("chart", "charts", "achievement", "comparison", "progress", "lives"),
    )
)
_FIGURES = "window.barometerFigures = "
# As `site/script_data.py` packs them: a figure, or the reason why there is none and the count behind it.
_PACKED = ("value", "lower", "upper", "n", None, "effective_n", "standard_error")
_PACKED_REASON = (None, "n")


def estimates_said(folder: Path) -> pl.DataFrame:
    """Every number the draft's files state of an estimate: ESTIMATE_SAID rows; `number` is the column it stands for.

    Reads estimates.csv, .parquet and .geojson and the figures that scripts draw from. Raises `ReleaseRefused` when a
    page embeds data in a form not known here: what cannot be read cannot be vouched for.
    """
    schema = {name: dtype for name, dtype in TABLES["estimates"].schema.items() if name != "night"}
    csv = pl.read_csv(folder / "estimates.csv", schema_overrides=schema)
    parquet = pl.read_parquet(folder / "estimates.parquet")
    for page in sorted(folder.rglob("*.html")):
        _refuse_unknown_data(page)
    pages = [row for path in sorted(folder.rglob("*.js")) for row in _script(path, path.relative_to(folder).as_posix())]
    parts = [_long(csv, "estimates.csv"), _long(parquet, "estimates.parquet"), _rows(_geojson(folder)), _rows(pages)]
    return pl.concat(parts).drop_nulls("said")


def coverage_said(folder: Path) -> pl.DataFrame:
    """The same of coverage.csv: signal, period_start, period_end, cell, number, said, file."""
    schema = {name: dtype for name, dtype in TABLES["coverage"].schema.items() if name != "night"}
    rows = pl.read_csv(folder / "coverage.csv", schema_overrides=schema)
    long = rows.select(*COVERAGE_FAMILY, *_as_floats(COVERAGE_NUMBERS), cell=cell_name()).unpivot(
        COVERAGE_NUMBERS, index=[*COVERAGE_FAMILY, "cell"], variable_name="number", value_name="said"
    )
    return long.drop_nulls("said").with_columns(file=pl.lit("coverage.csv"))


def cells_beside(folder: Path) -> pl.DataFrame:
    """Cells that any other table of the draft has a row of: indicator, period_start, period_end, cell, file.

    Every CSV file with an indicator, an area and a period in it; what releases said before (`revisions.csv`) is public.
    """
    key = {"indicator": pl.String(), "area": pl.String(), "period_start": pl.Date(), "period_end": pl.Date()}
    found = [pl.DataFrame(schema={**dict(list(ESTIMATE_SAID.items())[:4]), "file": pl.String()})]
    for path in sorted(folder.rglob("*.csv")):
        if path.name not in _READ_OTHERWISE and set(key) <= set(pl.read_csv(path, n_rows=0).columns):
            rows = pl.read_csv(path, columns=list(key), schema_overrides=key)
            found.append(rows.select(*ESTIMATES_FAMILY, cell="area", file=pl.lit(path.name)))
    return pl.concat(found).unique(maintain_order=True)


def _as_floats(names: tuple[str, ...]) -> list[pl.Expr]:
    return [pl.col(name).cast(pl.Float64) for name in names]


def _long(rows: pl.DataFrame, file: str) -> pl.DataFrame:
    long = rows.select(*ESTIMATES_FAMILY, *_as_floats(NUMBERS), cell="area").unpivot(
        NUMBERS, index=[*ESTIMATES_FAMILY, "cell"], variable_name="number", value_name="said"
    )
    return long.with_columns(file=pl.lit(file)).select(list(ESTIMATE_SAID))


def _rows(rows: list[dict[str, Any]]) -> pl.DataFrame:
    raw = {name: pl.String() if name in PERIOD else dtype for name, dtype in ESTIMATE_SAID.items()}
    return pl.DataFrame(rows, schema=raw).with_columns(pl.col(PERIOD).str.to_date()).select(list(ESTIMATE_SAID))


def _geojson(folder: Path) -> list[dict[str, Any]]:
    features = json.loads((folder / "estimates.geojson").read_text("utf-8"))["features"]
    return [row for feature in features for row in _feature(feature["properties"])]


def _feature(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`<indicator>_<number>` of one area, with the period the same indicator states."""
    for name, value in properties.items():
        indicator, number = next(((name[: -len(n) - 1], n) for n in _LONGEST_FIRST if name.endswith(f"_{n}")), ("", ""))
        if indicator and f"{indicator}_period_start" in properties:
            period = {edge: properties[f"{indicator}_{edge}"] for edge in PERIOD}
            told = {"cell": properties["area"], "number": number, "said": value, "file": "estimates.geojson"}
            yield {"indicator": indicator} | period | told


def _refuse_unknown_data(page: Path) -> None:
    for text in _SCRIPT_DATA.findall(page.read_text("utf-8")):
        data = json.loads(text)
        unknown = sorted(set(data) - _WITHOUT_FIGURES) if isinstance(data, dict) else ["no mapping"]
        if unknown:
            raise ReleaseRefused(
                f"{page.name}: embeds data that is not in a form known to have no figures ({', '.join(unknown)}), so "
                "nobody can say that it holds no withheld number; teach barometer/release/readback.py to read it"
            )


def _script(path: Path, name: str) -> Iterator[dict[str, Any]]:
    _, marked, data = path.read_text("utf-8").partition(_FIGURES)
    if not marked:
        return
    for indicator, told in json.loads(data.rstrip().removesuffix(";"))["indicators"].items():
        for area, rows in told["rows"].items():
            for (start, end), packed in zip(told["periods"], rows, strict=True):
                common = {"indicator": indicator, "cell": area, "file": name, "period_start": start, "period_end": end}
                numbers = zip(_PACKED if len(packed) == len(_PACKED) else _PACKED_REASON, packed, strict=False)
                yield from (common | {"number": number, "said": said} for number, said in numbers if number)
