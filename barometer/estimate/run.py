"""The estimate step: every indicator, neighbourhood and period of the look-back, issued anew each night.

A night issues the whole look-back, not only what changed: late data then reach old periods by themselves, and what a
night believed stands complete in its own partition. Re-running a night writes the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl
from threadpoolctl import threadpool_limits

from barometer.estimate.borrow import borrow, lent
from barometer.estimate.cells import PERIODS_SCHEMA, Cells, complete, withhold
from barometer.estimate.clusters import find_clusters
from barometer.estimate.combine import Nowcasts, estimate_nowcasts, skill_rows
from barometer.estimate.compose import estimate_composites
from barometer.estimate.correct import AUDITS_SCHEMA, Audited, draw, in_strata
from barometer.estimate.counts import estimate_counts
from barometer.estimate.coverage import cover, cover_groups
from barometer.estimate.inputs import events, known, labelled_posts
from barometer.estimate.observations import estimate_observations
from barometer.estimate.periods import PERIOD, blocks, earliest_day, with_period
from barometer.estimate.posts import corrected_posts, estimate_posts
from barometer.estimate.reports import estimate_reports
from barometer.estimate.silence import silent_periods
from barometer.estimate.survey import direct_answers, gated, waves
from barometer.estimate.watch import find_alerts
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

    @cached_property
    def labelled(self) -> pl.DataFrame:
        """Labelled posts (`labelled_posts`), read once."""
        return labelled_posts(self.night)

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
        night.lake.replace("audit_sample", _drawn(context), partition={"night": night.night})
        made = work_out(context)
        night.lake.replace("estimates", as_estimates(made.cells, context), partition={"night": night.night})
        for table, rows in made.beside.items():
            night.lake.replace(table, _stamped(table, rows, context), partition={"night": night.night})
        return record(night, STEP, WHOLE_STEP, passed_through(made.cells.height))


def _drawn(context: Context) -> pl.DataFrame:
    """Rows of `audit_sample`: what people are asked to label of this night's new posts."""
    night = context.night
    posts = context.labelled.filter(pl.col("night") == night.night)
    drawn = draw(posts, city=night.city, night=night.night)
    stamp = {"night": pl.lit(night.night, dtype=pl.Date), "synthetic": pl.lit(night.city.is_synthetic)}
    return drawn.with_columns(**stamp).select(list(TABLES["audit_sample"].schema))


@dataclass(frozen=True)
class Estimated:
    """Completed cells of every indicator, and the rows of the tables beside `estimates`, by table."""

    cells: pl.DataFrame
    beside: dict[str, pl.DataFrame]


def work_out(context: Context) -> Estimated:
    """Everything a night estimates, written nowhere.

    Raises `BadInput` when synthetic and real rows are mixed.
    """
    # Matrices here are of some sixty areas: threads of linear algebra would wait for each other more than they work.
    with threadpool_limits(limits=1):
        survey = survey_part(context)
        said, heard, audits = posts_part(context)
        parts = [(said, heard), *(SIGNALS[signal](context) for signal in SIGNALS)]
        others = pl.concat([rows for rows, _ in parts])
        combined, beside = _combined(context, survey, others)
        cells = pl.concat([survey.rows, others, combined]).sort("indicator", "geography", "area", *PERIOD)
        is_withheld = pl.col("indicator").is_in(context.indicators.withheld)
        cells = withhold(cells, where=is_withheld, reason="not_applicable")
        silent = silent_periods(context.night, cells, context.indicators.indicators).with_columns(is_silent=True)
        cells = cells.join(silent, on=["indicator", *PERIOD], how="left", maintain_order="left")
        cells = withhold(cells, where=pl.col("is_silent").is_not_null(), reason="source_silent").drop("is_silent")
        beside["coverage"] = pl.concat([survey.coverage, *(coverage for _, coverage in parts)])
        beside["audits"] = audits
        beside["clusters"] = find_clusters(cells, city=context.night.city, indicators=context.indicators)
        beside["alerts"] = find_alerts(cells, city=context.night.city, indicators=context.indicators)
    return Estimated(cells, beside)


def _combined(context: Context, survey: Surveyed, others: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Completed cells of nowcasts and composites, and what stands beside them."""
    city = context.night.city
    nowcasts = nowcasts_part(context, survey, others)
    composites = estimate_composites(
        survey.rows, city=city, indicators=context.indicators, periods=composite_periods(context, survey)
    )
    cells = pl.concat([complete(nowcasts.cells, city), complete(composites.cells, city)])
    return cells, {"skill": skill_rows(nowcasts.skill), "sensitivity": composites.sensitivity}


def nowcasts_part(context: Context, survey: Surveyed, others: pl.DataFrame) -> Nowcasts:
    """Nowcasts from the survey's direct cells and the completed cells of all other signals."""
    nows = tuple(i for i in context.indicators.of_signal("combined") if isinstance(i.period, CalendarWeeks))
    first_wave = survey.direct["period_end"].min()
    spans = [
        _crossed((indicator,), _calendar(context, _weeks(indicator), first_wave), pl.lit("not_collected"))
        for indicator in nows
    ]
    return estimate_nowcasts(
        survey.direct,
        others,
        city=context.night.city,
        indicators=context.indicators,
        periods=pl.concat([pl.DataFrame(schema=PERIODS_SCHEMA), *spans]),
        night=context.night.night,
    )


def composite_periods(context: Context, survey: Surveyed) -> pl.DataFrame:
    """PERIODS_SCHEMA: every wave, for every composite."""
    scores = tuple(i for i in context.indicators.of_signal("combined") if i.period == "wave")
    empty = pl.DataFrame(schema=PERIODS_SCHEMA)
    return _crossed(scores, survey.spans, pl.lit("not_collected")) if scores else empty


def posts_part(context: Context) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Completed cells of shares of voices, their coverage, and what the audit did for each."""
    night, city = context.night, context.night.city
    audited = Audited(sample=known(night, "audit_sample"), labels=known(night, "audit_labels"))
    audits = [pl.DataFrame(schema=AUDITS_SCHEMA)]

    def work(rows: pl.DataFrame, indicators: tuple[Indicator, ...], periods: pl.DataFrame) -> Cells:
        counted = estimate_posts(rows, city=city, indicators=indicators, periods=periods)
        found, about = corrected_posts(counted.found, rows, audited, city=city, indicators=indicators)
        audits.append(about)
        return Cells(found=found, periods=periods)

    rows, coverage = _by_calendar(context, "posts", in_strata(context.labelled, city), work)
    return rows, coverage, pl.concat(audits)


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


@dataclass(frozen=True)
class Surveyed:
    """The survey's part: completed cells, its coverage, direct cells before any gate, and the waves' periods."""

    rows: pl.DataFrame
    coverage: pl.DataFrame
    direct: pl.DataFrame
    spans: pl.DataFrame


def survey_part(context: Context) -> Surveyed:
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
    direct = direct_answers(respondents, answers, city=city, indicators=indicators)
    shown = lent(gated(direct, city=city, indicators=indicators), borrow(direct, city=city, indicators=indicators))
    cells = Cells(found=shown, periods=_crossed(indicators, spans, pl.lit("not_collected")))
    coverage = [
        cover(respondents, signal="answers", city=city, periods=spans),
        cover_groups(respondents, answers, city=city, periods=spans),
    ]
    return Surveyed(complete(cells, city), pl.concat(coverage), direct, spans)


SIGNALS: dict[str, Callable[[Context], tuple[pl.DataFrame, pl.DataFrame]]] = {
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


def as_estimates(cells: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Cells in the row contract."""
    night = context.night
    methods = {indicator.id: indicator.method for indicator in context.indicators.indicators}
    usual = pl.col("indicator").replace_strict(methods, return_dtype=pl.String)
    columns = _stamp(night) | {
        "issued_at": pl.lit(night.issued_at, dtype=pl.Datetime("us", "UTC")),
        "method": pl.coalesce("method", usual),
        "run_id": pl.lit(night.run_id),
        "config_version": pl.lit(config_version(night.city, night.settings.configs)),
    }
    return cells.with_columns(**columns).select(list(TABLES["estimates"].schema))


def _stamped(table: str, rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    return rows.with_columns(**_stamp(context.night)).select(list(TABLES[table].schema))


def _stamp(night: Night) -> dict[str, pl.Expr]:
    return {
        "night": pl.lit(night.night, dtype=pl.Date),
        "city": pl.lit(night.city.id),
        "synthetic": pl.lit(night.city.is_synthetic),
    }
