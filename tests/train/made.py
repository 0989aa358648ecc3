"""A small data folder in the shape of the real one: invented posts whose words give their labels away."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from barometer.train.data import SCHEMA

TARGET_WORDS = {
    "people": "neighbours",
    "outgroup": "newcomers",
    "local_government": "council",
    "police_justice": "police",
    "health": "nurses",
    "national_government": "ministers",
    "media": "newspapers",
    "other_institution": "bank",
}
TRUST_WORDS = {"trust": "reliable honest", "distrust": "liars crooked"}
RUMOUR_WORDS = {"rumour": "apparently heard", "correction": "untrue debunked", "none": "today"}
# With a number in letters behind each, these make every post's text its own.
PLACES = ("park", "market", "station", "river", "school", "bakery")


def a_post(number: int, **values: Any) -> dict[str, Any]:
    """Post number `number`: its labels go round through all classes, its words follow, its place makes it its own."""
    targets = list(TARGET_WORDS)
    trust = ("trust", "distrust", "none")[number % 3]
    target = targets[number // 3 % len(targets)] if trust != "none" else "none"
    rumour = ("none", "rumour", "none", "correction", "none")[number // 2 % 5]
    hostile = "yes" if number % 7 == 0 else "no"
    said = [TRUST_WORDS.get(trust, "weather walk"), TARGET_WORDS.get(target, "dog"), RUMOUR_WORDS[rumour]]
    said += ["vermin"] if hostile == "yes" else []
    where = " ".join(f"{place}{_letters(number * (k + 2))}" for k, place in enumerate(PLACES[:6]))
    labels = {"trust": trust, "target": target, "rumour": rumour, "hostile": hostile}
    return {"id": f"x{number}", "text": f"{' '.join(said)} by the {where}", **labels, **values}


def _letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def many(start: int, count: int, **values: Any) -> list[dict[str, Any]]:
    return [a_post(number, **values) for number in range(start, start + count)]


def frame(*several: dict[str, Any]) -> pl.DataFrame:
    """Posts in the schema of training; what is not said is gold, of the source 'semeval', by nobody known."""
    plain: dict[str, Any] = dict.fromkeys(SCHEMA) | {"set": "gold", "source": "semeval"}
    return pl.DataFrame([plain | values for values in several], schema=SCHEMA)


def write_lines(path: Path, posts: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(post) + "\n" for post in posts), encoding="utf-8")
    return path


def write_rows(path: Path, posts: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(posts[0]))
        writer.writeheader()
        writer.writerows(posts)


def hatecheck_cases() -> Iterator[dict[str, str]]:
    """Two functionalities, two groups."""
    for number in range(6):
        yield {"functionality": "derog_neg_emote_h", "test_case": f"vermin {number}", "label_gold": "hateful"} | {
            "target_ident": "women" if number % 2 else "immigrants"
        }
    for name in ("ident_neutral_nh", "ident_pos_nh", "counter_quote_nh", "counter_ref_nh"):
        yield {"functionality": name, "test_case": f"a walk {name}", "label_gold": "non-hateful", "target_ident": ""}


def a_data_folder(folder: Path) -> tuple[Path, Path]:
    """Data folder and sample file."""
    posts = folder / "data" / "posts"
    write_lines(posts / "trust_gold" / "posts.jsonl", many(0, 150, source="semeval"))
    write_lines(posts / "trust_silver" / "posts.jsonl", many(200, 150, source="hateval"))
    write_rows(posts / "hatecheck" / "test_suite_cases.csv", list(hatecheck_cases()))
    turns = [{"text": f"{words} {n}", "label": label} for n in "abc" for label, words in VIRA.items()]
    write_rows(posts / "viratrust" / "set" / "data" / "test.csv", turns)
    hate = posts / "tweeteval" / "datasets" / "hate"
    hate.mkdir(parents=True)
    (hate / "test_text.txt").write_text("vermin all\na nice walk\nvermin again\n", encoding="utf-8")
    (hate / "test_labels.txt").write_text("1\n0\n1\n", encoding="utf-8")
    sample = [a_post(400 + n, author=f"author{n // 2}", story=f"story{n // 6}" if n < 48 else None) for n in range(150)]
    return folder / "data", write_lines(folder / "sample.jsonl", sample)


VIRA = {"0": "liars crooked", "1": "liars", "2": "weather walk", "3": "reliable honest"}
