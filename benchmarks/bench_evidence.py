"""How often a post finds the claim it repeats: CLEF-2020 CheckThat! task 2, mean average precision at 5 (MAP@5).

Reads the set from `BAROMETER_DATA`. Fits the re-ranking weights on the training questions, chooses nothing on the test
questions, prints both, and the weights that `barometer/classify/evidence.py` holds; what ships is told as it ships,
with the shipped weights and sentence encoder. Takes two minutes. Asserts nothing.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from barometer.classify.bm25 import fit_bm25
from barometer.classify.evidence import Evidence, readable, terms
from barometer.classify.kept import KeptVectors
from barometer.classify.sentences import load_sentence_encoder
from barometer.library import LIBRARY
from barometer.settings import Settings

SET = Path("posts") / "clef2020_t2_claimretrieval"
PARTS = {
    "train": ("data/v3.zip", "v3.0/train/"),
    "dev": ("data/v3.zip", "v3.0/dev/"),
    "test": ("test-input/test-input.zip", ""),
}
REGULARISATION = 1.0

Questions = tuple[list[str], list[set[int]]]


def lines(archive: Path, name: str) -> list[list[str]]:
    """Rows of a tab-separated file of an archive, without its header."""
    with zipfile.ZipFile(archive) as held:
        text = held.read(name).decode("utf-8")
    return list(csv.reader(io.StringIO(text), delimiter="\t"))[1:]


def library(folder: Path) -> pl.DataFrame:
    """The verified claims as an evidence library; what the set does not say is empty."""
    rows = lines(folder / "data" / "v3.zip", "v3.0/verified_claims.docs.tsv")
    empty = dict.fromkeys(LIBRARY, "")
    made = [{**empty, "id": row[0], "claim": row[1], "title": row[2]} for row in rows]
    return pl.DataFrame(made, schema=LIBRARY)


def questions(folder: Path, part: str, place: dict[str, int]) -> Questions:
    """Posts of a part of the set, and the rows of the claims that each repeats."""
    archive, inside = folder / PARTS[part][0], PARTS[part][1]
    asked = lines(archive, f"{inside}tweets.queries.tsv")
    with zipfile.ZipFile(archive) as held:
        pairs = held.read(f"{inside}tweet-vclaim-pairs.qrels").decode("utf-8").split("\n")
    right: dict[str, set[int]] = {row[0]: set() for row in asked}
    for question, _, claim, relevance in (pair.split() for pair in pairs if pair.strip()):
        if int(relevance):
            right[question].add(place[claim])
    return [row[1] for row in asked], [right[row[0]] for row in asked]


def map_at_5(ranked: Sequence[Sequence[int]], right: Sequence[set[int]]) -> float:
    """Mean over questions of the average precision within the first five."""
    return float(
        np.mean([_average_precision(list(found)[:5], wanted) for found, wanted in zip(ranked, right, strict=True)])
    )


def _average_precision(found: list[int], wanted: set[int]) -> float:
    hits = np.array([claim in wanted for claim in found], dtype=float)
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / max(1, min(len(wanted), 5)))


def bench(evidence: Evidence, asked: dict[str, Questions], label: str) -> None:
    """Fit on the training questions; tell MAP@5 on the others, and the weights."""
    found = {part: evidence.candidates(texts) for part, (texts, _) in asked.items()}
    names = list(found["train"][1])
    table = {part: np.stack([values[name] for name in names], axis=-1) for part, (_, values) in found.items()}
    rows, right = found["train"][0], asked["train"][1]
    hits = np.array([[row in wanted for row in some] for some, wanted in zip(rows, right, strict=True)])
    kept = hits.any(axis=1)
    flat = table["train"][kept].reshape(-1, len(names))
    spread = flat.std(axis=0)
    model = LogisticRegression(C=REGULARISATION, max_iter=2_000).fit(flat / spread, hits[kept].ravel())
    weights = model.coef_[0] / spread
    for part in ("dev", "test"):
        order = np.argsort(-(table[part] @ weights), axis=1, kind="stable")
        ranked = np.take_along_axis(found[part][0], order, axis=1)
        print(f"{label:<40}{part:<6}{map_at_5(ranked.tolist(), asked[part][1]):.3f}", flush=True)
    print(
        {"intercept": round(float(model.intercept_[0]), 3)} | dict(zip(names, weights.round(3).tolist(), strict=True))
    )


def _words(text: str) -> list[str]:
    """Words in lower case and nothing more: the plain baseline."""
    return re.findall(r"\w+", text.lower())


def main() -> None:
    """Print the figures."""
    folder = Settings().data / SET
    if not folder.is_dir():
        sys.exit(f"no {folder}: set BAROMETER_DATA")
    claims = library(folder)
    place = {claim: row for row, claim in enumerate(claims["id"])}
    asked = {part: questions(folder, part, place) for part in PARTS}
    plain = fit_bm25([f"{row['claim']} {row['title']}" for row in claims.to_dicts()], _words)
    better = fit_bm25([f"{row['claim']} {row['title']}" for row in claims.to_dicts()], terms)
    for part in ("dev", "test"):
        texts, right = asked[part]
        for label, scores in (
            ("BM25, text as it is", plain.scores(texts)),
            ("BM25, words as prepared", better.scores([readable(text) for text in texts])),
        ):
            print(
                f"{label:<40}{part:<6}{map_at_5(np.argsort(-scores, axis=1, kind='stable')[:, :5].tolist(), right):.3f}"
            )
    began = time.perf_counter()
    bench(Evidence(claims), asked, "re-ranked by words")
    print(f"{sum(len(texts) for texts, _ in asked.values()) / (time.perf_counter() - began):.0f} posts/s")
    encoder = load_sentence_encoder(Settings().models)
    with TemporaryDirectory() as scratch:
        kept = KeptVectors(encoder, Path(scratch) / "claims.npz")
        bench(Evidence(claims, encoder, kept), asked, "re-ranked by words and meaning")
        began = time.perf_counter()
        again = Evidence(claims, encoder, kept)
        for part in ("dev", "test"):
            print(f"{'as it ships':<40}{part:<6}{as_shipped(again, place, asked[part]):.3f}", flush=True)
        count = sum(len(asked[part][0]) for part in ("dev", "test"))
        print(f"{count / (time.perf_counter() - began):.0f} posts/s, the claims' meaning known")


def as_shipped(evidence: Evidence, place: dict[str, int], asked: Questions) -> float:
    """MAP@5 of what `match` answers, with the weights that ship."""
    found = evidence.match(asked[0], most=5)
    ranked = [[place[claim] for claim in part["id"]] for _, part in found.group_by("question", maintain_order=True)]
    return map_at_5(ranked, asked[1])


if __name__ == "__main__":
    main()
