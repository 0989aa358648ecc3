"""The estimate step: every indicator, neighbourhood and period of the look-back, issued anew each night.

A night issues the whole look-back, not only what changed: late data then reach old periods by themselves, and what a
night believed stands complete in its own partition. Re-running a night writes the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl

from barometer.estimate.cells import PERIODS_SCHEMA, Cells, complete, withhold
from barometer.estimate.counts import estimate_counts
from barometer.estimate.coverage import cover, cover_groups
from barometer.estimate.inputs import TABLE_OF_SIGNAL, events, known, labelled_posts
from barometer.estimate.observations import estimate_observations
from barometer.estimate.periods import PERIOD, blocks, earliest_day, with_period
from barometer.estimate.posts import estimate_posts
from barometer.estimate.reports import estimate_reports
from barometer.estimate.survey import estimate_answers, waves
from barometer.indicators import CalendarWeeks, CountRate, Indicator, Indicators, config_version, load_indicators
from barometer.ledger import WHOLE_STEP, Counts, passed_through, record, timed
from barometer.night import Night
from barometer.tables import TABLES

STEP = "estimate"
# Blocks in which an indicator without any calendar of its own (a survey never fielded) is said to be missing.
_WEEKS_WITHOUT_A_WAVE = 4


@dataclass(frozen=True)
class Context:
    """A night and what it is to estimate."""

    night: Night
    indicators: Indicators

    def has_source(self, signal: str) -> bool:
        """The city has configured a source of this signal."""
        return any(source.signal == signal for source in self.night.city.sources)

    def first_day(self, weeks: int) -> date:
        """First day of the oldest block of `weeks` weeks that is still issued."""
        return earliest_day(
            night=self.night.night,
            lookback_days=self.indicators.lookback_days,
            weeks=weeks,
            anchor=self.indicators.weeks_anchor,
        )


def estimate(night: Night) -> Counts:
    """Write the night's partitions of `estimates` and `coverage`; one estimate per indicator, place and period.

    Raises `BadInput` when synthetic and real rows are mixed, `BadConfiguration` when indicators.yaml is broken.
    """
    with timed(night, STEP):
        context = Context(night=night, indicators=load_indicators(night.settings.configs))
        rows, coverage = _worked_out(context)
        is_withheld = pl.col("indicator").is_in(context.indicators.withheld)
        rows = withhold(rows, where=is_withheld, reason="not_applicable")
        partition = {"night": night.night}
        night.lake.replace("estimates", _as_estimates(rows, context), partition=partition)
        night.lake.replace("coverage", _as_coverage(coverage, context), partition=partition)
        return record(night, STEP, WHOLE_STEP, passed_through(rows.height))


def _worked_out(context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Completed cells of all signals, and their coverage."""
    parts = [SIGNALS[signal](context) for signal in TABLE_OF_SIGNAL]
    cells = pl.concat([rows for rows, _ in parts]).sort("indicator", "geography", "area", *PERIOD)
    return cells, pl.concat([coverage for _, coverage in parts])


def _posts(context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    posts = labelled_posts(context.night)
    return _by_calendar(
        context,
        "posts",
        posts,
        lambda rows, indicators, periods: estimate_posts(
            rows, city=context.night.city, indicators=indicators, periods=periods
        ),
    )


def _reports(context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    def work(rows: pl.DataFrame, indicators: tuple[Indicator, ...], periods: pl.DataFrame) -> Cells:
        found = [
            estimate_reports(rows, city=context.night.city, indicator=indicator, periods=periods).found
            for indicator in indicators
        ]
        return Cells(found=pl.concat(found), periods=periods)

    return _by_calendar(context, "reports", events(context.night, "reports").drop_nulls("area"), work)


def _observations(context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    return _by_calendar(
        context,
        "observations",
        events(context.night, "observations"),
        lambda rows, indicators, periods: estimate_observations(
            rows, city=context.night.city, indicators=indicators, periods=periods
        ),
    )


def _counts(context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    return _by_calendar(
        context,
        "counts",
        events(context.night, "counts"),
        lambda rows, indicators, periods: estimate_counts(
            rows, city=context.night.city, indicators=indicators, settings=context.indicators, periods=periods
        ),
    )


def _answers(context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Survey indicators: a wave's fieldwork is its period."""
    night, city = context.night, context.night.city
    indicators = context.indicators.of_signal("answers")
    respondents = events(night, "respondents")
    fielded = waves(respondents).filter(pl.col("period_end") >= context.first_day(1))
    respondents = respondents.join(fielded, on="wave", how="inner").sort("response")
    answers = known(night, "answers").join(respondents.select("response"), on="response", how="semi")
    spans = fielded.select(PERIOD).unique().sort(PERIOD)
    if spans.is_empty():
        spans = _calendar(context, _WEEKS_WITHOUT_A_WAVE, None)
    periods = _crossed(indicators, spans, pl.lit("not_collected"))
    cells = estimate_answers(respondents, answers, city=city, indicators=indicators, periods=periods)
    coverage = [
        cover(respondents, signal="answers", city=city, periods=spans),
        cover_groups(respondents, answers, city=city, periods=spans),
    ]
    return complete(cells, city), pl.concat(coverage)


SIGNALS: dict[str, Callable[[Context], tuple[pl.DataFrame, pl.DataFrame]]] = {
    "posts": _posts,
    "answers": _answers,
    "reports": _reports,
    "observations": _observations,
    "counts": _counts,
}

_Work = Callable[[pl.DataFrame, tuple[Indicator, ...], pl.DataFrame], Cells]


def _by_calendar(context: Context, signal: str, rows: pl.DataFrame, work: _Work) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Estimate the indicators of one signal in blocks of weeks, each length of block by itself."""
    city, done, coverage = context.night.city, [], []
    lengths = sorted({_weeks(indicator) for indicator in context.indicators.of_signal(signal)})
    for weeks in lengths:
        indicators = tuple(i for i in context.indicators.of_signal(signal) if _weeks(i) == weeks)
        placed = with_period(rows, day="day", weeks=weeks, anchor=context.indicators.weeks_anchor)
        placed = placed.filter(pl.col("day") >= context.first_day(weeks))
        spans = _calendar(context, weeks, placed["day"].min())
        periods = _with_absent_reasons(context, signal, indicators, spans, placed)
        done.append(complete(work(placed, indicators, periods), city))
        if weeks == lengths[0]:
            coverage.append(cover(placed, signal=signal, city=city, periods=spans))
    return pl.concat(done), pl.concat(coverage)


def _weeks(indicator: Indicator) -> int:
    assert isinstance(indicator.period, CalendarWeeks)
    return indicator.period.calendar_weeks


def _calendar(context: Context, weeks: int, first_day: object) -> pl.DataFrame:
    """Blocks from the first day anything happened (or the night's own block) to the night's."""
    night = context.night.night
    start = first_day if isinstance(first_day, date) else night
    return blocks(first_day=start, last_day=night, weeks=weeks, anchor=context.indicators.weeks_anchor)


def _with_absent_reasons(
    context: Context, signal: str, indicators: tuple[Indicator, ...], spans: pl.DataFrame, rows: pl.DataFrame
) -> pl.DataFrame:
    """PERIODS_SCHEMA: each indicator and block, and why a place of which nothing is known then has no value.

    Nothing at all came in that block: the source was silent, or the city has none. Otherwise posts were listened for
    everywhere and too few spoke; reports, observations and counts were made elsewhere.
    """
    silent = "source_silent" if context.has_source(signal) else "not_collected"
    heard_elsewhere = "too_few" if signal == "posts" else "not_collected"
    frames = []
    for indicator in indicators:
        delivered = _delivered(indicator, rows).select(PERIOD).unique().with_columns(is_delivered=True)
        reason = pl.when("is_delivered").then(pl.lit(heard_elsewhere)).otherwise(pl.lit(silent))
        frames.append(_crossed((indicator,), spans.join(delivered, on=PERIOD, how="left"), reason))
    return pl.concat(frames)


def _delivered(indicator: Indicator, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that could have told of the indicator: of counts, its own series."""
    measure = indicator.measure
    return rows.filter(pl.col("series") == measure.series) if isinstance(measure, CountRate) else rows


def _crossed(indicators: tuple[Indicator, ...], spans: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    names = pl.DataFrame({"indicator": [indicator.id for indicator in indicators]}, schema={"indicator": pl.String})
    return names.join(spans, how="cross").with_columns(absent_reason=reason).select(list(PERIODS_SCHEMA))


def _as_estimates(cells: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Cells in the row contract."""
    night = context.night
    methods = {indicator.id: indicator.method for indicator in context.indicators.indicators}
    columns = _stamp(night) | {
        "issued_at": pl.lit(night.issued_at, dtype=pl.Datetime("us", "UTC")),
        "method": pl.coalesce("method", pl.col("indicator").replace_strict(methods, return_dtype=pl.String)),
        "run_id": pl.lit(night.run_id),
        "config_version": pl.lit(config_version(night.city, night.settings.configs)),
    }
    return cells.with_columns(**columns).select(list(TABLES["estimates"].schema))


def _as_coverage(coverage: pl.DataFrame, context: Context) -> pl.DataFrame:
    return coverage.with_columns(**_stamp(context.night)).select(list(TABLES["coverage"].schema))


def _stamp(night: Night) -> dict[str, pl.Expr]:
    return {
        "night": pl.lit(night.night, dtype=pl.Date),
        "city": pl.lit(night.city.id),
        "synthetic": pl.lit(night.city.is_synthetic),
    }
