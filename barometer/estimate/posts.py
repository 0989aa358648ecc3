"""Shares of voices in posts. A voice is a person on a day, not a post: no loud author can move an area beyond a cap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from barometer.city import City
from barometer.estimate.cells import (
    PLACE,
    Cells,
    as_floats,
    at_every_place,
    places,
    to_cells,
    with_interval,
    with_reliability,
    withhold,
)
from barometer.estimate.correct import AUDITS_SCHEMA, UNCORRECTED, Audited, Corrected, audit_rows, correct
from barometer.estimate.correct import METHOD as CORRECTED
from barometer.estimate.intervals import meng_effective_n, wilson
from barometer.estimate.periods import PERIOD
from barometer.estimate.voices import author_days, authors, voice_shares, voice_weights
from barometer.indicators import Indicator, VoiceShare

_LEAST_DRAWS = 1e-6

_GROUP = [*PLACE, *PERIOD]
_CORRECTED = ("value", "standard_error", "lower", "upper", "effective_n")


def estimate_posts(posts: pl.DataFrame, *, city: City, indicators: Sequence[Indicator], periods: pl.DataFrame) -> Cells:
    """Shares of voices for every place and period in which ten authors or more were heard.

    `posts`: labelled posts without reposts, with day, period_start and period_end. `periods`: PERIODS_SCHEMA rows.
    The shares are uncorrected: they count what the classifier says. `corrected_posts` takes its errors out.
    """
    placed = _confidently_placed(posts, city.thresholds.place_confidence)
    people = _authors(at_every_place(placed, city), indicators)
    frames = [_shares(people, indicator=indicator, city=city) for indicator in indicators]
    found = pl.concat(frames).drop("model_version").join(_model_versions(posts), on=PERIOD, how="left")
    return Cells(found=to_cells(found), periods=periods)


def corrected_posts(
    found: pl.DataFrame, posts: pl.DataFrame, audited: Audited, *, city: City, indicators: Sequence[Indicator]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The cells of `estimate_posts` corrected as far as the audit allows, and AUDITS_SCHEMA: what it did, or why not.

    `posts`: as for `estimate_posts`, with the audit's `stratum`. A cell that is withheld stays withheld.
    """
    placed = at_every_place(_confidently_placed(posts, city.thresholds.place_confidence), city)
    flagged = placed.with_columns([_flag(indicator) for indicator in indicators])
    voices = voice_weights(flagged, group=_GROUP).sort(*_GROUP, "post")
    cells, audits = [], [pl.DataFrame(schema=AUDITS_SCHEMA)]
    for indicator in indicators:
        of_indicator = found.filter(pl.col("indicator") == indicator.id)
        made = list(correct(voices, audited, indicator=indicator, city=city, effective_n=of_indicator))
        cells.append(_overlaid(of_indicator, made, city))
        audits.append(audit_rows(made, audited, indicator=indicator, city=city))
    return pl.concat([found.clear(), *cells]), pl.concat(audits)


def _overlaid(found: pl.DataFrame, made: Sequence[Corrected], city: City) -> pl.DataFrame:
    """Cells of one indicator with the corrected shares, their errors and intervals, in place of the counted ones."""
    rows = [
        {
            "geography": each.geography,
            "area": each.area,
            "period_start": each.period_start,
            "period_end": each.period_end,
            **{f"now_{name}": getattr(each.share, name) for name in _CORRECTED},
        }
        for each in made
        if each.share.method != UNCORRECTED
    ]
    if not rows:
        return found
    schema = {name: found.schema[name] for name in _GROUP} | {f"now_{name}": pl.Float64() for name in _CORRECTED}
    both = found.join(pl.DataFrame(rows, schema=schema), on=_GROUP, how="left", maintain_order="left")
    is_corrected = pl.col("now_value").is_not_null() & pl.col("missing_reason").is_null()
    overlaid = both.with_columns(
        *(pl.when(is_corrected).then(f"now_{name}").otherwise(name).alias(name) for name in _CORRECTED),
        method=pl.when(is_corrected).then(pl.lit(CORRECTED)).otherwise("method"),
    ).select(found.columns)
    shown = with_reliability(overlaid.drop_nulls("value").drop("reliability"), by=("indicator", *PERIOD))
    return to_cells(pl.concat([shown, overlaid.filter(pl.col("value").is_null())], how="diagonal"))


def _model_versions(posts: pl.DataFrame) -> pl.DataFrame:
    """The model versions that labelled each period's posts, joined by a plus sign where there were several."""
    return posts.group_by(PERIOD).agg(pl.col("model_version").unique().sort().str.join("+"))


def _confidently_placed(posts: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """A post whose place is doubtful is heard in the whole city only."""
    is_sure = pl.col("area_confidence").fill_null(0.0) >= threshold
    return posts.with_columns(area=pl.when(is_sure).then("area"))


def _flag(indicator: Indicator) -> pl.Expr:
    """Whether a post bears all the labels the indicator asks for."""
    measure = indicator.measure
    assert isinstance(measure, VoiceShare)
    return pl.all_horizontal(pl.col(head) == value for head, value in sorted(measure.labels.items())).alias(
        indicator.id
    )


def _authors(posts: pl.DataFrame, indicators: Sequence[Indicator]) -> pl.DataFrame:
    """Per author, place and period: days heard, days each label was borne, and the author's weight.

    The same author repeating (nearly) the same words in a period is heard once; different authors of the same words are
    separate voices. Several posts of one author on one day are one voice-day, which bears a label if any of them does.
    """
    flags = [_flag(indicator) for indicator in indicators]
    names = [indicator.id for indicator in indicators]
    return authors(author_days(posts.with_columns(flags), flags=names, group=_GROUP), flags=names, group=_GROUP)


def _shares(people: pl.DataFrame, *, indicator: Indicator, city: City) -> pl.DataFrame:
    """Capped share of voice-days that bear the indicator's labels, per place and period, as cells."""
    shares = voice_shares(people, flag=indicator.id, group=_GROUP).rename({"authors": "n"})
    shares = shares.join(places(city), on=PLACE, how="left", maintain_order="left")
    return _with_errors(shares.with_columns(indicator=pl.lit(indicator.id)), indicator=indicator, city=city)


def _with_errors(shares: pl.DataFrame, *, indicator: Indicator, city: City) -> pl.DataFrame:
    effective_n = meng_effective_n(
        voices=as_floats(shares, "alike_n"),
        # Where the population is not known, nothing can be said of how informative the voices are.
        population=as_floats(shares.with_columns(pl.col("adults").fill_null(np.inf)), "adults"),
        defect_correlation=city.thresholds.meng_defect_correlation,
    )
    shares = shares.with_columns(pl.Series("effective_n", effective_n, dtype=pl.Float64))
    # Nothing at all is known from no draw: those cells are withheld below, whatever their interval.
    draws = np.maximum(effective_n, _LEAST_DRAWS)
    shares = with_interval(shares, wilson(share=as_floats(shares, "value"), effective_n=draws))
    is_heard = (pl.col("n") >= max(indicator.minimum_n, city.thresholds.minimum_n)) & (pl.col("effective_n") > 0)
    heard = with_reliability(shares.filter(is_heard), by=("indicator", *PERIOD))
    return withhold(
        to_cells(pl.concat([heard, shares.filter(~is_heard)], how="diagonal")), where=~is_heard, reason="too_few"
    )
