"""Simulated labellers: they read what the audit drew of a synthetic city's posts and say what its writers meant.

The written posts carry labels; two labellers give them back, each with slips of their own. SYNTHETIC like the rest.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from barometer.city import City
from barometer.simulate.origin import require_synthetic, written_posts
from barometer.simulate.plan import Plan
from barometer.tables import LABEL_HEADS

LABELLERS = ("labeller-a", "labeller-b")
# Share of labels that slip: people who label this guide's posts agree with kappas of .91 and more.
SLIP_SHARE = 0.03


def label_audit(
    posts: pl.DataFrame, path: Path, *, city: City, seed: int, mask: Callable[[Sequence[str]], list[str]]
) -> int:
    """Fill a file of the audit as two people would; returns the number of posts they knew.

    `posts`: post, text (masked). `mask`: what the city's door does to texts, so that a written post is known again. A
    text that was changed after it was written is left unlabelled, as people leave what they cannot read. Raises
    `BadConfiguration` for a real city.
    """
    require_synthetic(city)
    written = written_posts(city)
    meant = pl.DataFrame({"text": mask(written["text"].to_list()), **{head: written[head] for head in LABEL_HEADS}})
    known = posts.join(meant.unique("text", keep="first", maintain_order=True), on="text", how="inner").sort("post")
    rows = [row for name in LABELLERS for row in _labelled(known, name, seed)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=["post", "text", "labeller", *LABEL_HEADS])
        writer.writeheader()
        writer.writerows(rows)
    return known.height


def _labelled(known: pl.DataFrame, labeller: str, seed: int) -> list[dict[str, str]]:
    random = Plan(seed=seed).random("audit", labeller)
    return [_judged(row, labeller, random) for row in known.iter_rows(named=True)]


def _judged(row: dict[str, str], labeller: str, random: np.random.Generator) -> dict[str, str]:
    """One post as one person labels it. Where trust slips to none or from it, the target goes along."""
    said = {head: _slipped(row[head], LABEL_HEADS[head], random) for head in LABEL_HEADS}
    if said["trust"] == "none":
        said["target"] = "none"
    elif said["target"] == "none":
        said["target"] = row["target"] if row["target"] != "none" else "people"
    return {"post": row["post"], "text": "", "labeller": labeller, **said}


def _slipped(label: str, classes: Sequence[str], random: np.random.Generator) -> str:
    others = [other for other in classes if other != label]
    return others[int(random.integers(len(others)))] if random.random() < SLIP_SHARE else label
