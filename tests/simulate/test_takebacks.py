"""What is taken back on the last day concerns earlier days, and four different people."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from barometer.simulate.answers import Survey
from barometer.simulate.posts import Line, Posts
from barometer.simulate.takebacks import Takebacks, takebacks
from barometer.simulate.world import World


@pytest.fixture(scope="module")
def posts(world: World) -> Posts:
    return Posts(world)


@pytest.fixture(scope="module")
def survey(world: World) -> Survey:
    return Survey(world)


@pytest.fixture(scope="module")
def taken(world: World, posts: Posts, survey: Survey) -> Takebacks:
    return takebacks(world, posts, survey)


@pytest.fixture(scope="module")
def earlier(posts: Posts) -> dict[str, Line]:
    return {line["id"]: line for lines in posts.days[:-1] for line in lines}


def test_a_post_is_deleted(taken: Takebacks, earlier: dict[str, Line]) -> None:
    line = taken.lines[0]
    assert line["remove"] == "post"
    assert earlier[line["id"]]["platform"] == line["platform"]


def test_an_account_of_several_posts_is_deleted(taken: Takebacks, earlier: dict[str, Line]) -> None:
    line = taken.lines[1]
    assert line["remove"] == "author"
    assert 3 <= Counter(post["author"] for post in earlier.values())[line["author"]] <= 6


def test_a_post_is_edited(taken: Takebacks, earlier: dict[str, Line]) -> None:
    line = taken.lines[2]
    before = earlier[line["id"]]
    assert line["text"] != before["text"]
    assert line["edited_at"] > before["created_at"]


def test_the_posts_are_of_three_people(taken: Takebacks, earlier: dict[str, Line]) -> None:
    authors = {earlier[taken.lines[0]["id"]]["author"], taken.lines[1]["author"], taken.lines[2]["author"]}
    assert len(authors) == 3


def test_all_of_it_happens_on_the_last_day(world: World, taken: Takebacks) -> None:
    times = [line.get("at") or line["edited_at"] for line in taken.lines] + taken.removals["at"].to_list()
    assert {time[:10] for time in times} == {world.plan.last_day.isoformat()}


def test_a_respondent_of_an_earlier_day_withdraws_from_the_configured_survey(
    world: World, survey: Survey, taken: Takebacks
) -> None:
    (row,) = taken.removals.iter_rows(named=True)
    assert (row["kind"], row["reason"]) == ("respondent", "consent_withdrawn")
    answered = survey.answers.filter(pl.col("respondent_id") == row["id"])["day"]
    assert answered.to_list()[0] < world.plan.days - 1
    assert row["source"] in {source.id for source in world.city.sources if source.signal == "answers"}
