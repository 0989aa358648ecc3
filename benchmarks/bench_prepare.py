"""How many posts a second the door masks and the prepare step reads, and what a full window of earlier posts costs.

Run by `make bench`. Prints posts per second, ratios to the targets (masks with names 500 a second, prepare 1,000) and
what a night costs beside a window of 30 nights; asserts nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from barometer.city import load_city
from barometer.lake import open_lake
from barometer.night import Night
from barometer.prepare.duplicates import mark_duplicates, window
from barometer.prepare.language import find_languages
from barometer.prepare.masks import mask_by_rule
from barometer.prepare.places import place_posts
from barometer.prepare.privacy import CityDoor, city_door
from barometer.prepare.run import prepare
from barometer.settings import PROJECT, Settings
from barometer.tables import TABLES

FIRST_NIGHT = date(2026, 5, 1)
NIGHTS, POSTS_A_NIGHT = 30, 2_000
TARGET_MASKED, TARGET_PREPARED = 500.0, 1_000.0


def variants(texts: list[str], size: int) -> list[str]:
    """`size` different texts of the same words: every round leaves other words out."""
    found = []
    for i in range(size):
        words, around = texts[i % len(texts)].split(), 3 + i // len(texts)
        found.append(" ".join(word for j, word in enumerate(words) if (j + i) % around) + f" no {i}")
    return found


def received(texts: list[str], night: date) -> pl.DataFrame:
    """Received posts of one night, ten minutes apart."""
    size, start = len(texts), datetime(night.year, night.month, night.day, tzinfo=UTC)
    columns = {
        "night": [night] * size,
        "source": ["bench"] * size,
        "post": [f"{night:%d}{i:030d}" for i in range(size)],
        "author": [f"{i % 500:032d}" for i in range(size)],
        "platform": ["bluesky"] * size,
        "created_at": [start + timedelta(seconds=30 * i) for i in range(size)],
        "version_at": [start] * size,
        "text": texts,
        "synthetic": [True] * size,
    }
    schema = TABLES["received_posts"].schema
    return pl.DataFrame(
        {name: pl.Series(columns.get(name, [None] * size), dtype=kind) for name, kind in schema.items()}
    )


@contextmanager
def rate(what: str, posts: int, target: float | None = None) -> Iterator[None]:
    """Print how many posts a second the block takes, and how often it meets its target."""
    began = time.perf_counter()
    yield
    a_second = posts / (time.perf_counter() - began)
    print(f"{what:<44}{a_second:>10,.0f} posts/s" + (f"{a_second / target:>8.1f} x target" if target else ""))


def bench_parts(night: Night, door: CityDoor, texts: list[str]) -> None:
    """Each part on its own."""
    raw, masked = received(texts, FIRST_NIGHT), door.mask(texts)
    no_window = window(night.lake.read("posts"), raw.clear())
    similarity = night.city.thresholds.near_duplicate_similarity
    parts: dict[str, tuple[Callable[[], object], float | None]] = {
        "masks by rule": (lambda: [mask_by_rule(text, night.city.country) for text in texts], None),
        "masks with names": (lambda: door.mask(texts), TARGET_MASKED),
        "masks with names, already masked": (lambda: door.mask(masked), None),
        "language": (lambda: find_languages(masked, [None] * len(masked), night.city.languages), None),
        "places": (lambda: place_posts(night.city, raw), None),
        "duplicates": (
            lambda: mark_duplicates(raw, no_window, similarity=similarity, pseudonyms=door),
            None,
        ),
    }
    for name, (part, target) in parts.items():
        with rate(name, len(texts), target):
            part()


def bench_nights(night: Night, door: CityDoor, texts: list[str]) -> None:
    """The whole step, night after night: the last nights read a full window."""
    seconds = []
    for i in range(NIGHTS + 1):
        tonight = Night(night.city, night.lake, night.settings, FIRST_NIGHT + timedelta(days=i))
        posts = received(texts[i * POSTS_A_NIGHT : (i + 1) * POSTS_A_NIGHT], tonight.night)
        night.lake.replace("received_posts", posts, partition={"night": tonight.night, "source": "bench"})
        began = time.perf_counter()
        prepare(tonight, door)
        seconds.append(time.perf_counter() - began)
    for name, taken in (("prepare, first night", seconds[0]), (f"prepare, night {NIGHTS + 1}", seconds[-1])):
        a_second = POSTS_A_NIGHT / taken
        print(f"{name:<44}{a_second:>10,.0f} posts/s{a_second / TARGET_PREPARED:>8.1f} x target")
    print(f"a window of {NIGHTS * POSTS_A_NIGHT:,} posts costs {seconds[-1] / seconds[0]:.1f} x a night without one")


def main() -> None:
    """Print the figures."""
    configs = PROJECT / "configs"
    written = (configs / "cities" / "sample" / "written_posts.jsonl").read_text("utf-8").splitlines()
    texts = variants([json.loads(line)["text"] for line in written], POSTS_A_NIGHT * (NIGHTS + 1))
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        city = load_city("sample", configs)
        night, door = Night(city, open_lake(settings, city.id), settings, FIRST_NIGHT), city_door(city, settings)
        door.mask(texts[:50])
        bench_parts(night, door, texts[:POSTS_A_NIGHT])
        bench_nights(night, door, texts)


if __name__ == "__main__":
    main()
