"""What the Index's scores say in words: strengths and weaknesses, progress, and what stands beside trust."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from barometer.city_files import ICC_INDICES
from barometer.errors import BadConfiguration
from barometer.release.icc import INDICES, LENS
from barometer.release.language import N_

NOTABLE_POINTS = 10.0
"""A score this far from the other cities' median (or, with none, from the city's own) is a strength or a weakness."""
FEWEST_CITIES = 3
"""With fewer other cities their median says nothing."""

NO_CAUSE = N_(
    "These figures stand side by side because a policy is meant to bear on them. Nothing here shows that it did: the "
    "Index scores what a city does, the indicator what residents say or do, and one city at one time cannot tell cause "
    "from chance."
)


class Beside(BaseModel):
    """One line of `configs/icc/beside_trust.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: str
    indicators: tuple[str, ...] = Field(min_length=1)
    because: str = Field(min_length=1)

    @field_validator("index")
    @classmethod
    def _is_an_index(cls, index: str) -> str:
        if index not in ICC_INDICES:
            raise ValueError(f"{index!r} is none of the twelve indices: {', '.join(ICC_INDICES)}")
        return index


@dataclass(frozen=True)
class Finding:
    """A strength or weakness: its place in the Index, by how many points, and the sentence."""

    index: str
    sub_index: str | None
    points: float
    words: str

    @property
    def is_strength(self) -> bool:
        """Above, not below."""
        return self.points > 0


def findings(beside: pl.DataFrame) -> list[Finding]:
    """Strengths first, then weaknesses, each the most telling first; from scores alone.

    `beside`: `icc_index.beside_others`. A score is held against the median of at least `FEWEST_CITIES` other cities, or
    where there are fewer against the median of the city's own scores. A score inside the others' middle half is none.
    """
    own = beside["score"].median()
    found = [_finding(row, own if isinstance(own, float) else 0.0) for row in beside.iter_rows(named=True)]
    within = {(row["index"], row["sub_index"]) for row in beside.iter_rows(named=True) if _is_in_middle_half(row)}
    notable = [e for e in found if abs(e.points) >= NOTABLE_POINTS and (e.index, e.sub_index) not in within]
    return sorted(notable, key=lambda each: (not each.is_strength, -abs(each.points), each.index, each.sub_index or ""))


def _is_in_middle_half(row: dict[str, object]) -> bool:
    """Of the other cities: as common as not, so neither a strength nor a weakness."""
    if int(str(row["cities"])) < FEWEST_CITIES or row["lower_quartile"] is None:
        return False
    return float(str(row["lower_quartile"])) <= float(str(row["score"])) <= float(str(row["upper_quartile"]))


def _finding(row: dict[str, object], own_median: float) -> Finding:
    has_others = int(str(row["cities"])) >= FEWEST_CITIES
    against = float(str(row["median"])) if has_others else own_median
    score, what = float(str(row["score"])), _against_whom(int(str(row["cities"])), has_others)
    part = None if row["sub_index"] is None else str(row["sub_index"])
    side = "above" if score > against else "below"
    words = f"{title(str(row['index']), part)}: {score:.0f}, {abs(score - against):.0f} points {side} {what}."
    return Finding(str(row["index"]), part, score - against, words)


def _against_whom(cities: int, has_others: bool) -> str:
    return f"the middle of {cities} other cities" if has_others else "the middle of the city's own scores"


def title(index: str, sub_index: str | None) -> str:
    """Its name as the programme gives it."""
    return LENS[sub_index] if sub_index else INDICES[index]


def progress_in_words(progress: pl.DataFrame) -> str:
    """One sentence on the twelve indices between the first and the last year entered; empty with fewer than two years.

    `progress`: `icc_index.progress`.
    """
    whole = progress.filter(pl.col("sub_index").is_null())
    years = whole["year"].unique().sort().to_list()
    if len(years) < 2:
        return ""
    last = whole.filter(pl.col("year") == years[-1], pl.col("since_first").is_not_null())
    rose, fell = last.filter(pl.col("since_first") > 0).height, last.filter(pl.col("since_first") < 0).height
    same = last.height - rose - fell
    span = f"Between {years[0]} and {years[-1]}"
    return f"{span}, {rose} of {last.height} indices rose, {fell} fell and {same} stayed as they were."


def read_beside(configs: Path, indicators: frozenset[str]) -> tuple[Beside, ...]:
    """`configs/icc/beside_trust.yaml`; none where there is no such file. Raises `BadConfiguration` naming the line."""
    path = configs / "icc" / "beside_trust.yaml"
    if not path.is_file():
        return ()
    try:
        lines = TypeAdapter(tuple[Beside, ...]).validate_python(yaml.safe_load(path.read_text("utf-8")) or ())
    except (yaml.YAMLError, ValidationError) as error:
        raise BadConfiguration(f"configs/icc/{path.name}: cannot be read: {' '.join(str(error).split())}") from None
    strange = sorted({name for line in lines for name in line.indicators} - indicators)
    if strange:
        raise BadConfiguration(
            f"configs/icc/{path.name}: {', '.join(strange)} are not in indicators.yaml; mend the names"
        )
    return lines


def beside_trust(lines: tuple[Beside, ...], scores: pl.DataFrame, city_values: pl.DataFrame) -> pl.DataFrame:
    """Each index the city has a score of beside each indicator the whole city has a figure of.

    `scores`: `icc_index.beside_others`; `city_values`: newest published rows of the whole city with indicator, value,
    lower, upper. Returns index, score, year, because, indicator, value, lower, upper.
    """
    asked = pl.DataFrame(
        [
            {"index": line.index, "because": line.because, "indicator": name}
            for line in lines
            for name in line.indicators
        ],
        schema={"index": pl.String, "because": pl.String, "indicator": pl.String},
    )
    known = scores.filter(pl.col("sub_index").is_null()).select("index", "score", "year")
    figures = city_values.drop_nulls("value").select("indicator", "value", "lower", "upper")
    return asked.join(known, on="index", maintain_order="left").join(figures, on="indicator", maintain_order="left")
