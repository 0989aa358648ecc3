"""Composite scores of survey waves, each with its uncertainty and with what that uncertainty hangs on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from barometer.city import City
from barometer.errors import BadInput
from barometer.estimate.cells import CELL_KEY, CELL_SCHEMA, Cells, to_cells
from barometer.estimate.composite import Alternatives, Composite, Part, composite_index
from barometer.estimate.composite.index import RANK_SHIFT, composite_scores
from barometer.estimate.periods import PERIOD
from barometer.indicators import WHOLE_CITY, CompositeScore, Indicator, Indicators

logger = logging.getLogger(__name__)

METHOD = "composite"
# One person's answers to several questions of trust go together. The three questions of the European Social Survey's
# trust scale have an alpha of .52 to .85 by country (ZIS 235), which is a mean correlation of .27 to .65.
ERROR_CORRELATION = 0.45

_SENSITIVITY_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    "assumption": pl.String(),
    "first_order": pl.Float64(),
    "first_order_error": pl.Float64(),
    "total": pl.Float64(),
    "total_error": pl.Float64(),
}


@dataclass(frozen=True)
class Composites:
    """Cells of every composite, and how far each assumption moves its ranks (Sobol), per wave."""

    cells: Cells
    sensitivity: pl.DataFrame


def estimate_composites(
    surveyed: pl.DataFrame, *, city: City, indicators: Indicators, periods: pl.DataFrame
) -> Composites:
    """Scores of every wave, for the places where every part has a value (or a model's).

    `surveyed`: cells of the survey indicators, as they are issued. `periods`: PERIODS_SCHEMA rows of the composites.
    """
    found = [to_cells(pl.DataFrame(schema=CELL_SCHEMA))]
    sensitivity = [pl.DataFrame(schema=_SENSITIVITY_SCHEMA)]
    for indicator in indicators.of_signal("combined"):
        if not isinstance(indicator.measure, CompositeScore):
            continue
        parts = [indicators[part] for part in indicator.measure.parts]
        known = surveyed.filter(pl.col("indicator").is_in(indicator.rests_on), pl.col("value").is_not_null())
        for wave in known.partition_by(PERIOD, maintain_order=True):
            made = _one_wave(wave, indicator=indicator, parts=parts, city=city)
            found.append(made.cells.found)
            sensitivity.append(made.sensitivity)
    return Composites(Cells(found=pl.concat(found), periods=periods), pl.concat(sensitivity))


def composite_values(surveyed: pl.DataFrame, *, city: City, indicators: Indicators) -> pl.DataFrame:
    """The values alone that `estimate_composites` gives, without their errors, which are what takes time.

    `surveyed`: as there. Returns indicator, geography, area, period_start, period_end, value.
    """
    schema = {name: CELL_SCHEMA[name] for name in (*CELL_KEY, "value")}
    found = [pl.DataFrame(schema=schema)]
    for indicator in indicators.of_signal("combined"):
        if not isinstance(indicator.measure, CompositeScore):
            continue
        structure = structure_of(indicator, [indicators[part] for part in indicator.measure.parts])
        known = surveyed.filter(pl.col("indicator").is_in(indicator.rests_on), pl.col("value").is_not_null())
        for wave in known.partition_by(PERIOD, maintain_order=True):
            found.append(_values_of_wave(wave, indicator.id, structure, city).select(list(schema)))
    return pl.concat(found)


def _values_of_wave(wave: pl.DataFrame, indicator: str, structure: Composite, city: City) -> pl.DataFrame:
    start, end = wave.select(PERIOD).row(0)
    complete = _wide(wave, "value", [part.id for part in structure.leaves]).drop_nulls()
    try:
        scores = composite_scores(complete, structure)
    except BadInput:
        # Too few places have every part: `estimate_composites` says so in the log of the estimate.
        scores = pl.DataFrame(schema={"unit": pl.String, "score": pl.Float64})
    return scores.select(
        indicator=pl.lit(indicator),
        geography=pl.when(pl.col("unit") == city.id).then(pl.lit(WHOLE_CITY)).otherwise(pl.lit(city.primary)),
        area="unit",
        period_start=pl.lit(start, pl.Date),
        period_end=pl.lit(end, pl.Date),
        value=pl.col("score"),
    )


def structure_of(indicator: Indicator, parts: Sequence[Indicator]) -> Composite:
    """The composite an indicator is configured to be: goalposts at the ends of each part's scale."""
    measure = indicator.measure
    assert isinstance(measure, CompositeScore)
    return Composite(
        id=indicator.id,
        parts=tuple(
            Part(
                id=part.id,
                weight=measure.parts[part.id],
                direction="negative" if part.direction == "less_trust" else "positive",
                goalposts=(part.scale.minimum, part.scale.maximum),
            )
            for part in parts
        ),
        normalisation="goalposts",
        aggregation=measure.aggregation,
        treatment="none",
        alternatives=Alternatives(
            normalisation=(), aggregation=("geometric",) if measure.aggregation == "arithmetic" else ("arithmetic",)
        ),
    )


def _one_wave(wave: pl.DataFrame, *, indicator: Indicator, parts: Sequence[Indicator], city: City) -> Composites:
    names = [part.id for part in parts]
    values = _wide(wave, "value", names)
    complete = values.drop_nulls()
    errors = _wide(wave, "standard_error", names).join(complete, on="unit", how="semi", maintain_order="left")
    try:
        result = composite_index(
            complete, structure_of(indicator, parts), errors=errors, error_correlation=ERROR_CORRELATION
        )
    except BadInput as reason:
        logger.warning("%s from %s: no composite (%s)", indicator.id, wave["period_start"][0], reason)
        nothing = to_cells(pl.DataFrame(schema=CELL_SCHEMA))
        return Composites(Cells(nothing, nothing), pl.DataFrame(schema=_SENSITIVITY_SCHEMA))
    start, end = wave.select(PERIOD).row(0)
    span = {"indicator": pl.lit(indicator.id), PERIOD[0]: pl.lit(start, pl.Date), PERIOD[1]: pl.lit(end, pl.Date)}
    about = wave.group_by("area").agg(pl.col("n").min(), pl.col("effective_n").min())
    place = pl.when(pl.col("unit") == city.id).then(pl.lit(WHOLE_CITY)).otherwise(pl.lit(city.primary))
    cells = (
        result.index.drop_nulls("score")
        .with_columns(geography=place, **span, value="score", method=pl.lit(METHOD), area="unit")
        .join(about, on="area", how="left")
        .with_columns(missing_reason=pl.lit(None, dtype=pl.String))
    )
    sensitivity = result.sensitivity.filter(pl.col("output") == RANK_SHIFT).with_columns(
        **span, first_order_error="first_order_confidence", total_error="total_confidence"
    )
    found = to_cells(cells)
    return Composites(Cells(found, found), sensitivity.select(list(_SENSITIVITY_SCHEMA)))


def _wide(wave: pl.DataFrame, column: str, names: Sequence[str]) -> pl.DataFrame:
    """unit and one column a part, a row an area of the wave (the whole city among them)."""
    columns = [pl.col(column).filter(pl.col("indicator") == name).first().alias(name) for name in names]
    return wave.group_by(pl.col("area").alias("unit")).agg(columns).sort("unit")
