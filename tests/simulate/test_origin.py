"""What a simulation begins from is there and makes sense, or is refused with what to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import polars as pl
import pytest

from barometer.city import City
from barometer.errors import BadConfiguration
from barometer.simulate.origin import (
    TRUTH_LEVELS,
    WRITTEN_PLACES,
    WRITTEN_POSTS,
    require_synthetic,
    truth_levels,
    written_posts,
)
from tests.towns import make_testville

POST = {
    "id": "p0",
    "text": "The tram is late",
    "day": 0,
    "author": "nobody",
    "platform": "forum",
    "lang": "en",
    "place": "Northgate",
    "place_in_text": False,
    "trust": "none",
    "target": "none",
    "rumour": "none",
    "hostile": "no",
    "story": None,
}


def town(folder: Path, *posts: dict[str, object], levels: str | None = None, places: str | None = None) -> City:
    (folder / WRITTEN_POSTS).write_bytes(b"".join(msgspec.json.encode(POST | post) + b"\n" for post in posts))
    for name, text in ((TRUTH_LEVELS, levels), (WRITTEN_PLACES, places)):
        if text is not None:
            (folder / name).write_text(text, "utf-8")
    return make_testville(folder)


class TestRealCities:
    def test_they_are_never_simulated(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match="testville is real"):
            require_synthetic(make_testville(tmp_path, is_synthetic=False))

    def test_synthetic_ones_are(self, tmp_path: Path) -> None:
        require_synthetic(make_testville(tmp_path))


class TestWrittenPosts:
    def test_each_is_of_its_neighbourhood_or_of_none(self, tmp_path: Path) -> None:
        posts = written_posts(town(tmp_path, {}, {"place": None}, {"place": "Westwood"}))
        assert posts["area"].to_list() == ["T1", None, "T4"]

    def test_a_place_that_was_split_is_divided_by_words_of_the_text(self, tmp_path: Path) -> None:
        places = "# which\nplace,word,area\nOld Town,mill,T2\nOld Town,,T3\n"
        old = {"place": "Old Town"}
        posts = written_posts(town(tmp_path, old | {"text": "The Mill is open"}, old, {}, places=places))
        assert posts["area"].to_list() == ["T2", "T3", "T1"]

    def test_an_unknown_place_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match="Atlantis, Ys"):
            written_posts(town(tmp_path, {"place": "Ys"}, {"place": "Atlantis"}))

    def test_an_unknown_label_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match="trust must be one of trust, distrust, none"):
            written_posts(town(tmp_path, {"trust": "maybe"}))

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match=WRITTEN_POSTS):
            written_posts(make_testville(tmp_path))


class TestTruthLevels:
    def levels(self, folder: Path, text: str) -> list[float]:
        return truth_levels(town(folder, levels=text), ["T1", "T2"])

    def test_they_come_in_the_order_asked_for(self, tmp_path: Path) -> None:
        assert self.levels(tmp_path, "# s\narea,other,social_trust_share\nT2,x,0.4\nT1,x,0.5\nT9,x,0.1\n") == [0.5, 0.4]

    @pytest.mark.parametrize("value", ["0", "1", "1.2", "-0.1", ""])
    def test_what_is_no_share_is_named(self, tmp_path: Path, value: str) -> None:
        with pytest.raises(BadConfiguration, match="for T2;"):
            self.levels(tmp_path, f"area,social_trust_share\nT1,0.5\nT2,{value}\n")

    def test_an_area_without_one_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match="for T2;"):
            self.levels(tmp_path, "area,social_trust_share\nT1,0.5\n")


class TestTheSampleCity:
    def test_every_written_post_is_placed_unless_it_is_of_no_place(self, sample_city: City) -> None:
        posts = written_posts(sample_city)
        assert posts.height == 1200
        assert posts.filter(pl.col("place").is_null() != pl.col("area").is_null()).height == 0

    def test_places_that_were_split_are_divided(self, sample_city: City) -> None:
        posts = written_posts(sample_city)
        silsden = posts.filter(pl.col("text").str.contains("Silsden") & (pl.col("place") == "Steeton & Silsden"))
        assert silsden.height > 3
        assert silsden["area"].n_unique() == 1

    def test_levels_of_all_63_neighbourhoods_are_published_ones(self, sample_city: City, shared_data: Path) -> None:
        areas = sample_city.neighbourhoods["area"].to_list()
        levels = dict(zip(areas, truth_levels(sample_city, areas), strict=True))
        published = pl.read_csv(shared_data / "places" / "derived_msoa_trust_covariates" / "bradford_msoa11.csv")
        known = dict(published.select("msoa11_code", "trust").iter_rows())
        unchanged = [area for area in areas if area in known]
        assert len(levels) == 63
        assert len(unchanged) == 59
        assert all(levels[area] == pytest.approx(known[area], abs=5e-5) for area in unchanged)

    def test_a_copy_that_is_marked_real_is_refused(self, sample_city: City) -> None:
        with pytest.raises(BadConfiguration):
            require_synthetic(dataclasses.replace(sample_city, is_synthetic=False))
