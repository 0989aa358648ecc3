"""data.police.uk against a stand-in: months, polygons, too many crimes at once, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import load_city
from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Call, Page
from barometer.ingest.live.police_uk import CONNECTOR, PoliceOptions, _poly, _tiles, counted, parts_of
from barometer.ingest.source import Line
from barometer.ingest.tables.incidents import POLICE_UK
from barometer.settings import PROJECT
from tests.ingest.live.stand_in import Asked, Reply, StandIn, a_call, stand_in
from tests.ingest.tables.desk import a_context

MONTHS = ["2026-04", "2026-03", "2026-02", "2026-01"]


def a_crime(number: int, longitude: float = -1.95, latitude: float = 53.05, **values: Any) -> dict[str, Any]:
    """A crime that never was, in the form the service gives."""
    return {
        "category": "bicycle-theft",
        "location_type": "Force",
        "location": {
            "latitude": f"{latitude:.6f}",
            "longitude": f"{longitude:.6f}",
            "street": {"id": 1, "name": "On or near Invented Row"},
        },
        "context": "",
        "outcome_status": None,
        "persistent_id": "",
        "id": number,
        "month": "2026-04",
        **values,
    }


@contextmanager
def police(crimes: list[dict[str, Any]], *, most: int = 10_000) -> Iterator[StandIn]:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/crimes-street-dates":
            return Reply(body=[{"date": month, "stop-and-search": []} for month in MONTHS])
        assert asked.method == "POST"
        outline = _polygon(asked.form["poly"][0])
        found = [one for one in crimes if outline.intersects(_place(one))]
        return Reply(503) if len(found) > most else Reply(body=found)

    with stand_in(answer) as server:
        yield server


def _polygon(poly: str) -> shapely.Polygon:
    points = [tuple(map(float, pair.split(","))) for pair in poly.split(":")]
    return shapely.Polygon([(longitude, latitude) for latitude, longitude in points])


def _place(crime: dict[str, Any]) -> shapely.Point:
    return shapely.Point(float(crime["location"]["longitude"]), float(crime["location"]["latitude"]))


def call_of(server: StandIn, **options: Any) -> Call:
    stated = PoliceOptions(server=server.url, **options)
    return replace(a_call(server, options=stated), context=a_context("counts"))


def rows(pages: list[Page]) -> pl.DataFrame:
    records = [record for page in pages for record in page.records]
    part = POLICE_UK.parse_lines([Line(n, one) for n, one in enumerate(records, start=1)], a_context("counts"))
    assert part.read == len(records) == part.rows["counts"].height
    return part.rows["counts"]


class TestMonths:
    def test_the_first_night_reads_as_far_back_as_the_city_says(self) -> None:
        with police([]) as server:
            pages = list(CONNECTOR.pages(call_of(server, begin_months=2), None))
        assert [page.cursor for page in pages] == [{"month": "2026-03"}, {"month": "2026-04"}]

    def test_later_nights_read_what_was_published_since(self) -> None:
        with police([]) as server:
            pages = list(CONNECTOR.pages(call_of(server), {"month": "2026-03"}))
            none = list(CONNECTOR.pages(call_of(server), {"month": "2026-04"}))
        assert [page.cursor["month"] for page in pages] == ["2026-04"]
        assert none == []

    def test_a_month_after_the_horizon_is_not_read(self) -> None:
        with police([]) as server:
            call = call_of(server)
            early = replace(call, context=replace(call.context, horizon=datetime(2026, 2, 20, tzinfo=UTC)))
            assert [page.cursor["month"] for page in CONNECTOR.pages(early, None)] == ["2026-01", "2026-02"]


class TestCrimes:
    def test_they_are_counted_where_the_map_point_lies_over_the_whole_month(self) -> None:
        crimes = [a_crime(1), a_crime(2), a_crime(3, -1.85)]
        with police(crimes) as server:
            found = rows(list(CONNECTOR.pages(call_of(server, begin_months=1), None)))
        totals = dict(found.group_by("area").agg(pl.col("count").sum()).iter_rows())
        assert totals == pytest.approx({"T1": 2.0, "T2": 1.0})
        assert found["counted_on"].dt.strftime("%Y-%m").unique().to_list() == ["2026-04"]
        assert set(found["series"]) == {"police_recorded_incidents"}

    def test_too_many_at_once_are_asked_for_in_halves(self) -> None:
        crimes = [a_crime(number, -2 + 0.4 * (number + 0.5) / 40, 53.01 + 0.002 * number) for number in range(40)]
        with police(crimes, most=15) as server:
            found = rows(list(CONNECTOR.pages(call_of(server, begin_months=1), None)))
            asked = [one for one in server.asked if one.method == "POST"]
        assert found["count"].sum() == pytest.approx(40)
        assert len(asked) > 2

    def test_a_service_that_is_down_is_no_crowd(self) -> None:
        with (
            stand_in(
                lambda asked: Reply(503) if asked.method == "POST" else Reply(body=[{"date": "2026-04"}])
            ) as server,
            pytest.raises(ServiceUnavailable),
        ):
            list(CONNECTOR.pages(call_of(server), None))

    def test_one_failure_is_waited_out(self) -> None:
        failures = [Reply(502), Reply(429, headers={"Retry-After": "1"})]

        def answer(asked: Asked) -> Reply:
            if asked.method == "GET":
                return Reply(body=[{"date": "2026-04"}])
            return failures.pop() if failures else Reply(body=[a_crime(1)])

        with stand_in(answer) as server:
            assert rows(list(CONNECTOR.pages(call_of(server), None)))["count"].sum() == pytest.approx(1)

    def test_a_crime_on_a_seam_counts_once(self) -> None:
        assert [one["crimes"] for one in counted([a_crime(1), a_crime(1)], "2026-02")] == [1, 1, 1, 1]

    def test_crimes_without_a_place_stay_unplaced(self) -> None:
        crime = a_crime(1, location=None)
        records = [json.dumps(one).encode() for one in counted([crime], "2026-04")]
        found = rows([Page(records, {})])
        assert found["area"].null_count() == found.height == 5

    @given(
        st.lists(st.tuples(st.integers(0, 30), st.sampled_from([-1.95, -1.85, -1.75])), max_size=40),
        st.sampled_from(MONTHS),
        st.randoms(),
    )
    def test_order_numbers_and_repeats_do_not_matter(
        self, crimes: list[tuple[int, float]], month: str, random: Any
    ) -> None:
        given_out = [a_crime(number, place) for number, place in dict(crimes).items()]
        shuffled = [*given_out, *given_out[:3]]
        random.shuffle(shuffled)
        first, again = counted(given_out, month), counted(shuffled, month)
        assert first == again
        total = sum(one["crimes"] * one["days"] for one in first)
        assert total == pytest.approx(len(given_out) * sum(days for _, days in parts_of(month)))


class TestOutline:
    def test_it_goes_by_post_as_latitude_and_longitude(self) -> None:
        with police([]) as server:
            list(CONNECTOR.pages(call_of(server, begin_months=1, category="anti-social-behaviour"), None))
            asked = server.asked[-1]
        assert asked.path == "/api/crimes-street/anti-social-behaviour"
        assert asked.form["date"] == ["2026-04"]
        assert all(52.9 < float(pair.split(",")[0]) < 53.2 for pair in asked.form["poly"][0].split(":"))

    def test_bradfords_pieces_cover_it_and_hold_no_more_people_than_the_service_bears(self) -> None:
        city = load_city("bradford", PROJECT / "configs")
        tiles = _tiles(city)
        whole = shapely.union_all(
            [shapely.from_geojson(json.dumps(one["geometry"])) for one in city.boundaries()["features"]]
        )
        covered = shapely.union_all([_polygon(_poly(tile)) for tile in tiles])
        assert shapely.difference(whole, covered).area < 1e-4 * whole.area
        assert covered.area < 1.02 * whole.area
        assert len(tiles) >= 3
        assert max(len(_poly(tile)) for tile in tiles) > 100


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(body={"no": "list"}), ServiceRefused),
        (Reply(404), ServiceRefused),
        (Reply(403), NotPermitted),
        (Reply(429, headers={"Retry-After": "1"}), ServiceUnavailable),
    ],
)
def test_what_goes_wrong_is_told_apart(reply: Reply, error: type[Exception]) -> None:
    with stand_in(lambda _: reply) as server, pytest.raises(error):
        list(CONNECTOR.pages(call_of(server), None))


def test_the_probe_says_which_months_are_there() -> None:
    with police([]) as server:
        assert CONNECTOR.probe(call_of(server)) == "reachable, months 2026-01 to 2026-04 are published"


def test_that_places_are_anonymised_is_in_the_terms() -> None:
    assert "anonymised" in CONNECTOR.terms
