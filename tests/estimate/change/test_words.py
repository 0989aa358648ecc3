"""What an alert says: figures in their unit, odds that are not overdone, advice for every case, and never a cause."""

from __future__ import annotations

import re
from datetime import date
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.change.words import LONGEST_ODDS, advice, message, odds
from barometer.indicators import Indicator
from tests.estimate.change.made import INDICATORS

WATCHED = [i for i in INDICATORS.indicators if "context" not in (i.direction, i.dimension)]
CAUSES = re.compile(r"\b(because|caused?|due to|owing to|as a result|blame|fault|led to)\b", re.IGNORECASE)
GROUPS = re.compile(r"\b(muslim|asian|migrant|immigrant|refugee|black|white|jew|roma|young people|elderly)", re.I)


def say(indicator: str, before: float, since: float, ends: tuple[float, float], log_evidence: float = 9.0) -> str:
    return message(
        INDICATORS[indicator],
        before=before,
        since=since,
        interval=ends,
        start=date(2026, 4, 13),
        log_evidence=log_evidence,
    )


def test_a_share_is_said_in_per_cent() -> None:
    assert say("wallet_neighbour", 0.612, 0.548, (-0.10, -0.021)) == (
        "“A lost wallet would come back from a neighbour” fell from 61% to 55%, a change of 2.1 to 10.0 percentage "
        "points (95% interval), since 13 April 2026; a change like this comes up by chance at most about once in "
        "8,100 such looks."
    )


def test_a_small_share_keeps_a_decimal() -> None:
    assert "rose from 4.1% to 9.2%, a change of 3.0 to 7.2 percentage points" in say(
        "rumour_share", 0.0412, 0.0921, (0.03, 0.072)
    )


def test_a_scale_is_said_with_its_top() -> None:
    said = say("trust_police", 6.1, 5.4, (-1.1, -0.3))
    assert "fell from 6.1 to 5.4 out of 10, a change of 0.30 to 1.10 (95% interval), since" in said


def test_a_rate_is_said_with_its_unit() -> None:
    assert "rose from 2.5 to 4.0 groups per observer-hour, a change of 1.1 to 1.9" in say(
        "observed_group_rate", 2.5, 4.0, (1.1, 1.9)
    )


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [(20.0, "20"), (99.0, "99"), (456.0, "450"), (7599.0, "7,500"), (123_456.0, "120,000")],
)
def test_odds_are_rounded_down(evidence: float, expected: str) -> None:
    assert odds(log(evidence) + 1e-9).endswith(f"at most about once in {expected} such looks")


@given(st.floats(0, 1e4))
def test_odds_are_never_longer_than_the_evidence_or_than_a_million(log_evidence: float) -> None:
    number = int(re.findall(r"once in ([\d,]+)", odds(log_evidence))[0].replace(",", ""))
    assert 1 <= number <= LONGEST_ODDS
    assert number == LONGEST_ODDS or number <= 2.718281829**log_evidence * (1 + 1e-6)


@pytest.mark.parametrize("indicator", WATCHED, ids=lambda i: i.id)
@pytest.mark.parametrize("towards", [-1, 1])
def test_every_watched_figure_has_advice_that_names_no_cause_and_no_group(indicator: Indicator, towards: int) -> None:
    said = advice(indicator, towards)
    assert said.count("Then ") == 1
    assert said.endswith(".")
    assert not CAUSES.search(said)
    assert not GROUPS.search(said)
    assert "  " not in said


def test_advice_depends_on_what_the_change_means_and_where_the_figure_comes_from() -> None:
    police, posts = INDICATORS["trust_police"], INDICATORS["posts_distrust_police_justice"]
    assert len({advice(police, 1), advice(police, -1), advice(posts, 1), advice(posts, -1)}) == 4
    assert advice(posts, -1).startswith("Check first that the sources of posts ran as usual")


@given(st.sampled_from(WATCHED), st.floats(0.2, 0.5), st.floats(0.01, 0.2), st.booleans())
def test_the_sentence_is_one_and_names_no_cause(indicator: Indicator, before: float, step: float, up: bool) -> None:
    sign = 1 if up else -1
    said = message(
        indicator,
        before=before,
        since=before + sign * step,
        interval=tuple(sorted((sign * step / 2, sign * step * 2))),  # type: ignore[arg-type]
        start=date(2026, 4, 13),
        log_evidence=9.0,
    )
    assert said.endswith(".")
    assert ("rose" in said) is up
    assert not CAUSES.search(said)
