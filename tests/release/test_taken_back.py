"""A release says how much was taken back since the one before, and never how little."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from barometer.night import Night
from barometer.published import Release
from barometer.release.content import collect_content
from barometer.release.language import ENGLISH
from barometer.release.summary import summarise
from barometer.release.taken_back import TakenBack, taken_back_since
from tests.release.sample_night import NIGHT, sample_night
from tests.rows import rows

BEFORE = Release(folder=Path("2026-05-07-1"), night=NIGHT - timedelta(days=2), number=1, manifest={})


def removals(night: Night, day: date, number: int, *, reason: str = "deleted", source: str = "s") -> None:
    made = [
        {"night": day, "source": source, "kind": "post", "subject": f"{day}-{source}-{k}", "reason": reason}
        for k in range(number)
    ]
    night.lake.replace("removals", rows("removals", *made), partition={"night": day, "source": source})


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return sample_night(tmp_path)


@pytest.mark.parametrize(("number", "about"), [(0, 0), (1, None), (9, None), (10, 10), (12, 10), (13, 15), (101, 100)])
def test_small_numbers_are_not_told_and_others_in_steps(night: Night, number: int, about: int | None) -> None:
    removals(night, NIGHT, number)
    assert taken_back_since(night, BEFORE) == TakenBack("2026-05-07-1", about)


def test_only_what_came_after_the_release_before_counts_and_no_later(night: Night) -> None:
    for back, number in ((2, 50), (1, 20), (0, 20), (-1, 50)):
        removals(night, NIGHT - timedelta(days=back), number)
    found = taken_back_since(night, BEFORE)
    assert found is not None
    assert found.about == 40


def test_an_edit_is_no_withdrawal(night: Night) -> None:
    removals(night, NIGHT, 40, reason="edited")
    found = taken_back_since(night, BEFORE)
    assert found is not None
    assert found.about == 0


def test_before_any_release_there_is_nothing_to_say(night: Night) -> None:
    removals(night, NIGHT, 40)
    assert taken_back_since(night, None) is None
    assert collect_content(night).taken_back is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (TakenBack("r", 35), "about 35 posts, accounts or answers were taken back; no figure counts them."),
        (TakenBack("r", None), "a few posts or answers were taken back"),
        (TakenBack("r", 0), "nobody took back a post or an answer"),
    ],
)
def test_the_overview_says_so(night: Night, found: TakenBack, said: str) -> None:
    content = replace(collect_content(night), taken_back=found)
    sentences = summarise(content, night.city, night.night, ENGLISH).sureness
    assert any(said in sentence for sentence in sentences)


def test_the_manifest_states_it_without_the_small_number() -> None:
    assert TakenBack("r", 35).stated() == {"since": "r", "about": 35}
    assert TakenBack("r", None).stated() == {"since": "r", "about": "fewer than 10"}
