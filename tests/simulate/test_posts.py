"""Posts of the simulated city: as many as planned, as they were written, mixed as trust has it."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from barometer.city import City
from barometer.simulate.plan import Plan
from barometer.simulate.posts import Line, Posts, edited
from barometer.simulate.world import World, make_world
from tests.simulate.conftest import SMALL

FIELDS = {
    "id",
    "created_at",
    "platform",
    "author",
    "text",
    "lang",
    "reach",
    "place",
    "profile_place",
    "longitude",
    "latitude",
    "repost_of",
}


@pytest.fixture(scope="module")
def posts(small: World) -> Posts:
    return Posts(small)


@pytest.fixture(scope="module")
def many(world: World) -> Posts:
    return Posts(world)


def all_lines(posts: Posts) -> list[Line]:
    return [line for lines in posts.days for line in lines]


def local_day(line: Line) -> date:
    return datetime.fromisoformat(line["created_at"]).astimezone(ZoneInfo("Europe/London")).date()


class TestLines:
    def test_as_many_as_planned_each_with_its_own_id(self, posts: Posts) -> None:
        lines = all_lines(posts)
        assert len(lines) == SMALL.posts
        assert len({line["id"] for line in lines}) == len(lines)

    def test_each_lies_on_its_day_and_days_are_in_order_of_time(self, posts: Posts) -> None:
        for number, lines in enumerate(posts.days):
            assert {local_day(line) for line in lines} == {SMALL.day(number)}
            assert [line["created_at"] for line in lines] == sorted(line["created_at"] for line in lines)

    def test_nothing_of_the_labels_is_told(self, posts: Posts) -> None:
        assert set().union(*all_lines(posts)) <= FIELDS

    def test_texts_are_those_that_were_written_or_quoted(self, posts: Posts) -> None:
        written = set(posts.world.written["text"])
        texts = [line["text"] for line in all_lines(posts)]
        quoted = [text for text in texts if text not in written]
        assert all(text[0] == "“" and text[1:-1] in written for text in quoted)
        assert 0 < len(quoted) < 0.1 * len(texts)

    def test_authors_are_invented_anew(self, posts: Posts) -> None:
        authors = Counter(line["author"] for line in all_lines(posts))
        assert len(authors) > 100
        assert max(authors.values()) > 5

    def test_every_platform_and_language_of_the_written_posts_occurs(self, many: Posts) -> None:
        lines = all_lines(many)
        assert {line["platform"] for line in lines} == set(many.world.written["platform"])
        assert {"en", "ur", "pl"} <= {line["lang"] for line in lines}


class TestPlaces:
    def test_a_text_that_names_a_place_is_never_put_elsewhere(self, many: Posts) -> None:
        named = many.world.written.filter("place_in_text").drop_nulls("area")
        home = dict(named.select("text", "area").iter_rows())
        names = dict(zip(many.world.people.names, many.world.areas, strict=True))
        stated = [
            (home[line["text"]], names[line["place"]])
            for line in all_lines(many)
            if "place" in line and line["text"] in home
        ]
        assert len(stated) > 500
        assert all(own == told for own, told in stated)

    def test_posts_are_placed_in_several_ways_and_some_not_at_all(self, many: Posts) -> None:
        lines = [line for line in all_lines(many) if "repost_of" not in line]
        for field, least in (("place", 0.2), ("profile_place", 0.05), ("longitude", 0.03)):
            assert sum(field in line for line in lines) > least * len(lines)
        assert any(not {"place", "profile_place", "longitude"} & set(line) for line in lines)

    def test_no_post_is_placed_twice(self, posts: Posts) -> None:
        ways = ({"place"}, {"profile_place"}, {"longitude", "latitude"}, set())
        assert all({"place", "profile_place", "longitude", "latitude"} & set(line) in ways for line in all_lines(posts))


class TestReposts:
    def test_they_repeat_an_earlier_post_word_for_word(self, posts: Posts) -> None:
        by_id = {line["id"]: line for line in all_lines(posts)}
        reposts = [line for line in by_id.values() if "repost_of" in line]
        assert 0.02 < len(reposts) / len(by_id) < 0.12
        for line in reposts:
            original = by_id[line["repost_of"]]
            assert (line["text"], line["platform"]) == (original["text"], original["platform"])
            assert original["created_at"] < line["created_at"]
            assert "repost_of" not in original


class TestStories:
    def test_each_is_told_while_it_happens(self, many: Posts) -> None:
        written = many.world.written.drop_nulls("story")
        days_of = dict(written.select("text", "day").iter_rows())
        for number, lines in enumerate(many.days):
            told = [days_of[line["text"]] for line in lines if line["text"] in days_of and "repost_of" not in line]
            assert all(number - 1 <= day <= number for day in told)

    def test_they_are_about_a_quarter_of_what_is_said(self, many: Posts) -> None:
        stories = set(many.world.written.drop_nulls("story")["text"])
        day = [line for line in many.days[30] if "repost_of" not in line]
        assert 0.15 < sum(line["text"] in stories for line in day) / len(day) < 0.35


class TestMix:
    def test_probabilities_add_up(self, many: Posts) -> None:
        assert np.allclose(many.mix.sum(axis=-1), 1.0)
        assert (many.mix > 0).all()

    def test_less_trust_is_more_distrust(self, many: Posts) -> None:
        trust = many.world.trust["people"][0]
        assert np.corrcoef(trust, many.mix[0, :, 1])[0, 1] < -0.6

    def test_the_true_share_of_the_city_is_the_share_of_its_posts(self, many: Posts) -> None:
        label = dict(many.world.written.select("text", "trust").iter_rows())
        said = [label[line["text"].strip("“”")] for line in all_lines(many) if line["text"].strip("“”") in label]
        expected = float((many.true_shares()["distrust"] * many.world.people.adult_shares).sum(axis=1).mean())
        assert said.count("distrust") / len(said) == pytest.approx(expected, abs=0.02)

    def test_true_shares_are_shares_of_every_area_and_day(self, many: Posts) -> None:
        shares = many.true_shares()
        assert set(shares) == {"trust", "distrust"}
        for share in shares.values():
            assert share.shape == (70, 63)
            assert ((share > 0) & (share < 1)).all()


class TestSameness:
    def test_the_same_seed_says_the_same(self, posts: Posts, sample_city: City) -> None:
        assert Posts(make_world(sample_city, SMALL)).days == posts.days

    def test_another_seed_says_something_else(self, posts: Posts, sample_city: City) -> None:
        other = Plan(seed=8, posts=SMALL.posts, days=SMALL.days)
        assert Posts(make_world(sample_city, other)).days != posts.days


def test_an_edited_post_is_the_same_post_with_another_text() -> None:
    line = {"id": "1", "created_at": "2026-03-02T10:00:00Z", "text": "before", "author": "a"}
    after = edited(line, "2026-03-03T10:00:00Z")
    assert after["edited_at"] == "2026-03-03T10:00:00Z"
    assert after["text"] != "before"
    assert {key: after[key] for key in ("id", "created_at", "author")} == {
        key: line[key] for key in ("id", "created_at", "author")
    }
