"""The gate: a draft whose files give away what they withhold is refused, whichever file it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release.content import Guarded, collect_content
from barometer.release.gate import require_safe
from barometer.release.readback import COVERAGE_NUMBERS, NUMBERS, coverage_said, estimates_said


@pytest.fixture(scope="module")
def guarded(sample: Night) -> Guarded:
    return collect_content(sample).guarded


@pytest.fixture
def folder(drafted: Path, tmp_path: Path) -> Path:
    """The draft's files, to be tampered with."""
    return Path(shutil.copytree(drafted, tmp_path / "draft"))


def judge(folder: Path, guarded: Guarded) -> None:
    require_safe(folder, estimates=guarded.estimates, coverage=guarded.coverage, withheld=guarded.withheld)


def withheld_cell(guarded: Guarded, indicator: str = "wallet_neighbour") -> dict[str, object]:
    rows = guarded.withheld.filter((pl.col("indicator") == indicator) & ~pl.col("keeps_value"))
    return rows.sort("period_start", "cell").row(-1, named=True)


def is_cell(cell: dict[str, object]) -> pl.Expr:
    names = {"indicator": "indicator", "area": "cell", "period_start": "period_start", "period_end": "period_end"}
    return pl.all_horizontal(pl.col(column) == cell[key] for column, key in names.items())


def test_an_honest_draft_passes(folder: Path, guarded: Guarded) -> None:
    judge(folder, guarded)


def test_everything_shown_is_read_back_from_every_file(drafted: Path) -> None:
    said = estimates_said(drafted)
    table = pl.read_parquet(drafted / "estimates.parquet")
    by_file = dict(said.group_by("file").len().iter_rows())
    assert set(by_file) == {"estimates.csv", "estimates.parquet", "estimates.geojson", "assets/figures.js"}
    assert (
        by_file["estimates.csv"]
        == by_file["estimates.parquet"]
        == table.select(NUMBERS).count().sum_horizontal().item()
    )
    # the same cell never has two numbers
    cell = ("indicator", "period_start", "period_end", "cell", "number")
    assert said.group_by(cell).agg(pl.col("said").n_unique())["said"].max() == 1


def test_coverage_is_read_back_too(drafted: Path) -> None:
    table = pl.read_csv(drafted / "coverage.csv")
    assert coverage_said(drafted).height == table.select(COVERAGE_NUMBERS).count().sum_horizontal().item()


@pytest.mark.parametrize("column", ["value", "n", "effective_n", "standard_error"])
def test_a_withheld_number_in_the_table_is_found(folder: Path, guarded: Guarded, column: str) -> None:
    cell = withheld_cell(guarded)
    table = pl.read_parquet(folder / "estimates.parquet")
    told = pl.when(is_cell(cell)).then(pl.lit(5)).otherwise(column).cast(table.schema[column]).alias(column)
    table.with_columns(told).write_parquet(folder / "estimates.parquet")
    with pytest.raises(ReleaseRefused, match=f"estimates.parquet states {column} of wallet_neighbour .*{cell['cell']}"):
        judge(folder, guarded)


def test_a_withheld_number_on_the_map_is_found(folder: Path, guarded: Guarded) -> None:
    cell = withheld_cell(guarded, "posts_distrust_share")
    path = folder / "estimates.geojson"
    data = json.loads(path.read_text("utf-8"))
    (feature,) = [f for f in data["features"] if f["properties"]["area"] == cell["cell"]]
    feature["properties"]["posts_distrust_share_value"] = 0.25
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(ReleaseRefused, match=r"estimates\.geojson states value of posts_distrust_share"):
        judge(folder, guarded)


def test_a_withheld_number_in_the_pages_figures_is_found(folder: Path, guarded: Guarded) -> None:
    cell = withheld_cell(guarded)
    script = folder / "assets" / "figures.js"
    begin, _, text = script.read_text("utf-8").partition("window.barometerFigures = ")
    data = json.loads(text.rstrip().removesuffix(";"))
    told = data["indicators"]["wallet_neighbour"]
    at = [start for start, _ in told["periods"]].index(str(cell["period_start"]))
    told["rows"][cell["cell"]][at] = [told["rows"][cell["cell"]][at][0], 5]
    script.write_text(f"{begin}window.barometerFigures = {json.dumps(data)};\n", "utf-8")
    with pytest.raises(ReleaseRefused, match=r"assets/figures\.js states n of wallet_neighbour"):
        judge(folder, guarded)


def test_a_page_with_data_of_another_form_is_not_waved_through(folder: Path, guarded: Guarded) -> None:
    (folder / "second.html").write_text('<script type="application/json">{"figures": [1]}</script>', "utf-8")
    with pytest.raises(ReleaseRefused, match=r"second\.html: embeds data that is not in a form known"):
        judge(folder, guarded)


@pytest.mark.parametrize("name", ["alerts.csv", "new_table.csv"])
def test_another_table_that_speaks_of_a_withheld_value_is_found(folder: Path, guarded: Guarded, name: str) -> None:
    cell = withheld_cell(guarded)
    told = {"indicator": cell["indicator"], "area": cell["cell"], "change": 0.2}
    periods = {edge: cell[edge] for edge in ("period_start", "period_end")}
    pl.DataFrame([told | periods]).write_csv(folder / name)
    with pytest.raises(ReleaseRefused, match=f"{name} speaks of wallet_neighbour"):
        judge(folder, guarded)


def test_a_small_cell_of_coverage_that_is_stated_is_found(folder: Path, guarded: Guarded) -> None:
    path = folder / "coverage.csv"
    table = pl.read_csv(path)
    hidden = pl.col("missing_reason").is_not_null() & (pl.col("signal") == "answers")
    table.with_columns(voices=pl.when(hidden).then(5).otherwise("voices")).write_csv(path)
    with pytest.raises(ReleaseRefused, match=r"coverage\.csv states the count of answers"):
        judge(folder, guarded)


def test_a_cover_that_is_shown_opens_the_small_cell_to_arithmetic(folder: Path, guarded: Guarded) -> None:
    """Given a family in which everything but one small cell is stated without rounding error, its count follows."""
    key, family = next((k, f) for k, f in guarded.estimates.items() if k[0] == "practitioner_trust" and f.sensitive)
    small = min(family.sensitive)
    for name in ("estimates.parquet",):
        table = pl.read_parquet(folder / name)
        in_family = (pl.col("indicator") == key[0]) & (pl.col("period_start") == key[1]) & (pl.col("area") != small)
        counts = pl.col("area").replace_strict(dict(family.persons), default=None, return_dtype=pl.Int64)
        table.with_columns(n=pl.when(in_family).then(counts).otherwise("n")).write_parquet(folder / name)
    with pytest.raises(ReleaseRefused, match="gives away what it withholds"):
        judge(folder, guarded)


def test_a_refusal_names_no_more_than_a_reader_needs(folder: Path, guarded: Guarded) -> None:
    table = pl.read_parquet(folder / "estimates.parquet")
    table.with_columns(n=pl.col("n").fill_null(5)).write_parquet(folder / "estimates.parquet")
    with pytest.raises(ReleaseRefused, match=r"and \d+ more; nothing was released"):
        judge(folder, guarded)
