"""A person's word on rumours: what the file may say, what is refused, and that it outlives every re-run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from barometer.classify.claims import rumour_id
from barometer.classify.rulings import NO_RULINGS, RULINGS_FILE, Rulings, following, read_rulings
from barometer.classify.rumours import group_rumours
from barometer.errors import BadConfiguration
from barometer.night import Night
from tests.classify.made import a_night_with_model, nights_later, put_claims, table
from tests.rows import rows

HEADER = "rumour,decision,value,since,note\n"
NIGHT = date(2026, 5, 9)
LIBRARY = "They say the library on Mill Lane will close and be sold for flats"
WATER = "Apparently the tap water round Beckside is contaminated with lead"


def written(folder: Path, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / RULINGS_FILE).write_text(HEADER + "".join(f"{line}\n" for line in lines), "utf-8")
    return folder


def refusal(folder: Path, *lines: str) -> str:
    with pytest.raises(BadConfiguration) as caught:
        read_rulings(written(folder, *lines), night=NIGHT, evidence=frozenset({"library-2026"}))
    return str(caught.value)


def test_a_city_without_the_file_has_no_rulings(tmp_path: Path) -> None:
    assert read_rulings(tmp_path, night=NIGHT) == NO_RULINGS


def test_every_decision_is_read(tmp_path: Path) -> None:
    found = read_rulings(
        written(
            tmp_path,
            "aa,title,The library closes,2026-05-01,",
            "aa,status,answered,2026-05-01,the council replied",
            "aa,evidence,library-2026,2026-05-01,",
            "aa,evidence,budget-2026,2026-05-02,",
            "bb,merge,aa,2026-05-01,the same claim",
            "aa,split,0f0f,2026-05-01,about another branch",
        ),
        night=NIGHT,
    )
    assert found.title == {"aa": "The library closes"}
    assert found.status == {"aa": "answered"}
    assert found.evidence == {"aa": ["library-2026", "budget-2026"]}
    assert found.into("bb") == "aa"
    assert found.whole == {"aa"}
    assert found.taken_out == {("0f0f", "aa")}


def test_decisions_of_the_city_folder_and_of_the_desk_hold_together(tmp_path: Path) -> None:
    folders = (written(tmp_path / "a", "aa,title,One,2026-05-01,"), written(tmp_path / "b", "bb,title,Two,2026-05-01,"))
    assert read_rulings(*folders, night=NIGHT).title == {"aa": "One", "bb": "Two"}


@pytest.mark.parametrize(
    "title",
    ["ask @someone about it", "see https://example.org/x", "www.example.org says so", "ring 01234567", "long " * 40],
    ids=["handle", "address", "bare address", "number", "too long"],
)
def test_a_title_that_could_name_somebody_is_refused(tmp_path: Path, title: str) -> None:
    said = refusal(tmp_path, f"aa,title,{title},2026-05-01,")
    assert "rumour aa: the title has more than 140 characters, or a handle" in said
    assert title.strip() not in said


def test_a_decision_holds_from_its_night_on(tmp_path: Path) -> None:
    folder = written(tmp_path, "aa,status,assessed,2026-05-09,", "aa,status,answered,2026-05-12,")
    assert read_rulings(folder, night=date(2026, 5, 8)).status == {}
    assert read_rulings(folder, night=date(2026, 5, 9)).status == {"aa": "assessed"}
    assert read_rulings(folder, night=date(2026, 5, 12)).status == {"aa": "answered"}


def test_merges_lead_on(tmp_path: Path) -> None:
    found = read_rulings(written(tmp_path, "cc,merge,bb,2026-05-01,", "bb,merge,aa,2026-05-01,"), night=NIGHT)
    assert [found.into(rumour) for rumour in ("aa", "bb", "cc", "dd")] == ["aa", "aa", "aa", "dd"]
    assert found.whole == {"aa"}


def test_an_heir_has_what_was_decided_about_those_it_took_in_unless_it_has_its_own() -> None:
    ruled = Rulings(
        title={"aa": "One", "bb": "Two"},
        status={"bb": "answered"},
        evidence={"aa": ["x"], "bb": ["x", "y"], "cc": ["z"]},
        merged={},
        taken_out=frozenset(),
    )
    found = ruled.inherited({"bb": "aa", "cc": "dd"})
    assert found.title["aa"] == "One"
    assert found.status["aa"] == "answered"
    assert (found.evidence["aa"], found.evidence["dd"]) == (["x", "y"], ["z"])
    assert ruled.evidence == {"aa": ["x"], "bb": ["x", "y"], "cc": ["z"]}
    assert ruled.inherited({}) == ruled


def test_a_claim_that_goes_on_in_another_has_not_faded() -> None:
    ruled = Rulings({}, {"aa": "faded", "bb": "answered"}, {}, {}, frozenset())
    assert ruled.inherited({"aa": "cc", "bb": "dd"}).status == {"aa": "faded", "bb": "answered", "dd": "answered"}
    assert ruled.decided == (frozenset(), {"bb"})


def test_what_was_taken_out_or_merged_follows_to_the_heir() -> None:
    ruled = Rulings({}, {}, {}, {"xx": "aa"}, frozenset({("post", "aa")}))
    found = ruled.inherited({"aa": "bb"})
    assert found.taken_out == {("post", "aa"), ("post", "bb")}
    assert (found.into("xx"), found.whole) == ("bb", {"bb"})
    assert found.decided[1] == {"aa", "bb"}


@pytest.mark.parametrize(
    ("into", "until", "expected"),
    [
        ({}, (), "a"),
        ({"a": "b", "b": "c"}, (), "c"),
        ({"a": "b", "b": "c"}, ("b",), "b"),
        ({"a": "b", "b": "a"}, (), "b"),
    ],
    ids=["nowhere", "to the end", "to one that lives", "not in circles"],
)
def test_where_a_rumour_ends_up(into: dict[str, str], until: tuple[str, ...], expected: str) -> None:
    assert following("a", into, until=until) == expected


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    message = refusal(
        tmp_path,
        "XY,status,seen,2026-05-01,",
        "aa,banish,x,2026-05-01,",
        "aa,status,gone,2026-05-01,",
        "aa,evidence,nothing-such,2026-05-01,",
        "bb,merge,cc,2026-05-01,",
        "bb,merge,dd,2026-05-01,",
        "ee,merge,ee,2026-05-01,",
        "ff,status,seen,2026-02-30,",
        "ff,status,seen,soon,",
        "aa,status,,2026-05-01,",
    )
    for part in (
        "has 9 mistakes",
        "column rumour, row 2 ('XY'): is written wrongly; copy the id from the table rumours",
        "column decision, row 3 ('banish'): is not allowed; write one of title, status, evidence, merge, split",
        "column value, row 11 (''): is empty",
        "column since, row 10 ('soon'): is written wrongly; write the night as 2026-05-09",
        "'2026-02-30' is no day of the calendar",
        "'gone' is no status; write one of seen, assessed, answered, faded",
        "evidence 'nothing-such' is not in the city's library",
        "rumour bb: is merged into cc and dd; keep one of them",
        "rumour ee: is merged, in the end, into itself",
    ):
        assert part in message


def test_a_circle_of_merges_is_refused_at_any_length(tmp_path: Path) -> None:
    message = refusal(
        tmp_path,
        "aa,merge,bb,2026-05-01,",
        "bb,merge,cc,2026-05-01,",
        "cc,merge,aa,2026-05-01,",
        "dd,merge,aa,2026-05-01,",
    )
    assert message.count("in the end, into itself") == 3


def test_a_wrong_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / RULINGS_FILE).write_text("rumour,decision\naa,status\n", "utf-8")
    with pytest.raises(BadConfiguration, match="column value: is missing"):
        read_rulings(tmp_path, night=NIGHT)


# Over nights


@pytest.fixture
def night(tmp_path: Path) -> Night:
    plain = a_night_with_model(tmp_path)
    return replace(plain, city=replace(plain.city, folder=tmp_path / "city"))


def a_claim(post: str, text: str = LIBRARY) -> dict[str, object]:
    return {"post": post, "text": text, "author": f"author of {post}", "area": "T1"}


def members(night: Night) -> dict[str, str]:
    """The rumour that holds for each post, after all nights."""
    latest = table(night, "rumour_posts").sort("night").unique("post", keep="last", maintain_order=True)
    return dict(latest.select("post", "rumour").iter_rows())


def state(night: Night, rumour: str) -> dict[str, object]:
    (found,) = table(night, "rumours").filter(night=night.night, rumour=rumour).to_dicts()
    return found


def put_evidence(night: Night) -> None:
    """A library of one claim, `library-2026`."""
    library = night.city.folder / "evidence"
    library.mkdir(parents=True)
    (library / "claims.csv").write_text(
        "id,claim,title,verdict,source,link,published\n"
        "library-2026,It will close,,false,A council,https://example.org/a,2026-05-01\n",
        "utf-8",
    )


def test_a_person_sets_the_status_and_links_evidence(night: Night) -> None:
    put_claims(night, a_claim("a"))
    group_rumours(night)
    assert (state(night, rumour_id("a"))["status"], state(night, rumour_id("a"))["status_by"]) == ("seen", "posts")
    put_evidence(night)
    written(
        night.city.folder,
        f"{rumour_id('a')},status,answered,{night.night},",
        f"{rumour_id('a')},evidence,library-2026,{night.night},",
    )
    group_rumours(night)
    found = state(night, rumour_id("a"))
    assert (found["status"], found["status_by"], found["evidence"]) == ("answered", "person", ["library-2026"])


def test_evidence_that_the_library_does_not_have_stops_the_step(night: Night) -> None:
    put_claims(night, a_claim("a"))
    written(night.city.folder, f"{rumour_id('a')},evidence,nothing-such,{night.night},")
    with pytest.raises(BadConfiguration, match="'nothing-such' is not in the city's library"):
        group_rumours(night)


def test_a_person_merges_two_rumours_and_they_stay_one(night: Night) -> None:
    # given two rumours, and the word that they are one from the next night on
    put_claims(night, a_claim("a"), a_claim("b", WATER))
    group_rumours(night)
    second, third = nights_later(night, 1), nights_later(night, 2)
    written(night.city.folder, f"{rumour_id('b')},merge,{rumour_id('a')},{second.night},")
    group_rumours(second)
    assert members(second) == {"a": rumour_id("a"), "b": rumour_id("a")}
    moved = table(second, "rumour_posts").filter(night=second.night)
    assert moved.select("post", "reason", "moved_from").rows() == [("b", "ruled", rumour_id("b"))]
    # when the merged claim is repeated, then it joins the rumour it is part of now
    put_claims(third, a_claim("c", WATER))
    group_rumours(third)
    assert members(third)["c"] == rumour_id("a")
    assert state(third, rumour_id("a"))["posts"] == 3


def test_a_person_takes_a_post_out_and_it_stays_out(night: Night) -> None:
    put_claims(night, a_claim("a"), a_claim("b"))
    group_rumours(night)
    second, third = nights_later(night, 1), nights_later(night, 2)
    written(night.city.folder, f"{rumour_id('a')},split,b,{second.night},")
    group_rumours(second)
    put_claims(third, a_claim("c"))
    group_rumours(third)
    found = members(third)
    assert found["a"] == rumour_id("a")
    assert found["b"] == rumour_id("b")


def test_running_again_under_the_same_rulings_writes_nothing_new(night: Night) -> None:
    put_claims(night, a_claim("a"), a_claim("b"), a_claim("c", WATER))
    written(
        night.city.folder,
        f"{rumour_id('a')},split,b,{night.night},",
        f"{rumour_id('c')},merge,{rumour_id('a')},{night.night},",
    )
    second = nights_later(night, 1)
    for each in (night, second):
        group_rumours(each)
    before = night.lake.versions()
    for each in (night, second):
        group_rumours(each)
    assert night.lake.versions() == before


def test_a_broken_file_stops_the_step_before_anything_is_written(night: Night) -> None:
    put_claims(night, a_claim("a"))
    written(night.city.folder, "aa,banish,x,2026-05-01,")
    with pytest.raises(BadConfiguration, match=RULINGS_FILE):
        group_rumours(night)
    assert table(night, "rumour_posts").is_empty()


def test_what_a_person_decided_holds_for_the_rumour_that_it_became_part_of(night: Night) -> None:
    # given two rumours, one put into words, the other answered by evidence
    put_claims(night, a_claim("a"), a_claim("b"), a_claim("w", WATER))
    group_rumours(night)
    library, water = members(night)["a"], members(night)["w"]
    put_evidence(night)
    written(
        night.city.folder,
        f"{library},title,The library closes,{night.night},",
        f"{water},status,answered,{night.night},",
        f"{water},evidence,library-2026,{night.night},",
    )
    # when posts that tell both make them one
    later = nights_later(night, 1)
    put_claims(later, *(a_claim(f"both{number}", f"{LIBRARY} {WATER}") for number in range(4)))
    group_rumours(later)
    # then the one goes on under the id that has words, with all that was decided
    assert set(members(later).values()) == {library}
    found = state(later, library)
    assert (found["title"], found["posts"]) == ("The library closes", 7)
    assert (found["status"], found["status_by"], found["evidence"]) == ("answered", "person", ["library-2026"])
    # and on the nights after, and however often they are run
    last = nights_later(night, 2)
    put_claims(last, a_claim("more"))
    group_rumours(last)
    assert state(last, library)["evidence"] == ["library-2026"]
    versions = last.lake.versions()
    group_rumours(last)
    assert last.lake.versions() == versions


def test_a_person_who_merges_a_rumour_takes_what_was_decided_about_it_along(night: Night) -> None:
    put_claims(night, a_claim("a"), a_claim("w", WATER))
    group_rumours(night)
    library, water = rumour_id("a"), rumour_id("w")
    put_evidence(night)
    lines = [f"{water},title,The water has lead in it,{night.night},", f"{water},evidence,library-2026,{night.night},"]
    written(night.city.folder, *lines)
    group_rumours(night)
    assert state(night, water)["title"] == "The water has lead in it"
    # when a person says on a later night that it is another's claim
    later = nights_later(night, 1)
    written(night.city.folder, *lines, f"{water},merge,{library},{later.night},")
    put_claims(later, a_claim("b"))
    group_rumours(later)
    found = state(later, library)
    assert (found["title"], found["evidence"]) == ("The water has lead in it", ["library-2026"])
    assert set(members(later).values()) == {library}


def test_what_was_taken_out_of_a_rumour_stays_out_of_the_one_that_it_became_part_of(night: Night) -> None:
    # given a post taken out of a rumour, which then becomes part of a titled one
    put_claims(night, a_claim("a"), a_claim("p"), a_claim("w", WATER))
    group_rumours(night)
    library, water = members(night)["a"], members(night)["w"]
    lines = [f"{library},split,p,{night.night},", f"{water},title,Water,{night.night},"]
    written(night.city.folder, *lines)
    second, third = nights_later(night, 1), nights_later(night, 2)
    put_claims(second, *(a_claim(f"both{number}", f"{LIBRARY} {WATER}") for number in range(5)))
    group_rumours(second)
    put_claims(third, a_claim("more"))
    group_rumours(third)
    # then it stands apart from the others on every night after
    found = members(third)
    assert found["p"] != found["a"]
    assert found["a"] == found["more"]


def test_the_post_that_founded_a_rumour_can_be_taken_out_of_it_for_good(night: Night) -> None:
    put_claims(night, a_claim("a"), a_claim("b"))
    group_rumours(night)
    written(night.city.folder, f"{rumour_id('a')},split,a,{night.night},")
    # when quiet nights pass
    for days in (1, 2, 3):
        group_rumours(nights_later(night, days))
    found = members(night)
    assert (found["a"], found["b"]) == (rumour_id(rumour_id("a")), rumour_id("a"))
    assert table(night, "rumour_posts").filter(post="a")["reason"].to_list() == ["founded", "ruled"]


def test_a_person_may_merge_into_a_rumour_that_has_become_part_of_another_meanwhile(night: Night) -> None:
    # given two rumours, of which the older becomes part of the titled younger one before the person's word is in
    put_claims(night, a_claim("a"), a_claim("w", WATER))
    group_rumours(night)
    library, water = rumour_id("a"), rumour_id("w")
    titled = f"{water},title,The water has lead in it,{night.night},"
    written(night.city.folder, titled)
    second, third = nights_later(night, 1), nights_later(night, 2)
    put_claims(second, *(a_claim(f"both{number}", f"{LIBRARY} {WATER}") for number in range(4)))
    group_rumours(second)
    assert set(members(second).values()) == {water}
    # when the person says that the younger is the older one's claim
    written(night.city.folder, titled, f"{water},merge,{library},{second.night},")
    put_claims(third, a_claim("more"))
    group_rumours(third)
    # then all are one again under the older id, with the words that were given
    assert set(members(third).values()) == {library}
    assert state(third, library)["title"] == "The water has lead in it"
    versions = third.lake.versions()
    group_rumours(third)
    assert third.lake.versions() == versions


def test_a_post_taken_out_is_not_put_back_into_the_rumour_that_it_once_founded(night: Night) -> None:
    # given a post that founded a rumour which lives on without it, since grouping moved the post to another
    put_claims(night, a_claim("p"), a_claim("q"), a_claim("w", WATER))
    placed = {"p": rumour_id("w"), "q": rumour_id("p"), "w": rumour_id("w")}
    told = [{"night": night.night, "post": post, "rumour": rumour} for post, rumour in placed.items()]
    night.lake.replace("rumour_posts", rows("rumour_posts", *told), partition={"night": night.night})
    # when a person takes it out of that other one
    later = nights_later(night, 1)
    written(night.city.folder, f"{rumour_id('w')},split,p,{later.night},")
    group_rumours(later)
    # then it is in neither
    found = members(later)
    assert found["p"] not in {rumour_id("w"), rumour_id("p")}
    assert (found["q"], found["w"]) == (rumour_id("p"), rumour_id("w"))
