"""Direct survey estimates: weights raked to the city's margins, errors by the sampling design (`svy`).

A wave's period is the days it was in the field, as far as answers have come in. One estimate a neighbourhood and one
for the whole city; nothing is borrowed from other neighbourhoods but the design effect where a neighbourhood's own
sampling units are too few to estimate it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import polars as pl
import svy

from barometer.city import City
from barometer.estimate.cells import CELL_KEY, CELL_SCHEMA, PLACE, Cells, as_floats, to_cells, with_interval, withhold
from barometer.estimate.intervals import Array, Interval, logit_t, mean_t, wilson
from barometer.estimate.periods import PERIOD
from barometer.estimate.reliability import intra_area_correlation, spearman_brown
from barometer.estimate.weights import Weighted, rake
from barometer.indicators import WHOLE_CITY, AnswerMean, AnswerScale, AnswerShare, Indicator

logger = logging.getLogger(__name__)

# A variance from fewer degrees of freedom than this is too uncertain to be a neighbourhood's own, and publishing where
# it happens to be small would flatter. The wave's pooled effect of clustering is used instead (a generalised variance
# function, Wolter 2007, ch. 7), times what the neighbourhood's own unequal weights cost (Gabler, Haeder & Lahiri 1999).
FEWEST_DF = 20
GROUP_PREFIX = "group."
AREA_MARGIN = "area"
# Weighted means of answers that are all alike come out a last digit off; differences below this are none.
_DECIMALS = 12
_NO_VARIANCE = 1e-12
# No weight may be more than so many times the mean weight.
TRIM_RATIO = 5.0
# Columns of a wave's sample beside each indicator's score: the score with gaps filled, and where there is none.
_FILLED, _SCORED = "filled ", "is scored "


def waves(respondents: pl.DataFrame) -> pl.DataFrame:
    """Each wave's period: wave, period_start, period_end (first and last day answered), sorted.

    A wave is known by its name: sources that share one field the same wave. Waves of exactly the same days are one
    period, whose respondents are pooled.
    """
    spans = respondents.group_by("wave").agg(period_start=pl.col("day").min(), period_end=pl.col("day").max())
    return spans.sort(*PERIOD, "wave")


def estimate_answers(
    respondents: pl.DataFrame,
    answers: pl.DataFrame,
    *,
    city: City,
    indicators: Sequence[Indicator],
    periods: pl.DataFrame,
) -> Cells:
    """Direct estimates of every indicator, neighbourhood and wave, and of the whole city, as far as each may be shown.

    Arguments as for `direct_answers`; `periods`: PERIODS_SCHEMA rows.
    """
    found = direct_answers(respondents, answers, city=city, indicators=indicators)
    return Cells(found=gated(found, city=city, indicators=indicators), periods=periods)


def direct_answers(
    respondents: pl.DataFrame, answers: pl.DataFrame, *, city: City, indicators: Sequence[Indicator]
) -> pl.DataFrame:
    """CELL_SCHEMA: every place anybody answered in, with its value however few they are; models learn from all of them.

    `respondents`: rows of the table with day, period_start, period_end (of their wave). `answers`: rows of the table.
    Only where no weights meet the city's margins is a value withheld, as `not_converged`.
    """
    scored = _with_scores(respondents.filter(pl.col("weight") > 0), answers, indicators)
    fielded = scored.partition_by(PERIOD, maintain_order=True)
    weighted = [(wave.select(PERIOD).row(0), _weigh(wave, city)) for wave in fielded]
    frames = [_estimate_one(scored, weighted, indicator=indicator, city=city) for indicator in indicators]
    return pl.concat([to_cells(pl.DataFrame(schema=CELL_SCHEMA)), *frames])


def gated(cells: pl.DataFrame, *, city: City, indicators: Sequence[Indicator]) -> pl.DataFrame:
    """Direct cells, those that say too little withheld.

    `too_few`: fewer respondents than the indicator's or the city's minimum, or, in a neighbourhood, a reliability below
    the city's threshold.
    """
    least = {indicator.id: max(indicator.minimum_n, city.thresholds.minimum_n) for indicator in indicators}
    is_few = pl.col("n") < pl.col("indicator").replace_strict(least, return_dtype=pl.Int64)
    is_unreliable = (pl.col("geography") != WHOLE_CITY) & (pl.col("reliability") < city.thresholds.reliability)
    return withhold(cells, where=is_few | is_unreliable, reason="too_few")


def _with_scores(respondents: pl.DataFrame, answers: pl.DataFrame, indicators: Sequence[Indicator]) -> pl.DataFrame:
    """Respondents with one column per indicator (its score, empty where not answered) and one per grouping item."""
    items = sorted({item for indicator in indicators for item in _items(indicator)})
    given = answers.filter(pl.col("item").is_in(items)).drop_nulls("value")
    wide = _wide(given, "value", items, pl.Float64())
    groups = answers.filter(pl.col("item").str.starts_with(GROUP_PREFIX)).drop_nulls("category")
    wide_groups = _wide(groups, "category", groups["item"].unique().sort().to_list(), pl.String())
    joined = respondents.join(wide, on="response", how="left").join(wide_groups, on="response", how="left")
    scored = joined.with_columns(_score(indicator, joined).alias(indicator.id) for indicator in indicators)
    gaps = [pl.col(indicator.id).is_not_null().alias(_SCORED + indicator.id) for indicator in indicators]
    filled = [pl.col(indicator.id).fill_null(0.0).alias(_FILLED + indicator.id) for indicator in indicators]
    return scored.with_columns(*gaps, *filled).sort("response")


def _wide(long: pl.DataFrame, values: str, items: Sequence[str], dtype: pl.DataType) -> pl.DataFrame:
    """One row a response, one column an item: `items` all, whether answered or not."""
    columns = [pl.col(values).filter(pl.col("item") == item).first().cast(dtype).alias(item) for item in items]
    return long.group_by("response").agg(columns)


def _items(indicator: Indicator) -> tuple[str, ...]:
    measure = indicator.measure
    assert isinstance(measure, AnswerMean | AnswerShare | AnswerScale)
    return measure.items


def _score(indicator: Indicator, answers: pl.DataFrame) -> pl.Expr:
    """A respondent's score on the indicator's own scale, empty where it cannot be worked out."""
    measure = indicator.measure
    if isinstance(measure, AnswerShare):
        valid = _valid(measure.item, measure.lowest_answer, measure.highest_answer, answers)
        return (valid >= measure.yes_from).cast(pl.Float64)
    if isinstance(measure, AnswerScale):
        return _scale_score(measure, answers)
    assert isinstance(measure, AnswerMean)
    assert indicator.scale.maximum is not None
    return _valid(measure.item, indicator.scale.minimum, indicator.scale.maximum, answers)


def _valid(item: str, lowest: float, highest: float, answers: pl.DataFrame) -> pl.Expr:
    """The item where it lies on its scale. Anything else is no answer to it, and is said in the log."""
    is_on_scale = pl.col(item).is_between(lowest, highest)
    off_scale = answers.select((~is_on_scale).sum()).item()
    if off_scale:
        logger.warning(
            "item %s: %d answers are not within %g to %g and are left out; check the item's coding and missing codes "
            "in the survey's codebook",
            item,
            off_scale,
            lowest,
            highest,
        )
    return pl.when(is_on_scale).then(pl.col(item))


def _scale_score(measure: AnswerScale, answers: pl.DataFrame) -> pl.Expr:
    """Mean of the scale's items; empty when more than half of the items of any one domain are missing."""
    turn = measure.lowest_answer + measure.highest_answer
    valid = {item: _valid(item, measure.lowest_answer, measure.highest_answer, answers) for item in measure.items}
    turned = [turn - answer if measure.is_reversed else answer for answer in valid.values()]
    is_complete = [
        pl.sum_horizontal(valid[item].is_null().cast(pl.Int64) for item in items) * 2 <= len(items)
        for items in measure.domains.values()
    ]
    return pl.when(pl.all_horizontal(is_complete)).then(pl.mean_horizontal(turned))


def _weigh(wave: pl.DataFrame, city: City) -> Weighted:
    """Rake one wave to the city's margins and to the adults of its neighbourhoods."""
    margins = _margins(city)
    # An area that is not known is no area: svy takes no empty domain.
    wave = wave.with_columns(pl.col("area").fill_null(""))
    grouped = wave.rename(
        {GROUP_PREFIX + name: f"margin {name}" for name in margins if GROUP_PREFIX + name in wave.columns}
    )
    targets = {f"margin {name}": categories for name, categories in margins.items()}
    adults = city.neighbourhoods.drop_nulls("adults")
    targets[f"margin {AREA_MARGIN}"] = dict(adults.select("area", pl.col("adults").cast(pl.Float64)).iter_rows())
    grouped = grouped.with_columns(pl.col("area").alias(f"margin {AREA_MARGIN}"))
    return rake(grouped, targets, trim_ratio=TRIM_RATIO)


def _margins(city: City) -> dict[str, dict[str, float]]:
    """The city's margins for the whole city: stated, or added up over its neighbourhoods."""
    whole = city.margins.filter(pl.col("area").is_null())
    local = city.margins.filter(pl.col("area").is_not_null()).join(whole, on="margin", how="anti")
    totals = pl.concat([whole, local]).group_by("margin", "category").agg(pl.col("persons").sum().cast(pl.Float64))
    margins: dict[str, dict[str, float]] = {}
    for margin, category, persons in totals.sort("margin", "category").iter_rows():
        margins.setdefault(margin, {})[category] = persons
    return margins


def _estimate_one(
    scored: pl.DataFrame,
    weighted: Sequence[tuple[tuple[object, ...], Weighted]],
    *,
    indicator: Indicator,
    city: City,
) -> pl.DataFrame:
    answers = scored.select(wave=pl.struct(PERIOD), area="area", value=indicator.id)
    icc = intra_area_correlation(answers)
    frames = [
        _estimate_wave(wave, indicator=indicator, city=city).with_columns(
            pl.lit(start, dtype=pl.Date).alias(PERIOD[0]), pl.lit(end, dtype=pl.Date).alias(PERIOD[1])
        )
        for (start, end), wave in weighted
        if _data(wave)[_SCORED + indicator.id].any()
    ]
    if not frames:
        return to_cells(pl.DataFrame(schema=CELL_SCHEMA))
    return _with_reliability(pl.concat(frames), icc=icc, indicator=indicator)


def _with_reliability(domains: pl.DataFrame, *, icc: float, indicator: Indicator) -> pl.DataFrame:
    """Cells with their reliability (none for the whole city); those without sound weights are withheld."""
    reliability = pl.Series("reliability", spearman_brown(effective_n=as_floats(domains, "effective_n"), icc=icc))
    cells = domains.with_columns(reliability, indicator=pl.lit(indicator.id)).with_columns(
        reliability=pl.when(pl.col("geography") != WHOLE_CITY).then("reliability")
    )
    failed = cells.filter(~pl.col("is_converged"))
    sound = to_cells(cells.filter("is_converged"))
    return pl.concat([sound, withhold(to_cells(failed), where=pl.lit(value=True), reason="not_converged")]).sort(
        CELL_KEY
    )


def _estimate_wave(wave: Weighted, *, indicator: Indicator, city: City) -> pl.DataFrame:
    """One row a place: value, standard_error, lower, upper, n, effective_n, is_converged, geography, area."""
    local = _design_based(wave, indicator.id, by="area").filter(
        pl.col("area").is_in(city.neighbourhoods["area"].to_list())
    )
    whole = _design_based(wave, indicator.id, by=None).with_columns(pl.lit(city.id).alias("area"))
    own = [
        _with_errors(local.with_columns(pl.lit(city.primary).alias("geography")), indicator),
        _with_errors(whole.with_columns(pl.lit(WHOLE_CITY).alias("geography")), indicator),
    ]
    return pl.concat(own).with_columns(is_converged=pl.lit(wave.outcome != "not_converged"))


def _design_based(wave: Weighted, indicator: str, *, by: str | None) -> pl.DataFrame:
    """Mean, Taylor standard error, degrees of freedom, n, and what weights and spread do, of every domain.

    Respondents without the answer stay in the design as a part outside the domain, so that their sampling units count.
    """
    filled, is_scored = _FILLED + indicator, _SCORED + indicator
    estimated = wave.sample.estimation.mean(filled, by=by, where=svy.col(is_scored))
    assert isinstance(estimated, svy.Estimate), "one variable gives one estimate"
    means = estimated.to_polars()
    spread = _spread(_data(wave).filter(pl.col(is_scored)), filled, wave.weight_column, by)
    value = pl.col("est").round(_DECIMALS)
    means = means.select(*([by] if by else []), value=value, taylor="se", df=pl.col("df").cast(pl.Float64))
    return means.join(spread, on=by, how="inner").sort(by) if by else pl.concat([means, spread], how="horizontal")


def _data(wave: Weighted) -> pl.DataFrame:
    return wave.sample.data.lazy().collect()


def _spread(data: pl.DataFrame, column: str, weight: str, by: str | None) -> pl.DataFrame:
    """n, weighted variance of the answers, and Kish's design effect of unequal weights (n * sum w^2 / (sum w)^2)."""
    w, y, n = pl.col(weight), pl.col(column), pl.len()
    mean = (w * y).sum() / w.sum()
    figures = {
        "n": n.cast(pl.Int64),
        "variance": (w * (y - mean) ** 2).sum() / w.sum() * n / (n - 1),
        "kish": n * (w**2).sum() / w.sum() ** 2,
    }
    return data.group_by(by, maintain_order=True).agg(**figures) if by else data.select(**figures)


def _with_errors(domains: pl.DataFrame, indicator: Indicator) -> pl.DataFrame:
    """Add standard error, interval and effective n = n / design effect (never above n)."""
    effect, df = _design_effects(domains)
    n, value = as_floats(domains, "n"), as_floats(domains, "value")
    effective_n = n / np.maximum(effect, 1.0)
    error = np.sqrt(_variances(domains) * effect / n)
    scale = indicator.scale
    interval = (
        _share_interval(value, error, df, effective_n)
        if indicator.is_share
        else mean_t(mean=value, standard_error=error, df=df, minimum=scale.minimum, maximum=scale.maximum or np.inf)
    )
    return with_interval(domains, interval).select(
        *PLACE, "value", "standard_error", "lower", "upper", "n", pl.Series("effective_n", effective_n)
    )


def _variances(domains: pl.DataFrame) -> Array:
    """Variance of the answers in each domain; the domains' mean variance where a domain's answers are all alike."""
    own = domains["variance"].fill_nan(None)
    pooled = domains.select((own * pl.col("n")).sum() / pl.col("n").filter(own.is_not_null()).sum()).item()
    alike = (own.fill_null(0.0) <= _NO_VARIANCE).to_numpy()
    return np.where(alike, pooled or 0.0, own.fill_null(0.0).to_numpy())


def _design_effects(domains: pl.DataFrame) -> tuple[Array, Array]:
    """Design effect and degrees of freedom of each domain: its own, or its weights' times the pooled clustering's."""
    n, variance = as_floats(domains, "n"), domains["variance"].fill_nan(None).fill_null(0.0).to_numpy()
    df = domains["df"].fill_nan(None).fill_null(0.0).to_numpy()
    taylor = domains["taylor"].fill_nan(None).fill_null(0.0).to_numpy()
    simple = np.where(n > 0, variance / n, 0.0)
    kish = as_floats(domains, "kish")
    is_known = (df >= 1) & (variance > _NO_VARIANCE) & (taylor > 0)
    own = np.divide(taylor**2, simple, out=kish.copy(), where=is_known)
    pooled_df = float(df[is_known].sum())
    clustering = max(float((own / kish * df)[is_known].sum()) / pooled_df, 1.0) if pooled_df else 1.0
    is_own = is_known & (df >= FEWEST_DF)
    borrowed_df = pooled_df if pooled_df else np.maximum(n - 1, 1)
    return np.where(is_own, own, kish * clustering), np.where(is_own, df, borrowed_df)


def _share_interval(share: Array, error: Array, df: Array, effective_n: Array) -> Interval:
    """t on the logit scale; Wilson's interval where everybody, or nobody, says yes."""
    is_mixed = (share > 0) & (share < 1)
    inner = logit_t(share=np.where(is_mixed, share, 0.5), standard_error=error, df=df)
    outer = wilson(share=np.clip(share, 0, 1), effective_n=effective_n)
    return Interval(*(np.where(is_mixed, a, b) for a, b in zip(inner, outer, strict=True)))
