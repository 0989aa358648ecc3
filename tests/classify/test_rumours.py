"""Rumours over nights: ids that stay, counts that are voices, and a life that follows from the posts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.classify.claims import rumour_id
from barometer.classify.rumours import COMPARED_DAYS, FADED_AFTER_DAYS, LISTED_DAYS, group_rumours
from barometer.classify.sentences import NETWORK
from barometer.errors import BadInput
from barometer.ledger import Counts
from barometer.night import Night
from tests.classify.made import a_night_with_model, nights_later, noon_of, put_claims, put_posts, table, written
from tests.classify.shipped_sentences import linked, shipped_sentences
from tests.rows import rows

LIBRARY = "They say the library on Mill Lane will close and be sold for flats"
AGAIN = "library on Mill Lane to close, sold for flats, apparently"
DENIED = "The library on Mill Lane will not close and will not be sold for flats"
WATER = "Apparently the tap water round Beckside is contaminated with lead"


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return a_night_with_model(tmp_path)


def a_claim(post: str, text: str = LIBRARY, **values: Any) -> dict[str, Any]:
    return {"post": post, "text": text, "author": f"author of {post}", **values}


def rumours(night: Night) -> list[dict[str, Any]]:
    """State of the rumours on this night."""
    return table(night, "rumours").filter(pl.col("night") == night.night).to_dicts()


def the_rumour(night: Night) -> dict[str, Any]:
    (found,) = rumours(night)
    return found


def members(night: Night) -> dict[str, str]:
    """Post -> rumour, of all nights."""
    return dict(table(night, "rumour_posts").select("post", "rumour").iter_rows())


def test_meaning_is_read_by_default_where_the_encoder_is(night: Night) -> None:
    # given a claim, retold in other words, and another of the same street and day
    claims = [a_claim("a", area="T1"), a_claim("b", "apparently our reading room is being shut", area="T1")]
    put_claims(night, *claims, a_claim("c", WATER, area="T1"))
    group_rumours(night, embedder=shipped_sentences())
    told = table(night, "rumour_posts")
    # when the folder of models has the encoder, and nobody hands one in
    linked(night.settings.models)
    group_rumours(night)
    # then the night is the same, and what is about something else stands apart
    assert table(night, "rumour_posts").equals(told)
    assert members(night)["c"] not in {members(night)["a"], members(night)["b"]}


def test_a_damaged_encoder_stops_the_step_in_one_line(night: Night) -> None:
    put_claims(night, a_claim("a"))
    (linked(night.settings.models) / NETWORK).unlink()
    with pytest.raises(BadInput, match=r"^model sentences, file model.onnx: is missing .*$"):
        group_rumours(night)


def test_a_night_without_claims_needs_no_encoder(night: Night) -> None:
    (linked(night.settings.models) / NETWORK).unlink()
    assert group_rumours(night) == Counts()


def test_with_meaning_two_nights_tell_the_same_as_often_as_they_are_run(night: Night) -> None:
    linked(night.settings.models)
    put_claims(night, a_claim("a", area="T1"), a_claim("b", AGAIN, area="T2"))
    group_rumours(night)
    later = nights_later(night, 1)
    put_claims(later, a_claim("c", DENIED, rumour="correction", area="T2"), a_claim("d", WATER, area="T3"))
    group_rumours(later)
    first = table(night, "rumour_posts")
    group_rumours(later)
    assert table(night, "rumour_posts").equals(first)
    assert members(night)["a"] == members(night)["b"] == members(night)["c"] == rumour_id("a")


def test_a_claim_and_its_correction_are_one_rumour(night: Night) -> None:
    # given a claim told twice and denied once, and another
    put_claims(
        night,
        a_claim("a", area="T1"),
        a_claim("b", AGAIN, area="T2"),
        a_claim("c", DENIED, rumour="correction", area="T2"),
        a_claim("d", WATER),
    )
    group_rumours(night)
    # then the first three stand together
    assert members(night) == {
        "a": rumour_id("a"),
        "b": rumour_id("a"),
        "c": rumour_id("a"),
        "d": rumour_id("d"),
    }
    library = next(row for row in rumours(night) if row["rumour"] == rumour_id("a"))
    assert {name: library[name] for name in ("posts", "voices", "corrections", "areas")} == {
        "posts": 3,
        "voices": 3,
        "corrections": 1,
        "areas": 2,
    }


def test_posts_that_carry_no_claim_are_in_no_rumour(night: Night) -> None:
    put_claims(night, a_claim("a"), a_claim("b", rumour="none"))
    assert group_rumours(night) == Counts(read=1, received=1, written=1)
    assert set(members(night)) == {"a"}


def test_a_rumour_keeps_its_id_over_nights_and_its_counts_grow(night: Night) -> None:
    # given a claim, told again two nights on
    put_claims(night, a_claim("a"))
    group_rumours(night)
    later = nights_later(night, 2)
    put_claims(later, a_claim("b", AGAIN))
    group_rumours(later)
    # then it is the same rumour, as each night saw it
    assert [(row["rumour"], row["posts"]) for row in rumours(night)] == [(rumour_id("a"), 1)]
    assert [(row["rumour"], row["posts"]) for row in rumours(later)] == [(rumour_id("a"), 2)]
    assert the_rumour(later)["first_seen"] == noon_of(night)
    assert the_rumour(later)["last_seen"] == noon_of(later)


def test_a_night_holds_only_the_posts_that_joined_on_it(night: Night) -> None:
    put_claims(night, a_claim("a"))
    group_rumours(night)
    later = nights_later(night, 1)
    put_claims(later, a_claim("b", AGAIN))
    assert group_rumours(later) == Counts(read=1, received=1, written=1)
    found = table(later, "rumour_posts").select("night", "post").rows()
    assert found == [(night.night, "a"), (later.night, "b")]


def test_running_again_writes_nothing_new(night: Night) -> None:
    put_claims(night, a_claim("a"), a_claim("b", AGAIN), a_claim("c", WATER))
    group_rumours(night)
    before = night.lake.versions()
    group_rumours(night)
    assert night.lake.versions() == before


def test_an_earlier_night_run_again_after_a_later_one_changes_nothing(night: Night) -> None:
    put_claims(night, a_claim("a"))
    later = nights_later(night, 1)
    put_claims(later, a_claim("b", AGAIN))
    group_rumours(night)
    group_rumours(later)
    before = night.lake.versions()
    group_rumours(night)
    group_rumours(later)
    assert night.lake.versions() == before


def test_posts_from_after_the_nights_end_wait_for_their_night(night: Night) -> None:
    # given a post that came in tonight and is dated tomorrow
    tomorrow = noon_of(night) + timedelta(days=1)
    put_claims(night, a_claim("a"), a_claim("b", AGAIN, created_at=tomorrow))
    group_rumours(night)
    assert set(members(night)) == {"a"}
    # then tomorrow takes it in
    later = nights_later(night, 1)
    group_rumours(later)
    assert members(later) == {"a": rumour_id("a"), "b": rumour_id("a")}
    assert the_rumour(later)["posts"] == 2


def test_a_night_that_was_left_out_is_caught_up(night: Night) -> None:
    put_claims(night, a_claim("a"))
    later = nights_later(night, 1)
    put_claims(later, a_claim("b", AGAIN))
    group_rumours(later)
    assert members(later) == {"a": rumour_id("a"), "b": rumour_id("a")}


def test_a_post_in_two_nights_rows_is_counted_once(night: Night) -> None:
    # given a later night that caught up with an earlier one, which was then run too
    put_claims(night, a_claim("a"))
    second, third = nights_later(night, 1), nights_later(night, 2)
    group_rumours(second)
    group_rumours(night)
    group_rumours(third)
    assert the_rumour(third)["posts"] == 1


def test_reposts_are_reach_and_not_voices(night: Night) -> None:
    # given one author's words, and four reposts of them
    reposts = [a_claim(f"r{n}", is_repost=True) for n in range(4)]
    put_claims(night, a_claim("a"), *reposts)
    group_rumours(night)
    # then there are five posts, one voice, and none of the words may be shown
    found = the_rumour(night)
    assert (found["posts"], found["voices"], found["terms"]) == (5, 1, [])


def test_one_author_is_one_voice_however_loud(night: Night) -> None:
    put_claims(night, *(a_claim(f"p{n}", author="loud") for n in range(6)))
    group_rumours(night)
    found = the_rumour(night)
    assert (found["posts"], found["voices"], found["terms"]) == (6, 1, [])


def test_terms_are_words_that_three_people_used(night: Night) -> None:
    texts = [f"{LIBRARY} {word}" for word in ("today", "allegedly", "tripods")]
    put_claims(night, *(a_claim(f"p{n}", text) for n, text in enumerate(texts)))
    group_rumours(night)
    terms = the_rumour(night)["terms"]
    assert 5 <= len(terms) <= 8
    assert set(terms) <= set(LIBRARY.lower().split())


def test_synthetic_and_real_posts_never_share_a_rumour(night: Night) -> None:
    put_claims(night, a_claim("a", synthetic=True), a_claim("b", synthetic=False), a_claim("c", synthetic=True))
    group_rumours(night)
    found = members(night)
    assert found["a"] == found["c"] != found["b"]
    assert {row["rumour"]: row["synthetic"] for row in rumours(night)} == {found["a"]: True, found["b"]: False}


def test_labels_by_another_version_of_the_model_do_not_bring_posts_in(night: Night) -> None:
    put_claims(night, a_claim("a"))
    written(night.settings.models, "linear", note="trained again")
    assert group_rumours(night) == Counts()


def test_a_night_without_posts_has_no_rumours(night: Night) -> None:
    assert group_rumours(night) == Counts()
    assert rumours(night) == []


def life(night: Night, *, claims: int, corrections: int, days_ago: int = 0) -> str:
    """Status of a rumour that so many people passed on and so many corrected, that many days before the night."""
    told = [a_claim(f"t{n}", f"{LIBRARY} {n}") for n in range(claims)]
    denied = [a_claim(f"d{n}", f"{DENIED} {n}", rumour="correction") for n in range(corrections)]
    put_claims(nights_later(night, -days_ago), *told, *denied)
    group_rumours(night)
    return str(the_rumour(night)["status"])


@pytest.mark.parametrize(
    ("claims", "corrections", "expected"),
    [
        (1, 0, "seen"),
        (5, 0, "seen"),
        (4, 1, "assessed"),
        (3, 1, "answered"),
        (6, 2, "answered"),
        (7, 2, "assessed"),
        (0, 2, "answered"),
    ],
)
def test_the_share_of_people_who_correct_decides_how_far_a_rumour_is_answered(
    night: Night, claims: int, corrections: int, expected: str
) -> None:
    assert life(night, claims=claims, corrections=corrections) == expected


@pytest.mark.parametrize(
    ("days_ago", "expected"), [(0, "seen"), (FADED_AFTER_DAYS - 1, "seen"), (FADED_AFTER_DAYS, "faded")]
)
def test_a_rumour_nobody_repeats_fades(night: Night, days_ago: int, expected: str) -> None:
    assert life(night, claims=2, corrections=0, days_ago=days_ago) == expected


def test_one_loud_corrector_is_one(night: Night) -> None:
    # given four people who pass it on, and one who denies it five times
    told = [a_claim(f"t{n}", f"{LIBRARY} {n}") for n in range(4)]
    denied = [a_claim(f"d{n}", DENIED, author="one", rumour="correction") for n in range(5)]
    put_claims(night, *told, *denied)
    group_rumours(night)
    assert the_rumour(night)["status"] == "assessed"


def test_a_faded_rumour_is_listed_no_more_and_comes_back_as_itself(night: Night) -> None:
    # given a claim that was last heard six weeks ago
    before = nights_later(night, -LISTED_DAYS)
    put_claims(before, a_claim("old"))
    group_rumours(before)
    group_rumours(night)
    assert rumours(night) == []
    # when somebody tells it again
    put_claims(night, a_claim("new", AGAIN))
    group_rumours(night)
    assert members(night) == {"old": rumour_id("old"), "new": rumour_id("old")}
    assert the_rumour(night)["posts"] == 2


def test_a_rumour_of_long_ago_comes_back_as_a_new_one(night: Night) -> None:
    # given a claim that was last heard before the posts that are compared
    put_claims(nights_later(night, -COMPARED_DAYS), a_claim("old"))
    group_rumours(nights_later(night, -COMPARED_DAYS))
    put_claims(night, a_claim("new", AGAIN))
    group_rumours(night)
    # then the new post begins its own
    assert members(night) == {"old": rumour_id("old"), "new": rumour_id("new")}
    assert [row["rumour"] for row in rumours(night)] == [rumour_id("new")]


def test_a_rumour_that_is_kept_alive_counts_its_whole_life(night: Night) -> None:
    # given a claim repeated every five weeks
    for weeks in (15, 10, 5, 0):
        at = nights_later(night, -7 * weeks)
        put_claims(at, a_claim(f"w{weeks}"))
        group_rumours(at)
    # then the posts before the window still count
    found = the_rumour(night)
    assert (found["rumour"], found["posts"], found["voices"]) == (rumour_id("w15"), 4, 4)


def test_a_removed_post_leaves_its_rumour_which_keeps_its_id(night: Night) -> None:
    # given a rumour whose first post is removed
    received = [{"night": night.night, "source": "s", "post": post} for post in ("a", "b", "c")]
    night.lake.append("received_posts", rows("received_posts", *received))
    put_claims(night, a_claim("a"), a_claim("b", AGAIN), a_claim("c", WATER))
    group_rumours(night)
    night.lake.remove("received_posts", pl.DataFrame({"post": ["a"]}))
    # when the next night comes, with another post
    later = nights_later(night, 1)
    put_claims(later, a_claim("d"))
    group_rumours(later)
    # then nothing of the post is left, and the rumour goes on under its id
    assert members(later) == {"b": rumour_id("a"), "c": rumour_id("c"), "d": rumour_id("a")}
    library = next(row for row in rumours(later) if row["rumour"] == rumour_id("a"))
    assert (library["posts"], library["first_seen"]) == (2, noon_of(night))


def test_no_text_rests_in_the_rumour_tables(night: Night) -> None:
    put_claims(night, *(a_claim(f"p{n}", f"{LIBRARY} said number{n}") for n in range(4)))
    group_rumours(night)
    for name in ("rumours", "rumour_posts"):
        assert LIBRARY not in str(table(night, name).to_dicts())


def test_an_area_of_none_is_no_area(night: Night) -> None:
    put_claims(night, a_claim("a", area=None), a_claim("b", area="T1"), a_claim("c", area="T1"))
    group_rumours(night)
    assert the_rumour(night)["areas"] == 1


def test_the_ledger_has_the_posts_that_joined(night: Night) -> None:
    put_claims(night, a_claim("a"), a_claim("b", WATER))
    group_rumours(night)
    entered = table(night, "ledger").filter(pl.col("step") == "rumours")
    assert entered.select("part", "read", "written").rows() == [("all", 2, 2)]


def test_posts_that_were_never_labelled_are_left_alone(night: Night) -> None:
    put_posts(night, {"post": "a", "text": LIBRARY})
    assert group_rumours(night) == Counts()


def test_the_representative_is_the_post_most_like_the_others_that_pass_it_on(night: Night) -> None:
    # given three tellings of a claim, one of them with less of it, a repost and a correction
    put_claims(
        night,
        a_claim("a", "library on Mill Lane to close, and the weather is grim up here today"),
        a_claim("b", LIBRARY),
        a_claim("c", f"{LIBRARY} soon"),
        a_claim("d", LIBRARY, is_repost=True),
        a_claim("e", DENIED, rumour="correction"),
    )
    group_rumours(night)
    assert the_rumour(night)["representative"] in {"b", "c"}


def test_a_rumour_of_corrections_only_is_represented_by_one_and_one_of_reposts_by_none(night: Night) -> None:
    put_claims(night, a_claim("a", DENIED, rumour="correction"), a_claim("b", WATER, is_repost=True))
    group_rumours(night)
    assert {row["rumour"]: row["representative"] for row in rumours(night)} == {
        rumour_id("a"): "a",
        rumour_id("b"): None,
    }


def test_spread_is_the_new_voices_of_a_week_and_correcting_is_a_share_of_voices(night: Night) -> None:
    # given two people who passed it on ten days ago, and this week three more, one who corrects, and a repost
    before = nights_later(night, -10)
    put_claims(before, *(a_claim(f"old{n}") for n in range(2)))
    group_rumours(before)
    put_claims(
        night,
        *(a_claim(f"new{n}") for n in range(3)),
        a_claim("again", author="author of new0"),
        a_claim("shared", is_repost=True),
        a_claim("denied", DENIED, rumour="correction"),
    )
    group_rumours(night)
    found = the_rumour(night)
    assert found["spread_rate"] == pytest.approx(3 / 7)
    assert found["share_corrected"] == pytest.approx(1 / 6)


def test_neighbourhoods_are_named_and_sorted(night: Night) -> None:
    put_claims(
        night, a_claim("a", area="T2"), a_claim("b", area="T1"), a_claim("c", area="T2"), a_claim("d", area=None)
    )
    group_rumours(night)
    found = the_rumour(night)
    assert (found["areas"], found["neighbourhoods"]) == (2, ["T1", "T2"])


def test_posts_too_old_to_be_compared_follow_their_rumour_when_it_is_merged(night: Night) -> None:
    # given a rumour with a post from before the window that is kept alive, and another rumour
    for weeks, post in ((15, "first"), (10, "second")):
        at = nights_later(night, -7 * weeks)
        put_claims(at, a_claim(post))
        group_rumours(at)
    put_claims(nights_later(night, -1), a_claim("w", WATER, created_at=noon_of(nights_later(night, -80))))
    group_rumours(nights_later(night, -1))
    assert len(set(members(night).values())) == 2
    # when somebody tells both at once
    put_claims(night, *(a_claim(f"both{n}", f"{LIBRARY} {WATER}", area="T1") for n in range(3)))
    group_rumours(night)
    latest = table(night, "rumour_posts").sort("night").unique("post", keep="last")
    by_post = dict(latest.select("post", "rumour").iter_rows())
    assert by_post["first"] == by_post["second"]
