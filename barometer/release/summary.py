"""The release in a few sentences, built from its numbers: where things stand, what changed, how sure, who is not heard.

Sentences say what, where and how sure. They never say why: nothing in a release can show a cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from barometer.city import City
from barometer.indicators import Indicator, Indicators
from barometer.release.changes import latest_changes, latest_periods
from barometer.release.content import Content
from barometer.release.protect import EVERYONE
from barometer.release.words import (
    DIMENSIONS,
    counted,
    difference_in_words,
    listed,
    period_in_words,
    unit_in_words,
    value_in_words,
)

# One figure a dimension at the top of the page, context left out: it is no trust.
HEADLINE_DIMENSIONS = ("people", "institutions", "rumours", "observed")
# A group this far below its share of the population is named as heard less.
UNDER_HEARD_RATIO = 0.8
MOST_GROUPS_NAMED = 6


@dataclass(frozen=True)
class Headline:
    """One figure for the whole city."""

    indicator: str
    dimension: str
    title: str
    value: str
    unit: str
    interval: str
    period: str
    change: str
    change_kind: str


@dataclass(frozen=True)
class AreaChange:
    """A clear change in one neighbourhood."""

    area: str
    name: str
    indicator: str
    words: str


@dataclass(frozen=True)
class Summary:
    """What the top of the page says."""

    headlines: list[Headline]
    city_changes: list[str]
    area_changes: list[AreaChange]
    tested: int
    sureness: list[str]
    unheard: list[str]


def summarise(content: Content, city: City, night: date) -> Summary:
    """All sentences of the page's first part."""
    changes = latest_changes(content.estimates)
    clear = changes.filter("is_clear")
    whole = clear.filter(pl.col("area") == city.id)
    local = clear.filter(pl.col("geography") == city.primary).sort("area_name", "indicator")
    return Summary(
        headlines=_headlines(content, changes, city, night),
        city_changes=[_change_sentence(row, content.indicators) for row in whole.iter_rows(named=True)],
        area_changes=[_area_change(row, content.indicators) for row in local.iter_rows(named=True)],
        tested=changes.height,
        sureness=[*_sureness(content, city), *_audit_sentences(_issued(content)), _checks_sentence(content.checks)],
        unheard=_unheard(content.coverage, city),
    )


def _headlines(content: Content, changes: pl.DataFrame, city: City, night: date) -> list[Headline]:
    latest = latest_periods(content.estimates)
    now = content.estimates.join(latest, on=["indicator", "period_start", "period_end"])
    rows = {
        row["indicator"]: row for row in now.filter(pl.col("area") == city.id).drop_nulls("value").iter_rows(named=True)
    }
    moved = {row["indicator"]: row for row in changes.filter(pl.col("area") == city.id).iter_rows(named=True)}
    chosen = (_first_of(content.indicators, dimension, rows) for dimension in HEADLINE_DIMENSIONS)
    return [_headline(i, rows[i.id], moved.get(i.id), night) for i in chosen if i is not None]


def _first_of(indicators: Indicators, dimension: str, known: Iterable[str]) -> Indicator | None:
    return next((i for i in indicators.indicators if i.dimension == dimension and i.id in known), None)


def _headline(indicator: Indicator, row: dict[str, object], moved: dict[str, object] | None, night: date) -> Headline:
    kind, change = _change_of(indicator, moved)
    return Headline(
        indicator=indicator.id,
        dimension=DIMENSIONS[indicator.dimension],
        title=indicator.title,
        value=value_in_words(float(row["value"]), indicator),  # type: ignore[arg-type]
        unit=unit_in_words(indicator),
        interval=interval_in_words(row, indicator),
        period=period_in_words(row["period_start"], row["period_end"], night=night),  # type: ignore[arg-type]
        change=change,
        change_kind=kind,
    )


def _change_of(indicator: Indicator, moved: dict[str, object] | None) -> tuple[str, str]:
    if moved is None:
        return "none", "no earlier figure to compare with"
    size = float(moved["change"])  # type: ignore[arg-type]
    if not moved["is_clear"]:
        return "unclear", "no clear change since the period before"
    kind = "up" if size > 0 else "down"
    return kind, f"{kind} {difference_in_words(size, indicator)} since the period before"


def interval_in_words(row: dict[str, object], indicator: Indicator) -> str:
    """58% to 66%."""
    lower, upper = float(row["lower"]), float(row["upper"])  # type: ignore[arg-type]
    return f"{value_in_words(lower, indicator)} to {value_in_words(upper, indicator)}"


def _change_sentence(row: dict[str, object], indicators: Indicators) -> str:
    indicator = indicators[str(row["indicator"])]
    before, now = (value_in_words(float(row[name]), indicator) for name in ("value_before", "value"))  # type: ignore[arg-type]
    verb = "rose" if float(row["change"]) > 0 else "fell"  # type: ignore[arg-type]
    return f"“{indicator.title}” {verb} from {before} to {now}."


def _area_change(row: dict[str, object], indicators: Indicators) -> AreaChange:
    return AreaChange(str(row["area"]), str(row["area_name"]), str(row["indicator"]), _change_sentence(row, indicators))


def _sureness(content: Content, city: City) -> list[str]:
    latest = content.estimates.join(latest_periods(content.estimates), on=["indicator", "period_start", "period_end"])
    local = latest.filter(pl.col("geography") == city.primary)
    surveyed = local.filter(pl.col("indicator").is_in([i.id for i in content.indicators.of_signal("answers")]))
    said = local.filter(pl.col("indicator").is_in([i.id for i in content.indicators.of_signal("posts")]))
    sentences = [_shown_sentence("the survey", surveyed), _shown_sentence("public posts", said)]
    return [sentence for sentence in sentences if sentence]


def _shown_sentence(what: str, rows: pl.DataFrame) -> str:
    """How many of the neighbourhood figures could be shown."""
    asked = rows.filter(pl.col("missing_reason").fill_null("") != "not_collected")
    if asked.is_empty():
        return ""
    shown, places = asked["value"].count(), asked.drop_nulls("value")["area"].n_unique()
    if shown == asked.height:
        return f"All {shown:,} neighbourhood figures from {what} in the latest period could be shown."
    return (
        f"Of {asked.height:,} neighbourhood figures from {what} in the latest period, {shown:,} could be shown, in "
        f"{counted(places, 'neighbourhood', 'neighbourhoods')}. The others rest on too few people to tell "
        "areas apart."
    )


def _issued(content: Content) -> pl.DataFrame:
    """What the audit did for the shares that are issued at present."""
    return content.audits.filter(~pl.col("indicator").is_in(content.indicators.withheld))


def _audit_sentences(audits: pl.DataFrame) -> list[str]:
    """Whether shares of voices were corrected for the language model's errors, by what, or why not."""
    newest = audits.filter(pl.col("period_end") == pl.col("period_end").max())
    if newest.is_empty():
        return []
    corrected = newest.filter(pl.col("method") != "uncorrected")
    if corrected.is_empty():
        return [f"Shares of voices are as a language model counted them, not corrected: {newest['reason'][0]}."]
    agreement, audited = corrected.select(pl.col("agreement").min(), pl.col("audited").max()).row(0)
    agree = "" if agreement is None else f"; people who labelled the same posts agree with an alpha of {agreement:.2f}"
    drift = " The model errs otherwise than it did before, so intervals are wider."
    return [
        f"Shares of voices are corrected for the language model's errors by {audited:,} posts that people "
        f"labelled{agree}." + (drift if corrected["is_drifting"].any() else "")
    ]


def _checks_sentence(checks: pl.DataFrame) -> str:
    if checks.is_empty():
        return "No data checks were recorded for this run."
    failed = checks.filter(~pl.col("is_met")).height
    result = "all held" if failed == 0 else f"{checks.height - failed:,} held and {failed:,} gave a warning"
    return f"{checks.height:,} automatic checks of the data were made before this page was written: {result}."


def _unheard(coverage: pl.DataFrame, city: City) -> list[str]:
    groups = under_heard_groups(coverage, city)
    silent = _silent_places(coverage, city)
    named = listed([group.replace("=", " ").replace("_", " ") for group in groups[:MOST_GROUPS_NAMED]])
    sentences = (
        [f"In the survey these groups are heard clearly less than their share of residents: {named}."] if groups else []
    )
    return [*sentences, *silent]


def under_heard_groups(coverage: pl.DataFrame, city: City) -> list[str]:
    """Groups of the latest survey whose share of voices is below `UNDER_HEARD_RATIO` of their share of residents."""
    shares = group_shares(coverage, city)
    return shares.filter(pl.col("voice_share") < UNDER_HEARD_RATIO * pl.col("population_share"))["group"].to_list()


def group_shares(coverage: pl.DataFrame, city: City) -> pl.DataFrame:
    """Who answered beside who lives here, whole city, latest wave.

    Returns margin, group, voices, population, voice_share, population_share (0-1 within a margin), one row a category.
    """
    rows = coverage.filter(pl.col("area") == city.id, pl.col("signal") == "answers", pl.col("group") != EVERYONE)
    latest = rows.filter(pl.col("period_end") == pl.col("period_end").max()).filter(
        pl.col("period_start") == pl.col("period_start").max()
    )
    return (
        latest.with_columns(margin=pl.col("group").str.split("=").list.first())
        .with_columns(
            voice_share=pl.col("voices") / pl.col("voices").sum().over("margin"),
            population_share=pl.col("population") / pl.col("population").sum().over("margin"),
        )
        .filter(pl.col("voices").sum().over("margin") > 0)
        .select("margin", "group", "voices", "population", "voice_share", "population_share")
    )


def _silent_places(coverage: pl.DataFrame, city: City) -> list[str]:
    local = coverage.filter(pl.col("geography") == city.primary, pl.col("group") == EVERYONE)
    sentences = []
    for signal, what in (("answers", "the latest survey"), ("posts", "public posts in the latest period")):
        rows = local.filter(pl.col("signal") == signal)
        latest = rows.filter(pl.col("period_end") == pl.col("period_end").max())
        few = latest.filter(pl.col("voices").is_null() | (pl.col("voices") == 0)).height
        if latest.height:
            sentences.append(_silent_sentence(few, latest.height, what))
    return sentences


def _silent_sentence(few: int, places: int, what: str) -> str:
    if few == 0:
        return f"In {what} every one of the {places} neighbourhoods is heard with ten people or more."
    return (
        f"{counted(few, 'neighbourhood', 'neighbourhoods')} of {places} {'has' if few == 1 else 'have'} fewer than ten "
        f"people in {what}, or cannot be shown."
    )
