"""Coverage: who is heard, and who is not, beside how many they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City
from barometer.estimate.coverage import EVERYBODY, cover, cover_groups
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import (
    BLOCK_END,
    BLOCK_START,
    IN_BLOCK,
    answer,
    counted,
    fielded,
    labelled,
    one,
    post,
    report,
    respondent,
    sighting,
    voices,
    with_day,
)
from tests.rows import rows
from tests.towns import make_testville

BLOCK = pl.DataFrame({"period_start": [BLOCK_START], "period_end": [BLOCK_END]})


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_testville(tmp_path)


class TestEverybody:
    def test_posts_and_authors_beside_adults(self, city: City) -> None:
        found = cover(labelled(*voices(5), post(50, "a0")), signal="posts", city=city, periods=BLOCK)
        row = one(found, area="T1")
        assert (row["records"], row["voices"], row["population"]) == (6, 5, 1000)
        assert row["voices_per_1000"] == 5
        assert row["group"] == EVERYBODY

    def test_where_nobody_is_heard_it_says_so(self, city: City) -> None:
        row = one(cover(labelled(*voices(5)), signal="posts", city=city, periods=BLOCK), area="T3")
        assert (row["records"], row["voices"], row["population"], row["voices_per_1000"]) == (0, 0, 1000, 0.0)

    def test_an_author_of_two_places_is_one_voice_of_the_city(self, city: City) -> None:
        found = cover(labelled(post(1, "a"), post(2, "a", area="T2")), signal="posts", city=city, periods=BLOCK)
        assert one(found, geography=WHOLE_CITY)["voices"] == 1
        assert one(found, geography=WHOLE_CITY)["population"] == 4000
        assert one(found, area="T2")["voices"] == 1

    def test_every_place_and_period_has_a_row(self, city: City) -> None:
        periods = pl.concat([BLOCK, BLOCK.with_columns(pl.all() - timedelta(days=28))])
        found = cover(labelled(*voices(3)), signal="posts", city=city, periods=periods)
        assert found.height == 5 * 2
        assert found.select("geography", "area", "period_start").is_unique().all()

    def test_reports_are_heard_by_rater(self, city: City) -> None:
        frame = with_day(rows("reports", *(report(i, f"q{i % 2}", 3) for i in range(6))), "reported_at")
        row = one(cover(frame, signal="reports", city=city, periods=BLOCK), area="T1")
        assert (row["records"], row["voices"]) == (6, 2)

    def test_observations_are_heard_by_session_and_observer(self, city: City) -> None:
        seen = [sighting(i, f"s{i // 3}", 2, observer="v1" if i < 6 else None) for i in range(9)]
        frame = with_day(rows("observations", *seen), "started_at")
        row = one(cover(frame, signal="observations", city=city, periods=BLOCK), area="T1")
        assert (row["records"], row["voices"]) == (3, 1)

    def test_counts_have_records_and_no_voice(self, city: City) -> None:
        frame = with_day(rows("counts", *(counted(i, 5) for i in range(4))), "counted_on")
        row = one(cover(frame, signal="counts", city=city, periods=BLOCK), area="T1")
        assert (row["records"], row["voices"], row["voices_per_1000"]) == (4, 0, None)
        assert row["population"] == 1250

    def test_an_unknown_population_is_no_rate(self, tmp_path: Path) -> None:
        nothing = pl.lit(None, dtype=pl.Int64)
        areas = make_testville(tmp_path).areas.with_columns(adults=nothing, population=nothing)
        city = make_testville(tmp_path, areas=areas)
        row = one(cover(labelled(*voices(5)), signal="posts", city=city, periods=BLOCK), area="T1")
        assert (row["voices"], row["population"], row["voices_per_1000"]) == (5, None, None)

    @given(authors=st.lists(st.integers(0, 9), min_size=1, max_size=40))
    def test_there_are_never_more_voices_than_records(self, tmp_path: Path, authors: list[int]) -> None:
        posts = [post(i, f"a{a}", area=f"T{1 + a % 4}") for i, a in enumerate(authors)]
        found = cover(labelled(*posts), signal="posts", city=make_testville(tmp_path), periods=BLOCK)
        assert (found["voices"] <= found["records"]).all()
        local = found.filter(pl.col("geography") != WHOLE_CITY)
        assert local["records"].sum() == one(found, geography=WHOLE_CITY)["records"] == len(authors)


class TestGroups:
    def heard(self, city: City, tenures: list[str | None]) -> pl.DataFrame:
        people = fielded(rows("respondents", *(respondent(i) for i in range(len(tenures)))))
        said = [answer(i, "group.tenure", category=t) for i, t in enumerate(tenures) if t is not None]
        answers = rows("answers", *said, answer(0, "trust_police", 5.0))
        return cover_groups(people, answers, city=city, periods=people.select("period_start", "period_end").unique())

    def test_groups_beside_their_population(self, city: City) -> None:
        found = self.heard(city, ["own", "own", "own", "rent"])
        row = one(found, geography=WHOLE_CITY, group="tenure=own")
        assert (row["records"], row["voices"], row["population"]) == (3, 3, 2400)
        assert row["voices_per_1000"] == 1.25
        assert one(found, geography=WHOLE_CITY, group="tenure=rent")["voices"] == 1

    def test_a_group_nobody_is_in_is_there_with_nothing(self, city: City) -> None:
        row = one(self.heard(city, ["own"]), geography=WHOLE_CITY, group="tenure=rent")
        assert (row["voices"], row["population"], row["voices_per_1000"]) == (0, 1600, 0.0)

    def test_a_neighbourhoods_group_of_unknown_size_has_no_rate(self, city: City) -> None:
        row = one(self.heard(city, ["own", "rent"]), area="T1", group="tenure=own")
        assert (row["voices"], row["population"], row["voices_per_1000"]) == (1, None, None)

    def margins(self, **changes: Any) -> pl.DataFrame:
        plain = {
            "margin": ["tenure"] * 4,
            "category": ["own", "rent"] * 2,
            "area": ["T1", "T1", "T2", "T2"],
            "persons": [300, 200, 100, 50],
            "unit": ["persons"] * 4,
            "base": ["adults"] * 4,
        }
        return pl.DataFrame(plain | changes)

    def test_neighbourhoods_groups_add_up_to_the_citys(self, tmp_path: Path) -> None:
        found = self.heard(make_testville(tmp_path, margins=self.margins()), ["own", "rent"])
        assert one(found, area="T1", group="tenure=own")["population"] == 300
        assert one(found, geography=WHOLE_CITY, group="tenure=own")["population"] == 400

    def test_what_is_stated_for_the_city_goes_before_its_neighbourhoods_sum(self, tmp_path: Path) -> None:
        stated = self.margins(area=["T1", "T1", None, None])
        found = self.heard(make_testville(tmp_path, margins=stated), ["own", "rent"])
        assert one(found, geography=WHOLE_CITY, group="tenure=own")["population"] == 100

    def test_households_are_not_people(self, tmp_path: Path) -> None:
        homes = self.margins(unit=["households"] * 4)
        row = one(self.heard(make_testville(tmp_path, margins=homes), ["own"]), area="T1", group="tenure=own")
        assert (row["voices"], row["population"]) == (1, None)

    def test_a_group_the_city_does_not_know_is_not_listed(self, city: City) -> None:
        found = self.heard(city, ["own", "houseboat"])
        assert found["group"].unique().sort().to_list() == ["tenure=own", "tenure=rent"]

    def test_a_city_without_margins_has_no_groups(self, tmp_path: Path) -> None:
        city = make_testville(tmp_path, margins=self.margins().clear())
        assert self.heard(city, ["own"]).is_empty()


def test_the_day_of_the_made_rows_lies_in_their_block() -> None:
    assert BLOCK_START <= IN_BLOCK <= BLOCK_END
