"""Rumours as they are published: coarse, placed only where many carry them, with what answers them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.night import Night
from barometer.release.rumours import answers, published_rumours, stem, suggested
from barometer.tables import TABLES
from tests.release.sample_night import fill, invented_rumours, sample_night

LIBRARY = [
    {"id": "library", "claim": "The council will close the library and sell it", "title": "No decision to sell"},
    {"id": "water", "claim": "The tap water is contaminated", "title": "Water quality: results"},
    {"id": "bins", "claim": "Bins will be collected every four weeks", "title": "Bin rounds"},
]


def rumour(**changes: Any) -> dict[str, Any]:
    return {"terms": ["library", "closing", "sold"], "evidence": [], "suggested": []} | changes


def carried(night: Night, area: str, people: int) -> dict[str, pl.DataFrame]:
    """`people` in one neighbourhood who each carry rumour aa once."""
    at = datetime(2026, 5, 1, tzinfo=UTC)
    posts = [
        {"night": night.night, "source": "posts", "post": f"p{k}", "author": f"a{k}", "platform": "forum"}
        | {"created_at": at + timedelta(hours=k), "text": "words", "language": "en", "language_confidence": 1.0}
        | {
            "area": area,
            "area_confidence": 1.0,
            "area_evidence": "code",
            "duplicate_group": f"g{k}",
            "is_repost": False,
        }
        | {"synthetic": True}
        for k in range(people)
    ]
    links = [
        {
            "night": night.night,
            "rumour": "aa",
            "post": f"p{k}",
            "similarity": 1.0,
            "reason": "joined",
            "synthetic": True,
        }
        for k in range(people)
    ]
    return {
        "posts": pl.DataFrame(posts, schema=TABLES["posts"].schema),
        "rumour_posts": pl.DataFrame(links, schema=TABLES["rumour_posts"].schema),
    }


def test_too_few_voices_are_not_published(sample: Night) -> None:
    shown = published_rumours(sample, invented_rumours(sample), minimum=10)
    assert shown["rumour"].to_list() == ["aa"]
    assert published_rumours(sample, invented_rumours(sample), minimum=9)["rumour"].to_list() == ["aa", "bb"]


def test_counts_are_floored_so_that_nobody_can_be_counted_back(sample: Night) -> None:
    row = published_rumours(sample, invented_rumours(sample), minimum=10).row(0, named=True)
    assert (row["voices"], row["week_voices"], row["share_corrected"]) == (40, 10, 0.1)
    assert row["first_seen"].isoformat() == "2026-04-02"


@pytest.mark.parametrize(("people", "is_placed"), [(9, False), (10, True), (11, True)])
def test_a_neighbourhood_is_named_only_where_enough_people_carry_it(
    tmp_path: Path, people: int, is_placed: bool
) -> None:
    night = sample_night(tmp_path)
    area = night.city.neighbourhoods["area"][0]
    fill(night, carried(night, area, people))
    row = published_rumours(night, invented_rumours(night), minimum=10).row(0, named=True)
    assert row["areas"] == ([area] if is_placed else [])


def test_no_rumours_at_all_are_none_published(sample: Night) -> None:
    assert published_rumours(sample, invented_rumours(sample).clear(), minimum=10).is_empty()


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        (["library", "sell", "council"], ["library"]),
        (["waters", "tap", "poisoned"], ["water"]),
        (["library"], []),
        (["library", "tap"], []),
        (["closing", "bins"], []),
        ([], []),
    ],
)
def test_a_claim_is_offered_only_where_it_clearly_fits(terms: list[str], found: list[str]) -> None:
    assert suggested(terms, LIBRARY) == found


def test_an_empty_library_answers_nothing() -> None:
    assert suggested(["library", "sell", "council"], []) == []
    assert answers(rumour(evidence=["gone"]), []) == []


def test_what_a_person_linked_comes_before_what_words_suggest() -> None:
    linked = answers(rumour(evidence=["bins"], suggested=["library"]), LIBRARY)
    assert [(each["id"], each["is_confirmed"]) for each in linked] == [("bins", True)]
    offered = answers(rumour(suggested=["library"]), LIBRARY)
    assert [(each["id"], each["is_confirmed"]) for each in offered] == [("library", False)]


def test_words_are_compared_by_their_beginnings() -> None:
    assert stem("Closing") == stem("closi") == "closi"
