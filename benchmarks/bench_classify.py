"""How many posts a second the linear model labels, from a file and in a night, and what grouping rumours costs.

Run by `make bench`. Prints posts per second and ratios to the targets (a file 2,000 posts a second, a night 1,500), the
time to load the model, and the time to group a night's rumours beside a full window; asserts nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from barometer.city import load_city
from barometer.classify.alike import look_around
from barometer.classify.claims import words_of_claims
from barometer.classify.embed import Closeness
from barometer.classify.file import classify_file
from barometer.classify.gather import gather
from barometer.classify.model import load_model
from barometer.classify.run import classify_shard, shards
from barometer.lake import Lake
from barometer.night import Night
from barometer.settings import PROJECT, Settings
from barometer.tables import TABLES

WRITTEN = PROJECT / "configs" / "cities" / "sample" / "written_posts.jsonl"
MODELS = PROJECT / "models"
NIGHT = date(2026, 5, 9)
POSTS, KNOWN_CLAIMS, FRESH_CLAIMS = 12_000, 3_000, 300
TARGET_FILE, TARGET_NIGHT = 2_000.0, 1_500.0


def different_texts(size: int) -> Iterator[str]:
    """`size` texts, no two alike: the written posts over and over, each time with another ending."""
    texts = [json.loads(line)["text"] for line in WRITTEN.read_text("utf-8").splitlines()]
    for number in range(size):
        ending = "".join(chr(97 + int(digit)) for digit in str(number // len(texts)))
        yield f"{texts[number % len(texts)]} {ending}"


def bench_file(folder: Path) -> None:
    source = folder / "posts.jsonl"
    lines = (json.dumps({"id": str(n), "text": text}) for n, text in enumerate(different_texts(POSTS)))
    source.write_text("\n".join(lines), encoding="utf-8")
    began = time.perf_counter()
    classify_file(source, folder / "labels.parquet", models=MODELS)
    _say("file", POSTS, time.perf_counter() - began, TARGET_FILE)


def bench_night(folder: Path) -> None:
    settings = Settings(home=folder / "home")
    night = Night(load_city("sample", settings.configs), Lake(settings.lake, "sample"), settings, NIGHT)
    night.lake.replace("posts", _posts(), partition={"night": NIGHT})
    began = time.perf_counter()
    for shard in shards(night):
        classify_shard(night, shard)
    _say("night", POSTS, time.perf_counter() - began, TARGET_NIGHT)


def _posts() -> pl.DataFrame:
    """Posts of one night, every column there is."""
    rows = [{"post": f"{n:032x}", "author": f"{n % 900:032x}", "text": t} for n, t in enumerate(different_texts(POSTS))]
    shared = {"night": NIGHT, "source": "bench", "platform": "forum", "language": "en", "language_confidence": 1.0}
    shared |= {"created_at": datetime(2026, 5, 9, 12, tzinfo=UTC), "area_evidence": "none", "is_repost": False}
    given = [shared | row | {"duplicate_group": row["post"], "synthetic": True} for row in rows]
    return pl.DataFrame(given, schema=TABLES["posts"].schema)


def bench_claims() -> None:
    texts = list(different_texts(KNOWN_CLAIMS + FRESH_CLAIMS))
    start = datetime(2026, 4, 1, tzinfo=UTC)
    claims = pl.DataFrame(
        {
            "post": [f"p{n}" for n in range(len(texts))],
            "created_at": [start + timedelta(minutes=n) for n in range(len(texts))],
            "text": texts,
            "area": pl.Series([None] * len(texts), dtype=pl.String),
        }
    )
    known = claims[:KNOWN_CLAIMS].with_columns(rumour=pl.format("r{}", pl.int_range(pl.len()) % 1_200))
    began = time.perf_counter()
    around = look_around(claims, Closeness([], []))
    gather(known, claims[KNOWN_CLAIMS:], around=around, words=words_of_claims(texts))
    seconds = time.perf_counter() - began
    print(f"rumours, by words: {FRESH_CLAIMS} claims beside {KNOWN_CLAIMS:,} in the window {seconds:.2f} s")


def _say(what: str, posts: int, seconds: float, target: float) -> None:
    rate = posts / seconds
    print(f"{what}: {posts:,} posts in {seconds:.1f} s, {rate:,.0f} posts/s, {rate / target:.1f} x target")


def main() -> None:
    began = time.perf_counter()
    load_model("linear", MODELS)
    print(f"load: {time.perf_counter() - began:.3f} s")
    bench_claims()
    with tempfile.TemporaryDirectory() as folder:
        bench_file(Path(folder))
        bench_night(Path(folder))


if __name__ == "__main__":
    main()
