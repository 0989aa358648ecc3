"""The page's sentences: built from numbers, never saying why."""

from __future__ import annotations

import re
from dataclasses import replace
from math import floor
from typing import Any

import polars as pl
import pytest

from barometer.night import Night
from barometer.release.content import Content, collect_content
from barometer.release.summary import Summary, group_shares, summarise, under_heard_groups
from tests.release.sample_night import WAVES, invented_audits


@pytest.fixture(scope="module")
def content(sample: Night) -> Content:
    return collect_content(sample)


@pytest.fixture(scope="module")
def summary(sample: Night, content: Content) -> Summary:
    return summarise(content, sample.city, sample.night)


def test_there_is_one_headline_a_dimension_and_context_has_none(summary: Summary) -> None:
    assert [headline.dimension for headline in summary.headlines] == [
        "Trust between people",
        "Trust in institutions",
        "Rumours and hostility",
        "Seen in public places",
    ]


def test_a_headline_carries_its_interval_and_its_period(summary: Summary, content: Content, sample: Night) -> None:
    wallet = summary.headlines[0]
    series = content.estimates.filter(pl.col("indicator") == wallet.indicator, pl.col("area") == sample.city.id)
    row = series.sort("period_end").row(-1, named=True)
    assert wallet.value == f"{100 * row['value']:.0f}%"
    low, high = (floor(100 * row[end] + 0.5) for end in ("lower", "upper"))
    assert wallet.interval == f"{low}% to {high}%"
    assert wallet.period == "2 to 29 March 2026"


def test_a_clear_change_is_said_with_its_direction_and_size(summary: Summary) -> None:
    assert summary.headlines[0].change_kind == "up"
    assert summary.headlines[0].change == "up 11 percentage points since the period before"
    assert "“A lost wallet would come back from a neighbour” rose from 55% to 66%." in summary.city_changes


def test_an_unclear_change_is_not_given_a_direction(summary: Summary) -> None:
    assert summary.headlines[3].change_kind == "unclear"
    assert "no clear change" in summary.headlines[3].change


def test_neighbourhoods_that_changed_are_listed_by_name(summary: Summary) -> None:
    names = [change.name for change in summary.area_changes]
    assert names
    assert names == sorted(names)
    assert summary.area_changes[0].words.startswith("“")


def test_the_first_release_has_nothing_to_compare_with(content: Content, sample: Night) -> None:
    waves = content.estimates.group_by("indicator").agg(pl.col("period_start").max())
    only_latest = content.estimates.join(waves, on=["indicator", "period_start"], how="semi")
    summary = summarise(replace(content, estimates=only_latest), sample.city, sample.night)
    assert summary.tested == 0
    assert not summary.city_changes
    assert {headline.change for headline in summary.headlines} == {"no earlier figure to compare with"}


def test_how_much_could_be_shown_is_counted(summary: Summary, content: Content, sample: Night) -> None:
    survey = content.estimates.filter(
        pl.col("indicator").is_in(["wallet_neighbour", "trust_neighbourhood", "trust_council"]),
        pl.col("geography") == sample.city.primary,
        pl.col("period_start") == WAVES[-1][0],
        pl.col("missing_reason").fill_null("") != "not_collected",
    )
    assert f"Of {survey.height} neighbourhood figures from the survey" in summary.sureness[0]
    assert f"{survey['value'].count()} could be shown" in summary.sureness[0]


def test_checks_are_counted_and_their_absence_is_said(summary: Summary, content: Content, sample: Night) -> None:
    assert "2 automatic checks of the data were made" in summary.sureness[-1]
    assert summary.sureness[-1].endswith("1 held and 1 gave a warning.")
    unchecked = summarise(replace(content, checks=content.checks.clear()), sample.city, sample.night)
    assert unchecked.sureness[-1] == "No data checks were recorded for this run."


def test_groups_heard_less_than_their_share_are_named(summary: Summary, content: Content, sample: Night) -> None:
    assert under_heard_groups(content.coverage, sample.city) == ["age_band=16-24"]
    assert "age band 16-24" in summary.unheard[0]


def test_shares_of_groups_add_up_within_a_margin(content: Content, sample: Night) -> None:
    shares = group_shares(content.coverage, sample.city)
    assert shares["group"].to_list() == ["age_band=16-24", "age_band=25-44", "age_band=45-64", "age_band=65+"]
    assert shares["voice_share"].sum() == pytest.approx(1.0)
    assert shares["population_share"].sum() == pytest.approx(1.0)


def test_nothing_is_said_of_who_answered_when_nobody_was_asked(content: Content, sample: Night) -> None:
    posts_only = content.coverage.filter(pl.col("signal") == "posts")
    assert group_shares(posts_only, sample.city).is_empty()
    sentences = summarise(replace(content, coverage=posts_only), sample.city, sample.night).unheard
    assert len(sentences) == 1
    assert "public posts" in sentences[0]


def test_no_sentence_claims_a_cause(summary: Summary) -> None:
    changes = [change.words for change in summary.area_changes]
    sentences = [*summary.city_changes, *changes, *summary.sureness, *summary.unheard]
    causal = re.compile(r"\b(because|due to|caused?|thanks to|led to|as a result|owing to|driven by)\b", re.IGNORECASE)
    assert not [sentence for sentence in sentences if causal.search(sentence)]


def audited(content: Content, sample: Night, **values: Any) -> str:
    """What the page says of the audit, when one share of voices was treated like this."""
    audits = invented_audits(sample, **values).drop("night")
    return " ".join(summarise(replace(content, audits=audits), sample.city, sample.night).sureness)


def test_how_shares_of_voices_were_corrected_is_said(content: Content, sample: Night) -> None:
    said = audited(content, sample)
    assert "corrected for the language model's errors by 300 posts that people labelled" in said
    assert "they agreed to 0.91, on a scale" in said
    assert "errs otherwise" not in said


def test_a_model_that_drifts_is_said_to(content: Content, sample: Night) -> None:
    assert "errs otherwise than it did before, so intervals are wider" in audited(content, sample, is_drifting=True)


def test_shares_that_are_not_corrected_say_why(content: Content, sample: Night) -> None:
    reason = "no audited sample has been read back"
    said = audited(content, sample, method="uncorrected", reason=reason, audited=0, agreement=None)
    assert f"as a language model counted them, not corrected: {reason}." in said


def test_posts_nobody_labelled_twice_have_no_agreement_to_tell(content: Content, sample: Night) -> None:
    assert "alpha" not in audited(content, sample, agreement=None)


def test_nothing_is_said_of_an_audit_where_there_are_no_shares(summary: Summary) -> None:
    assert "labelled" not in " ".join(summary.sureness)


def test_where_every_figure_is_shown_no_others_are_spoken_of(content: Content, sample: Night) -> None:
    shown = content.estimates.filter(pl.col("value").is_not_null() | (pl.col("geography") == "city"))
    said = " ".join(summarise(replace(content, estimates=shown), sample.city, sample.night).sureness)
    assert "neighbourhood figures from the survey in the latest period could be shown" in said
    assert "The others" not in said


def test_the_audit_of_a_withheld_share_is_not_told(content: Content, sample: Night) -> None:
    assert "labelled" not in audited(content, sample, indicator="hostile_share")
