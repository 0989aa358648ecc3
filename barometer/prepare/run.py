"""received_posts of a night -> posts of that night."""

from __future__ import annotations

import polars as pl

from barometer.ledger import WHOLE_STEP, Counts, passed_through, record, timed
from barometer.night import Night
from barometer.prepare.duplicates import mark_duplicates, window
from barometer.prepare.language import find_languages
from barometer.prepare.places import place_posts
from barometer.prepare.privacy import CityDoor
from barometer.tables import TABLES

STEP = "prepare"


def prepare(night: Night, door: CityDoor) -> Counts:
    """Make the night's `posts` from its `received_posts`; every one becomes a row. Running it again changes nothing.

    Received posts are purged after the raw retention. Where none of the night are left, its posts stay as they are.
    """
    with timed(night, STEP):
        received = _received(night)
        if received.is_empty():
            return record(night, STEP, WHOLE_STEP, passed_through(_posts_of_the_night(night)))
        distinct = _one_of_each(received)
        posts = _prepared(night, distinct, door)
        night.lake.replace("posts", posts, partition={"night": night.night})
        duplicate = received.height - distinct.height
        counts = Counts(read=received.height, received=received.height, written=posts.height, duplicate=duplicate)
        return record(night, STEP, WHOLE_STEP, counts)


def _received(night: Night) -> pl.DataFrame:
    of_the_night = pl.col("night") == night.night
    return night.lake.read("received_posts").filter(of_the_night).sort("created_at", "post", "source").collect()


def _one_of_each(received: pl.DataFrame) -> pl.DataFrame:
    """Each post once, though two sources may bring it on one night: the newest version, then the first source."""
    newest = received.sort("post", "version_at", "source", descending=[False, True, False])
    return newest.unique("post", keep="first", maintain_order=True).sort("created_at", "post")


def _posts_of_the_night(night: Night) -> int:
    return night.lake.read("posts").filter(pl.col("night") == night.night).select("post").collect().height


def _prepared(night: Night, received: pl.DataFrame, door: CityDoor) -> pl.DataFrame:
    languages = find_languages(received["text"].to_list(), received["language_hint"].to_list(), night.city.languages)
    places = place_posts(night.city, received)
    duplicates = mark_duplicates(
        received,
        window(night.lake.read("posts").filter(pl.col("night") < night.night), received),
        similarity=night.city.thresholds.near_duplicate_similarity,
        pseudonyms=door,
    )
    found = pl.concat([languages, places, duplicates], how="horizontal")
    return received.drop("area", "area_evidence").hstack(found).select(list(TABLES["posts"].schema))
