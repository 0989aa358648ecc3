"""Service requests and street-level crime become counts, whatever else their records say."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.source import Line
from barometer.ingest.tables.incidents import OPEN311, POLICE_UK, Incidents, days_of
from tests.ingest.tables.desk import OpenDoor, Whole, a_context, require_account, together

REQUEST = {"service_request_id": "7", "requested_datetime": "2026-05-01T23:30:00Z", "lat": 53.05, "long": -1.95}
PART = {"month": "2026-04", "from_day": 8, "days": 7, "longitude": "-1.95", "latitude": "53.05", "crimes": 3}


def parsed(parser: Incidents, *records: Any, **options: Any) -> Whole:
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]
    part = parser.parse_lines([Line(n, one) for n, one in enumerate(texts, 1)], a_context("counts", **options))
    whole = together([part])
    require_account(whole)
    return whole


class TestRequests:
    def test_one_counts_on_its_local_day_where_its_point_lies(self) -> None:
        row = parsed(OPEN311, REQUEST).first("counts")
        # Half past eleven in the evening UTC is the next day in London's summer.
        assert (row["counted_on"], row["area"], row["count"]) == (date(2026, 5, 2), "T1", 1.0)
        assert row["record"] == OpenDoor().pseudonym("record", "a_source:7")

    def test_the_series_may_be_the_citys_own(self) -> None:
        assert parsed(OPEN311, REQUEST, series="street_lamps").first("counts")["series"] == "street_lamps"

    @pytest.mark.parametrize("point", [{"lat": None, "long": None}, {"lat": "", "long": ""}, {"lat": 10, "long": 10}])
    def test_without_a_point_in_the_city_it_is_unplaced(self, point: dict[str, Any]) -> None:
        assert parsed(OPEN311, REQUEST | point).first("counts")["area"] is None

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"service_request_id": None}, "missing_field"),
            ({"requested_datetime": "soon"}, "invalid_date"),
            ({"requested_datetime": "1969-01-01T00:00:00Z"}, "implausible_date"),
            ({"lat": 95}, "impossible_coordinates"),
        ],
    )
    def test_what_cannot_be_is_set_aside(self, change: dict[str, Any], rule: str) -> None:
        assert parsed(OPEN311, REQUEST | change).rules == [rule]

    def test_a_time_without_offset_is_local(self) -> None:
        row = parsed(OPEN311, REQUEST | {"requested_datetime": "2026-05-01T23:30:00"}).first("counts")
        assert row["counted_on"] == date(2026, 5, 1)


class TestCrimes:
    def test_a_part_of_a_month_has_its_share_on_its_middle_day(self) -> None:
        row = parsed(POLICE_UK, PART).first("counts")
        assert (row["counted_on"], row["area"], row["series"]) == (date(2026, 4, 11), "T1", "police_recorded_incidents")
        assert row["count"] == pytest.approx(3 * 7 / 30)

    @pytest.mark.parametrize(
        "change", [{"month": "soon"}, {"month": "2026-13"}, {"from_day": 40}, {"crimes": None}, {"days": []}]
    )
    def test_a_record_that_is_none_of_ours_is_set_aside(self, change: dict[str, Any]) -> None:
        assert parsed(POLICE_UK, PART | change).rules == ["missing_field"]

    @pytest.mark.parametrize(("month", "days"), [("2026-02", 28), ("2024-02", 29), ("2026-04", 30)])
    def test_days_of_a_month(self, month: str, days: int) -> None:
        assert days_of(month) == days


@pytest.mark.parametrize("parser", [OPEN311, POLICE_UK])
def test_what_is_no_record_is_set_aside(parser: Incidents) -> None:
    assert parsed(parser, b"{", b"[]").rules == ["invalid_json", "wrong_type"]


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | st.just([])


@pytest.mark.parametrize(("parser", "plain"), [(OPEN311, REQUEST), (POLICE_UK, PART)])
@given(data=st.data())
def test_every_record_ends_in_exactly_one_place(parser: Incidents, plain: dict[str, Any], data: st.DataObject) -> None:
    changes = st.lists(st.dictionaries(st.sampled_from(sorted(plain)), VALUES, max_size=3), max_size=4)
    records = [plain | change for change in data.draw(changes)]
    whole = parsed(parser, *records)
    assert whole.read == len(records)
    assert (whole.rows["counts"]["count"] >= 0).all()
