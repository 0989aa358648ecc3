"""A rumour is named in a neighbourhood only where ten people carry it there."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from barometer.night import Night
from barometer.release.rumour_places import SCHEMA, rumour_places
from tests.release.sample_night import NIGHT, sample_night
from tests.rows import rows

EARLIER = date(2026, 5, 8)


def a_night(home: Path, heard: dict[tuple[str, str | None], int], *, posts_each: int = 1) -> Night:
    """A night on which each (rumour, area) has so many authors, each with so many posts."""
    made = sample_night(home)
    posts, carried = [], []
    for (rumour, area), authors in heard.items():
        for who in range(authors):
            for which in range(posts_each):
                post = f"{rumour}-{area}-{who}-{which}"
                posts.append({"post": post, "author": f"{area}-{who}", "area": area, "night": NIGHT, "source": "s"})
                carried.append({"post": post, "rumour": rumour, "night": NIGHT})
    made.lake.replace("posts", rows("posts", *posts), partition={"night": NIGHT})
    made.lake.replace("rumour_posts", rows("rumour_posts", *carried), partition={"night": NIGHT})
    return made


@pytest.mark.parametrize(("authors", "shown"), [(9, []), (10, [10]), (11, [10]), (14, [10]), (15, [15])])
def test_ten_people_are_needed_and_none_is_counted_exactly(tmp_path: Path, authors: int, shown: list[int]) -> None:
    places = rumour_places(a_night(tmp_path, {("r", "E1"): authors}), minimum=10)
    assert places.schema == SCHEMA
    assert places["voices"].to_list() == shown


def test_many_posts_of_few_people_do_not_count(tmp_path: Path) -> None:
    assert rumour_places(a_night(tmp_path, {("r", "E1"): 5}, posts_each=4), minimum=10).is_empty()


def test_places_are_told_apart_and_posts_of_no_place_left_out(tmp_path: Path) -> None:
    night = a_night(tmp_path, {("r", "E1"): 12, ("r", "E2"): 20, ("q", "E1"): 10, ("q", None): 30})
    assert rumour_places(night, minimum=10).rows() == [("q", "E1", 10), ("r", "E1", 10), ("r", "E2", 20)]


def test_a_post_is_of_the_rumour_it_was_moved_to(tmp_path: Path) -> None:
    night = a_night(tmp_path, {("new", "E1"): 10})
    old = [{"post": f"new-E1-{k}-0", "rumour": "old", "night": EARLIER} for k in range(10)]
    night.lake.replace("rumour_posts", rows("rumour_posts", *old), partition={"night": EARLIER})
    assert rumour_places(night, minimum=10)["rumour"].to_list() == ["new"]


def test_later_nights_are_not_looked_at(tmp_path: Path) -> None:
    night = a_night(tmp_path, {("r", "E1"): 9})
    later = date(2026, 5, 10)
    night.lake.replace(
        "posts",
        rows("posts", {"post": "late", "author": "another", "area": "E1", "night": later, "source": "s"}),
        partition={"night": later},
    )
    night.lake.replace(
        "rumour_posts",
        rows("rumour_posts", {"post": "late", "rumour": "r", "night": later}),
        partition={"night": later},
    )
    assert rumour_places(night, minimum=10).is_empty()
