"""The simulated person: names what they know, once a claim, and leaves the rest for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pytest

from barometer.city import City
from barometer.classify.review import ASKED, SHEET
from barometer.errors import BadConfiguration
from barometer.library import read_library
from barometer.simulate.curator import fill_sheet, written_claims
from barometer.simulate.origin import written_posts


def unmasked(texts: Sequence[str]) -> list[str]:
    return list(texts)


def told(city: City, story: str | None) -> list[str]:
    """Texts of a story's rumours; of rumours of no story for None."""
    posts = written_posts(city).filter(pl.col("rumour") == "rumour")
    return posts.filter(pl.col("story").eq_missing(pl.lit(story)))["text"].to_list()


def a_sheet(texts: Sequence[str | None]) -> pl.DataFrame:
    columns = {name: pl.lit(None, pl.String) for name in (*SHEET, *ASKED, "note")}
    rumours = [f"{number:02x}" for number in range(len(texts))]
    sheet = pl.DataFrame(
        {"rumour": rumours, "example": list(texts)}, schema={"rumour": pl.String, "example": pl.String}
    )
    return sheet.with_columns(**{n: c for n, c in columns.items() if n not in sheet.columns}).select(list(columns))


def test_the_first_rumour_of_a_claim_is_named_and_the_others_are_the_same(sample_city: City) -> None:
    sheet = fill_sheet(a_sheet(told(sample_city, "library-closure")[:3]), city=sample_city, mask=unmasked)
    assert sheet["title"].to_list() == [
        "The council will close the branch library and sell the building for flats",
        None,
        None,
    ]
    assert sheet["evidence"].to_list() == ["synthetic-library-closure", None, None]
    assert sheet["same_as"].to_list() == [None, "00", "00"]


def test_claims_of_one_story_are_kept_apart_by_their_words(sample_city: City) -> None:
    texts = told(sample_city, "gp-appointments")
    sheet = fill_sheet(a_sheet(texts), city=sample_city, mask=unmasked)
    premium = sheet.filter(pl.col("example").str.contains("premium"))
    assert premium["title"][0] == "The new number for GP appointments is a premium rate line"
    assert sheet["title"].drop_nulls().n_unique() == sheet["title"].drop_nulls().len() == 3


def test_what_is_of_no_story_or_unknown_is_left_for_others(sample_city: City) -> None:
    texts = [*told(sample_city, None)[:2], "nobody wrote this", None]
    sheet = fill_sheet(a_sheet(texts), city=sample_city, mask=unmasked)
    assert sheet.select(*ASKED).null_count().row(0) == (4,) * 4


def test_a_text_is_known_again_through_the_door(sample_city: City) -> None:
    text = told(sample_city, "vaccine-van")[0]
    masked = fill_sheet(a_sheet([text.upper()]), city=sample_city, mask=lambda texts: [t.upper() for t in texts])
    assert masked["evidence"].to_list() == ["synthetic-vaccine-van"]


def test_nothing_else_of_the_sheet_is_changed(sample_city: City) -> None:
    before = a_sheet(told(sample_city, "water-contaminated")[:2])
    after = fill_sheet(before, city=sample_city, mask=unmasked)
    assert after.columns == before.columns
    assert after.select(*SHEET, "status", "note").equals(before.select(*SHEET, "status", "note"))


def test_every_written_claim_is_of_a_story_and_its_answer_is_in_the_library(sample_city: City) -> None:
    claims = written_claims(sample_city)
    assert set(claims["story"]) == set(written_posts(sample_city)["story"].drop_nulls())
    assert set(claims["evidence"].drop_nulls()) <= set(read_library(sample_city.folder)["id"])
    # The last claim of a story takes what no other does, so that no post of a story is without one.
    assert claims.group_by("story").agg(pl.col("words").last())["words"].null_count() == claims["story"].n_unique()


def test_a_real_city_has_nobody_simulated(sample_city: City) -> None:
    real = replace(sample_city, is_synthetic=False)
    with pytest.raises(BadConfiguration, match="is real"):
        fill_sheet(a_sheet([]), city=real, mask=unmasked)
