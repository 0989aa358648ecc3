"""Public Life Data Protocol files become observations: people, windows, groups and places."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.source import UnusableFile
from barometer.ingest.tables.observations import Observations
from tests.ingest.tables.desk import OpenDoor, Whole, a_context, lines, parse

PLACE = {
    "id": "1",
    "name": "The square",
    "surveyor": "anna",
    "startedAt": "05/04/26 01:00 PM",
    "endedAt": "05/04/26 02:00 PM",
    "location": "-1.95, 53.05",
}
POSTURE = "postureStanding "
WALKING = "modePedestrian"


def observe(*rows: dict[str, Any], **options: object) -> Whole:
    """A file with a row for each dictionary of counts (and of changes to the place and window)."""
    names = list(dict.fromkeys([*PLACE, *(name for row in rows for name in row)]))
    text = io.StringIO()
    csv.writer(text).writerows([names, *([(PLACE | row).get(name) for name in names] for row in rows)])
    return parse(Observations(), text.getvalue(), a_context("observations", **options))


def one(row: dict[str, Any], **options: object) -> dict[str, Any]:
    return observe(row, **options).first("observations")


def rejected(row: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(found.rule, found.field) for found in observe(row).rejected]


def test_a_good_row_is_one_observation() -> None:
    door = OpenDoor()
    found = one({POSTURE: "2", "activityWaitingTransport ": "1"})
    assert len(found.pop("session")) == 32
    assert found == {
        "observation": door.pseudonym("record", "a_source:1"),
        "observer": door.pseudonym("observer", "a_source:anna"),
        "kind": "stationary",
        "place": "The square",
        "area": "T1",
        "started_at": datetime(2026, 5, 4, 12, tzinfo=UTC),
        "ended_at": datetime(2026, 5, 4, 13, tzinfo=UTC),
        "persons": 2,
        "group_size": None,
        "is_mixed_group": None,
        "is_staying": True,
        "activities": ["waiting_transport"],
        "position": "inbox/file.csv:2",
    }


class TestKind:
    def test_columns_of_modes_mean_movement(self) -> None:
        found = one({WALKING: "3", "modeBicyclist ": "2"})
        assert (found["kind"], found["is_staying"], found["persons"]) == ("movement", False, 5)

    def test_columns_of_postures_mean_staying(self) -> None:
        assert one({POSTURE: "1"})["kind"] == "stationary"

    def test_a_column_that_only_begins_alike_is_no_count(self) -> None:
        assert one({POSTURE: "1", "agency": "Parks"})["persons"] == 1

    def test_a_file_of_neither_is_refused(self) -> None:
        with pytest.raises(UnusableFile, match="Public Life Data Protocol"):
            observe({"people": "3"})


class TestPersons:
    @pytest.mark.parametrize(
        ("counts", "persons"),
        [
            ({POSTURE: "2", "postureLying": "1"}, 3),
            ({POSTURE: "", "genderMale": "2", "genderFemale": "2"}, 4),
            ({POSTURE: "1", "age0To14": "3", "age65Plus": "1"}, 4),
            ({POSTURE: "70", "activityCommercial": "200"}, 200),
            ({POSTURE: "2", "activityPet": "1", "activityPlaying": "1"}, 2),
            ({POSTURE: "3.0"}, 3),
        ],
    )
    def test_they_are_as_many_as_any_attribute_shows(self, counts: dict[str, str], persons: int) -> None:
        assert one(counts)["persons"] == persons

    @pytest.mark.parametrize("counts", [{POSTURE: ""}, {POSTURE: "0", "genderMale": "0"}])
    def test_an_empty_window_is_kept(self, counts: dict[str, str]) -> None:
        found = one(counts)
        assert (found["persons"], found["group_size"], found["activities"]) == (0, None, [])

    @pytest.mark.parametrize("count", ["-1", "1.5", "few", "nan", "inf"])
    def test_what_is_no_count_sets_the_row_aside(self, count: str) -> None:
        assert rejected({POSTURE: count}) == [("invalid_count", POSTURE.strip())]


class TestGroups:
    def test_a_group_says_how_large_it_is(self) -> None:
        assert one({POSTURE: "3", "groupSize": "3"})["group_size"] == 3

    @pytest.mark.parametrize(
        ("counts", "is_mixed"),
        [
            ({"genderMale": "1", "genderFemale": "1"}, True),
            ({"genderMale": "2", "age0To14": "1", "age25To64": "1"}, True),
            ({"genderMale": "2", "age25To64": "2"}, False),
            ({"genderMale": ""}, None),
            ({}, None),
            ({"genderMale": "2", "groupMixed": "yes"}, True),
            ({"genderMale": "1", "genderFemale": "1", "groupMixed": "No"}, False),
            ({"groupMixed": "perhaps"}, None),
        ],
    )
    def test_it_is_mixed_as_noted_or_as_counted(self, counts: dict[str, str], is_mixed: bool | None) -> None:
        assert one({POSTURE: "2", "groupSize": "2"} | counts)["is_mixed_group"] is is_mixed

    @pytest.mark.parametrize("size", ["1", ""])
    def test_one_person_is_no_mixed_group(self, size: str) -> None:
        found = one({POSTURE: "2", "genderMale": "1", "genderFemale": "1", "groupSize": size})
        assert found["is_mixed_group"] is None

    @pytest.mark.parametrize("size", ["0", "4"])
    def test_a_group_cannot_be_nobody_or_more_than_were_there(self, size: str) -> None:
        assert rejected({POSTURE: "3", "groupSize": size}) == [("impossible_group", "groupSize")]


class TestWindows:
    def test_local_times_are_the_citys_unless_the_source_says_else(self) -> None:
        assert one({POSTURE: "1"})["started_at"].hour == 12
        assert one({POSTURE: "1"}, timezone="America/Los_Angeles")["started_at"].hour == 20

    def test_a_window_may_have_a_stated_length(self) -> None:
        found = one({POSTURE: "1", "endedAt": ""}, window_minutes=10)
        assert found["ended_at"] == datetime(2026, 5, 4, 12, 10, tzinfo=UTC)

    def test_a_stated_end_goes_before_a_stated_length(self) -> None:
        assert one({POSTURE: "1"}, window_minutes=10)["ended_at"].hour == 13

    def test_a_file_without_ends_needs_a_stated_length(self) -> None:
        with pytest.raises(UnusableFile, match="window_minutes"):
            parse(
                Observations(),
                lines("id,startedAt,location,modePedestrian", "1,2026-05-04T12:00:00Z,,1"),
                a_context("observations"),
            )

    @pytest.mark.parametrize(
        ("changes", "rule", "field"),
        [
            ({"startedAt": ""}, "invalid_date", "startedAt"),
            ({"startedAt": "2017_06_07_08"}, "invalid_date", "startedAt"),
            ({"endedAt": "later"}, "invalid_date", "endedAt"),
            ({"endedAt": "05/04/26 01:00 PM"}, "impossible_window", "endedAt"),
            ({"endedAt": "05/04/26 12:00 PM"}, "impossible_window", "endedAt"),
            ({"endedAt": "05/05/26 01:01 PM"}, "impossible_window", "endedAt"),
            ({"startedAt": "05/04/1969 01:00 PM"}, "implausible_date", "startedAt"),
            ({"endedAt": "05/04/2169 02:00 PM"}, "implausible_date", "endedAt"),
        ],
    )
    def test_impossible_ones_set_the_row_aside(self, changes: dict[str, str], rule: str, field: str) -> None:
        assert rejected({POSTURE: "1"} | changes) == [(rule, field)]


class TestPlaces:
    def test_a_point_outside_the_city_is_unplaced(self) -> None:
        assert one({POSTURE: "1", "location": "-122.41, 37.78"})["area"] is None

    def test_no_point_is_unplaced(self) -> None:
        assert one({POSTURE: "1", "location": ""})["area"] is None

    def test_an_area_goes_before_a_point(self) -> None:
        assert one({POSTURE: "1", "area": "Westwood"})["area"] == "T4"

    @pytest.mark.parametrize("location", ["nan, 53.05", "-1.95", "-1.95, 530.5", "the square", "-1.95, 53.05, 7"])
    def test_an_impossible_point_sets_the_row_aside(self, location: str) -> None:
        assert rejected({POSTURE: "1", "location": location}) == [("impossible_coordinates", "location")]

    def test_an_unknown_area_sets_the_row_aside(self) -> None:
        assert rejected({POSTURE: "1", "area": "Atlantis"}) == [("unknown_area", "area")]


class TestSessions:
    def test_rows_of_one_place_window_and_observer_are_one_session(self) -> None:
        rows = observe({POSTURE: "1"}, {POSTURE: "1", "id": "2"}).rows["observations"]
        assert rows["session"].n_unique() == 1

    @pytest.mark.parametrize(
        "change", [{"name": "The park"}, {"endedAt": "05/04/26 01:10 PM"}, {"surveyor": "ben"}, {"surveyor": ""}]
    )
    def test_another_place_window_or_observer_is_another(self, change: dict[str, str]) -> None:
        rows = observe({POSTURE: "1"}, {POSTURE: "1", "id": "2"} | change).rows["observations"]
        assert rows["session"].n_unique() == 2

    def test_records_need_an_id(self) -> None:
        assert rejected({POSTURE: "1", "id": ""}) == [("missing_field", "id")]


class TestColumns:
    def test_own_names_may_be_told(self) -> None:
        text = lines("nr,von,bis,ort,modePedestrian", "1,2026-05-04T12:00:00Z,2026-05-04T13:00:00Z,T2,4")
        columns = {"id": "nr", "startedAt": "von", "endedAt": "bis", "area": "ort"}
        whole = parse(Observations(), text, a_context("observations", columns=columns))
        assert (whole.first("observations")["area"], whole.first("observations")["persons"]) == ("T2", 4)

    def test_missing_ones_are_named(self) -> None:
        with pytest.raises(UnusableFile, match="id, startedAt, endedAt, location"):
            parse(Observations(), lines("modePedestrian", "4"), a_context("observations"))


COUNT = st.one_of(st.integers(-1, 9).map(str), st.sampled_from(["", "x", "1.5"]))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                POSTURE: COUNT,
                "genderMale": COUNT,
                "genderFemale": COUNT,
                "groupSize": COUNT,
                "activityPlaying": COUNT,
                "location": st.sampled_from(["-1.95, 53.05", "", "nan, 1", "0, 0"]),
                "startedAt": st.sampled_from(["05/04/26 01:00 PM", "05/04/26 03:00 PM", "?"]),
            }
        ),
        min_size=1,
        max_size=10,
    )
)
def test_every_row_ends_in_exactly_one_place_and_groups_fit_their_people(rows: list[dict[str, str]]) -> None:
    whole = observe(*({"id": str(number)} | row for number, row in enumerate(rows)))
    frame = whole.rows["observations"]
    assert (frame["persons"] >= 0).all()
    assert (frame["ended_at"] > frame["started_at"]).all()
    sized = frame.drop_nulls("group_size")
    assert (sized["group_size"] >= 1).all()
    assert (sized["group_size"] <= sized["persons"]).all()
    assert frame.filter(frame["is_mixed_group"].is_not_null())["group_size"].fill_null(0).ge(2).all()
