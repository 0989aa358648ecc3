"""The release in a few sentences, built from its numbers: where things stand, what changed, how sure, who is not heard.

Sentences say what, where and how sure. They never say why: nothing in a release can show a cause.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from barometer.city import City
from barometer.indicators import Indicator, Indicators
from barometer.release.changes import latest_changes, latest_periods
from barometer.release.content import Content
from barometer.release.language import ENGLISH, N_, Language
from barometer.release.protect import EVERYONE
from barometer.release.taken_back import TakenBack
from barometer.release.words import (
    DIMENSIONS,
    TOO_UNCERTAIN,
    change_in_words,
    in_ten,
    interval_in_words,
    is_too_wide,
    period_in_words,
    unit_in_words,
    value_in_words,
)

# One figure a dimension at the top of the page, context left out: it is no trust.
HEADLINE_DIMENSIONS = ("people", "institutions", "rumours", "observed")
# A group this far below its share of the population is named as heard less.
UNDER_HEARD_RATIO = 0.8
# Half the width of a 95 % interval, in standard errors.
STANDARD_NORMAL_95 = 1.96
MOST_GROUPS_NAMED = 6
MOST_PLACES_NAMED = 6
MARGINS = {
    "age_band": N_("age band"),
    "disability": N_("disability"),
    "english_proficiency": N_("command of English"),
    "ethnic_group": N_("ethnic group"),
    "sex": N_("sex"),
    "tenure": N_("tenure"),
}
CATEGORIES = {
    "asian": N_("Asian"),
    "black": N_("Black"),
    "disabled": N_("disabled"),
    "female": N_("women"),
    "main_language": N_("English as main language"),
    "male": N_("men"),
    "mixed": N_("Mixed"),
    "not_disabled": N_("not disabled"),
    "not_well_or_not_at_all": N_("speak English not well or not at all"),
    "other": N_("Other"),
    "owned_mortgage": N_("owned with a mortgage"),
    "owned_outright": N_("owned outright"),
    "private_rented": N_("rented privately"),
    "social_rented": N_("rented from council or housing association"),
    "very_well_or_well": N_("speak English well or very well"),
    "white": N_("White"),
}


@dataclass(frozen=True)
class Headline:
    """One figure for the whole city."""

    indicator: str
    dimension: str
    title: str
    value: str
    unit: str
    roughly: str
    is_uncertain: bool
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


def summarise(content: Content, city: City, night: date, language: Language = ENGLISH) -> Summary:
    """All sentences of the page's first part."""
    changes = latest_changes(content.estimates)
    clear = changes.filter("is_clear")
    whole = clear.filter(pl.col("area") == city.id)
    local = clear.filter(pl.col("geography") == city.primary).sort("area_name", "indicator")
    audited = _audit_sentences(_issued(content), language)
    return Summary(
        headlines=_headlines(content, changes, city, night, language),
        city_changes=[change_sentence(row, content.indicators, language) for row in whole.iter_rows(named=True)],
        area_changes=[_area_change(row, content.indicators, language) for row in local.iter_rows(named=True)],
        tested=changes.height,
        sureness=[
            *_sureness(content, city, language),
            *audited,
            *_taken_back(content.taken_back, language),
            _checks_sentence(content.checks, language),
        ],
        unheard=_unheard(content.coverage, city, language),
    )


def _headlines(content: Content, changes: pl.DataFrame, city: City, night: date, language: Language) -> list[Headline]:
    latest = latest_periods(content.estimates)
    now = content.estimates.join(latest, on=["indicator", "period_start", "period_end"])
    rows = {
        row["indicator"]: row for row in now.filter(pl.col("area") == city.id).drop_nulls("value").iter_rows(named=True)
    }
    moved = {row["indicator"]: row for row in changes.filter(pl.col("area") == city.id).iter_rows(named=True)}
    chosen = (_first_of(content.indicators, dimension, rows) for dimension in HEADLINE_DIMENSIONS)
    return [_headline(i, rows[i.id], moved.get(i.id), night, language) for i in chosen if i is not None]


def _first_of(indicators: Indicators, dimension: str, known: Iterable[str]) -> Indicator | None:
    return next((i for i in indicators.indicators if i.dimension == dimension and i.id in known), None)


def _headline(
    indicator: Indicator, row: dict[str, Any], moved: dict[str, Any] | None, night: date, language: Language
) -> Headline:
    kind, change = _change_of(indicator, moved, language)
    is_uncertain = is_too_wide(row["lower"], row["upper"], indicator)
    return Headline(
        indicator=indicator.id,
        dimension=language.say(DIMENSIONS[indicator.dimension]),
        title=language.configured_text(indicator.title),
        value=value_in_words(row["value"], indicator, language),
        unit=unit_in_words(indicator, language),
        roughly=_roughly(row["value"], indicator, language, is_uncertain=is_uncertain),
        is_uncertain=is_uncertain,
        interval=interval_in_words(row["lower"], row["upper"], indicator, language),
        period=period_in_words(row["period_start"], row["period_end"], night=night, language=language),
        change=change,
        change_kind=kind,
    )


def _roughly(value: float, indicator: Indicator, language: Language, *, is_uncertain: bool) -> str:
    if is_uncertain:
        return language.say(TOO_UNCERTAIN)
    return in_ten(value, language) if indicator.is_share else ""


def _change_of(indicator: Indicator, moved: dict[str, Any] | None, language: Language) -> tuple[str, str]:
    if moved is None:
        return "none", language.say("no earlier figure to compare with")
    if not moved["is_clear"]:
        return "unclear", language.say("no clear change since the period before")
    kind = "up" if moved["change"] > 0 else "down"
    message = {
        "up": N_("up %(size)s since the period before"),
        "down": N_("down %(size)s since the period before"),
    }[kind]
    return kind, language.say(message, size=change_in_words(moved["value_before"], moved["value"], indicator, language))


def change_sentence(row: dict[str, Any], indicators: Indicators, language: Language = ENGLISH) -> str:
    """“Trust in the police” fell from 6.1 to 5.3. `row`: one of `latest_changes`."""
    indicator = indicators[row["indicator"]]
    before, now = (value_in_words(row[name], indicator, language) for name in ("value_before", "value"))
    message = (
        N_("“%(title)s” rose from %(before)s to %(now)s.")
        if row["change"] > 0
        else N_("“%(title)s” fell from %(before)s to %(now)s.")
    )
    return language.say(message, title=language.configured_text(indicator.title), before=before, now=now)


def _area_change(row: dict[str, Any], indicators: Indicators, language: Language) -> AreaChange:
    return AreaChange(row["area"], row["area_name"], row["indicator"], change_sentence(row, indicators, language))


def _sureness(content: Content, city: City, language: Language) -> list[str]:
    latest = content.estimates.join(latest_periods(content.estimates), on=["indicator", "period_start", "period_end"])
    local = latest.filter(pl.col("geography") == city.primary)
    surveyed = local.filter(pl.col("indicator").is_in([i.id for i in content.indicators.of_signal("answers")]))
    said = local.filter(pl.col("indicator").is_in([i.id for i in content.indicators.of_signal("posts")]))
    whats = (language.say("the survey"), surveyed), (language.say("public posts"), said)
    sentences = [_shown_sentence(what, rows, language) for what, rows in whats]
    return [sentence for sentence in sentences if sentence]


def _taken_back(found: TakenBack | None, language: Language) -> list[str]:
    if found is None:
        return []
    if found.about == 0:
        return [language.say("Since the last release nobody took back a post or an answer.")]
    if found.about is None:
        return [language.say("Since the last release a few posts or answers were taken back; no figure counts them.")]
    return [
        language.say(
            "Since the last release about %(number)s posts, accounts or answers were taken back; "
            "no figure counts them.",
            number=language.number(found.about),
        )
    ]


def _shown_sentence(what: str, rows: pl.DataFrame, language: Language) -> str:
    """How many of the neighbourhood figures could be shown."""
    asked = rows.filter(pl.col("missing_reason").fill_null("") != "not_collected")
    if asked.is_empty():
        return ""
    shown, places = asked["value"].count(), asked.drop_nulls("value")["area"].n_unique()
    if shown == asked.height:
        return language.say(
            "All %(shown)s neighbourhood figures from %(what)s in the latest period could be shown.",
            shown=language.number(shown),
            what=what,
        )
    return language.say(
        "Of %(asked)s neighbourhood figures from %(what)s in the latest period, %(shown)s could be shown, in "
        "%(places)s. The others rest on too few people to tell areas apart.",
        asked=language.number(asked.height),
        what=what,
        shown=language.number(shown),
        places=neighbourhoods(places, language),
    )


def neighbourhoods(number: int, language: Language = ENGLISH) -> str:
    """1 neighbourhood, 3 neighbourhoods, no neighbourhoods."""
    if number == 0:
        return language.say("no neighbourhoods")
    return language.count("%(number)s neighbourhood", "%(number)s neighbourhoods", number)


def _issued(content: Content) -> pl.DataFrame:
    """What the audit did for the shares that are issued at present."""
    return content.audits.filter(~pl.col("indicator").is_in(content.indicators.withheld))


def _audit_sentences(audits: pl.DataFrame, language: Language) -> list[str]:
    """Whether shares of voices were corrected for the language model's errors, by what, or why not."""
    newest = audits.filter(pl.col("period_end") == pl.col("period_end").max())
    if newest.is_empty():
        return []
    corrected = newest.filter(pl.col("method") != "uncorrected")
    if corrected.is_empty():
        return [_uncorrected_sentence(newest["reason"][0], language)]
    agreement, audited = corrected.select(pl.col("agreement").min(), pl.col("audited").max()).row(0)
    sentences = [
        language.say(
            "Shares of voices are corrected for the language model's errors by %(audited)s posts that people labelled"
            "%(agree)s.",
            audited=language.number(audited),
            agree="" if agreement is None else _agreement_clause(agreement, language),
        )
    ]
    if corrected["is_drifting"].any():
        sentences.append(language.say("The model errs otherwise than it did before, so intervals are wider."))
    return [" ".join(sentences)]


def _agreement_clause(alpha: float, language: Language) -> str:
    return language.say(
        "; where two labelled the same post they agreed to %(alpha)s, on a scale (Krippendorff’s alpha) where 1 is "
        "always and 0 no more than chance",
        alpha=language.number(alpha, 2),
    )


def _uncorrected_sentence(reason: str, language: Language) -> str:
    """The reason stands in the data in English; elsewhere the reader is sent there."""
    if language.is_source:
        return f"Shares of voices are as a language model counted them, not corrected: {reason}."
    return language.say("Shares of voices are as a language model counted them, not corrected; audits.csv says why.")


def _checks_sentence(checks: pl.DataFrame, language: Language) -> str:
    if checks.is_empty():
        return language.say("No data checks were recorded for this run.")
    failed = checks.filter(~pl.col("is_met")).height
    if failed == 0:
        return language.count(
            "%(number)s automatic check of the data was made before this page was written: it held.",
            "%(number)s automatic checks of the data were made before this page was written: all held.",
            checks.height,
        )
    return language.say(
        "%(checks)s automatic checks of the data were made before this page was written: %(held)s held and %(failed)s "
        "gave a warning.",
        checks=language.number(checks.height),
        held=language.number(checks.height - failed),
        failed=language.number(failed),
    )


def _unheard(coverage: pl.DataFrame, city: City, language: Language) -> list[str]:
    groups = under_heard_groups(coverage, city)
    message = N_("The survey hears clearly less of these than live here: %(groups)s.")
    named = language.say(message, groups=_groups_in_words(groups[:MOST_GROUPS_NAMED], language))
    return [
        *([named] if groups else []),
        *_not_compared(coverage, city, language),
        *_silent_places(coverage, city, language),
    ]


def _groups_in_words(groups: list[str], language: Language) -> str:
    """Groups under what tells them apart: age band 16-24 and 25-34; ethnic group Black."""
    by_margin: dict[str, list[str]] = {}
    for group in groups:
        margin, _, category = group.partition("=")
        by_margin.setdefault(margin, []).append(category_in_words(category, language))
    return "; ".join(f"{margin_in_words(name, language)} {language.listed(said)}" for name, said in by_margin.items())


def _not_compared(coverage: pl.DataFrame, city: City, language: Language) -> list[str]:
    lacking = [margin_in_words(name, language) for name in MARGINS if name not in compared_margins(coverage, city)]
    if not lacking or group_shares(coverage, city).is_empty():
        return []
    return [
        language.say(
            "Whether it hears enough of others cannot be told, since their number is not known: by %(margins)s.",
            margins=language.listed(lacking),
        )
    ]


def group_in_words(group: str, language: Language = ENGLISH) -> str:
    """`age_band=16-24` as a reader says it."""
    margin, _, category = group.partition("=")
    return f"{category_in_words(category, language)} ({margin_in_words(margin, language)})"


def margin_in_words(margin: str, language: Language = ENGLISH) -> str:
    """What people are told apart by."""
    return language.say(MARGINS[margin]) if margin in MARGINS else margin.replace("_", " ")


def category_in_words(category: str, language: Language = ENGLISH) -> str:
    """One of the groups of a margin."""
    known = CATEGORIES.get(category)
    return language.say(known) if known else category.replace("_", " ")


def under_heard_groups(coverage: pl.DataFrame, city: City) -> list[str]:
    """Groups of the latest survey whose share of voices is below `UNDER_HEARD_RATIO` of their share of residents.

    By more than chance: a random sample of as many people would hold so few in fewer than one of forty cases (normal
    approximation to the binomial).
    """
    shares = group_shares(coverage, city).with_columns(all_voices=pl.col("voices").sum().over("margin"))
    expected = pl.col("population_share")
    chance = STANDARD_NORMAL_95 * (expected * (1 - expected) / pl.col("all_voices")).sqrt()
    is_far, is_no_chance = (
        pl.col("voice_share") < UNDER_HEARD_RATIO * expected,
        expected - pl.col("voice_share") > chance,
    )
    return shares.filter(is_far & is_no_chance)["group"].to_list()


def compared_margins(coverage: pl.DataFrame, city: City) -> list[str]:
    """By what those who answered can be set beside those who live here: both are known."""
    known = group_shares(coverage, city).filter(pl.col("population_share").is_not_null())
    return known["margin"].unique(maintain_order=True).to_list()


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


def _silent_places(coverage: pl.DataFrame, city: City, language: Language) -> list[str]:
    local = coverage.filter(pl.col("geography") == city.primary, pl.col("group") == EVERYONE)
    whats = {"answers": N_("the latest survey"), "posts": N_("public posts in the latest period")}
    sentences = []
    for signal, what in whats.items():
        rows = local.filter(pl.col("signal") == signal)
        latest = rows.filter(pl.col("period_end") == pl.col("period_end").max())
        few = latest.filter(pl.col("voices").is_null() | (pl.col("voices") == 0))["area"].unique().to_list()
        if few:
            sentences.append(_silent_sentence(few, latest.height, language.say(what), city, language))
    return sentences


def _silent_sentence(areas: list[str], places: int, what: str, city: City, language: Language) -> str:
    """The neighbourhoods by name, or how many where they are too many to name."""
    names = city.neighbourhoods.filter(pl.col("area").is_in(areas)).sort("name")["name"].to_list()
    if len(names) <= MOST_PLACES_NAMED:
        message = N_("Too few people are heard in %(what)s to show figures for %(names)s.")
        return language.say(message, what=what, names=language.listed(names))
    return language.count(
        "Too few people are heard in %(what)s to show figures for %(number)s of %(places)s neighbourhoods: its page "
        "says so.",
        "Too few people are heard in %(what)s to show figures for %(number)s of %(places)s neighbourhoods: their pages "
        "say so.",
        len(names),
        places=language.number(places),
        what=what,
    )
