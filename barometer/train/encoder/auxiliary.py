"""Public sets that help the encoder read: each a small reader, with what it asks and its licence.

Only training (and validation) parts are read: test parts stay unseen. HateCheck is never read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from barometer.errors import BadInput
from barometer.train.data import csv_rows

Row = tuple[str, str]
SCHEMA = {"task": pl.String(), "text": pl.String(), "label": pl.String()}
_TWEETEVAL_PARTS = ("train", "val")


@dataclass(frozen=True)
class Task:
    """One auxiliary task. `read` gives (text, class) pairs from the folder of posts; `most` caps how many are used."""

    name: str
    classes: tuple[str, ...]
    licence: str
    read: Callable[[Path], Iterator[Row]]
    most: int = 15_000


def _tweeteval(folder: str, classes: tuple[str, ...]) -> Callable[[Path], Iterator[Row]]:
    def read(posts: Path) -> Iterator[Row]:
        for part in _TWEETEVAL_PARTS:
            yield from tweeteval_part(posts, folder, part, classes)

    return read


def tweeteval_part(posts: Path, folder: str, part: str, classes: tuple[str, ...]) -> Iterator[Row]:
    """(text, class) of one part (train, val, test) of a TweetEval task."""
    base = posts / "tweeteval" / "datasets" / folder
    texts, labels = _lines(base / f"{part}_text.txt"), _lines(base / f"{part}_labels.txt")
    yield from ((text, classes[int(label)]) for text, label in zip(texts, labels, strict=True))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file; put the set there or train without auxiliary tasks")
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _viratrust(posts: Path) -> Iterator[Row]:
    classes = _VIRATRUST
    for part in ("train", "dev"):
        for path in sorted((posts / "viratrust").glob(f"*/data/{part}.csv")):
            yield from ((row["text"], classes[int(row["label"])]) for row in csv_rows(path))


def _davidson(posts: Path) -> Iterator[Row]:
    for row in csv_rows(posts / "davidson_hate" / "data" / "labeled_data.csv"):
        yield row["tweet"], _DAVIDSON[int(row["class"])]


def _covid_claims(posts: Path) -> Iterator[Row]:
    for row in csv_rows(posts / "constraint2021_covid_fake" / "data" / "Constraint_Train.csv"):
        yield row["tweet"], row["label"]


def _sentiment(posts: Path) -> Iterator[Row]:
    folder = posts / "semeval_sentiment" / "dataset" / "Subtask_A" / "downloaded"
    for name in _SENTIMENT_PARTS:
        for fields in (line.split("\t") for line in _lines(folder / name)):
            if fields[1] in _SENTIMENT:
                yield _unescaped(fields[2]), fields[1]


def sentiment_texts(posts: Path) -> list[str]:
    """Texts alone of all SemEval sentiment tweets of 2013-16, to be read by a teacher."""
    folder = posts / "semeval_sentiment" / "dataset" / "Subtask_A" / "downloaded"
    return [_unescaped(line.split("\t")[2]) for path in sorted(folder.glob("*.tsv")) for line in _lines(path)]


def _unescaped(text: str) -> str:
    """SemEval files write some characters as \\uXXXX."""
    return text.replace("\\u2019", "’").replace("\\u002c", ",")


def _rumour_stance(posts: Path) -> Iterator[Row]:
    return rumour_stances(posts, "train")


def rumour_stances(posts: Path, part: str) -> Iterator[Row]:
    """Tweets of one part of RumourEval 2017, by how they stand to their thread's claim."""
    folder = posts / "rumoureval2017"
    path = folder / f"{part}-annotations" / "subtaskA.json"
    labels = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    for line in (folder / f"{part}.jsonl").read_bytes().splitlines():
        tweet = msgspec.json.decode(line)["data"]
        label = labels.get(str(tweet.get("id_str")))
        if label in _RUMOUR_STANCE and tweet.get("text"):
            yield tweet["text"], label


_VIRATRUST = ("low institutional trust", "low agent trust", "neutral", "high trust")
_DAVIDSON = ("hate", "offensive", "neither")
_SENTIMENT = ("negative", "neutral", "positive")
_SENTIMENT_PARTS = ("twitter-2013train-A.tsv", "twitter-2015train-A.tsv", "twitter-2016train-A.tsv")
_RUMOUR_STANCE = ("support", "deny", "query", "comment")
_STANCE = ("none", "against", "favor")
_EMOTIONS = ("anger", "joy", "optimism", "sadness")
_STANCE_TARGETS = ("abortion", "atheism", "climate", "feminist", "hillary")
_PER_TASK = "TweetEval: per-task terms, research use"

TASKS: tuple[Task, ...] = (
    Task("viratrust", _VIRATRUST, "CDLA-Sharing 1.0", _viratrust),
    Task("hate", ("no", "yes"), _PER_TASK, _tweeteval("hate", ("no", "yes"))),
    Task("offensive", ("no", "yes"), _PER_TASK, _tweeteval("offensive", ("no", "yes"))),
    Task("irony", ("no", "yes"), _PER_TASK, _tweeteval("irony", ("no", "yes"))),
    Task("emotion", _EMOTIONS, _PER_TASK, _tweeteval("emotion", _EMOTIONS)),
    *(
        Task(f"stance_{target}", _STANCE, _PER_TASK, _tweeteval(f"stance/{target}", _STANCE))
        for target in _STANCE_TARGETS
    ),
    Task("rumour_stance", _RUMOUR_STANCE, "annotations CC BY 4.0", _rumour_stance),
    Task("davidson", _DAVIDSON, "MIT", _davidson, most=10_000),
    Task("covid_claims", ("real", "fake"), "MIT", _covid_claims),
    Task("sentiment", _SENTIMENT, "MIT", _sentiment, most=10_000),
)


def auxiliary_posts(posts: Path, *, seed: int) -> pl.DataFrame:
    """Every task's posts in `SCHEMA`; of a task with more than its `most`, a fixed draw.

    Raises `BadInput` naming the file that is not there.
    """
    return pl.concat([_of_task(task, posts, seed) for task in TASKS])


def public_texts(posts: Path) -> list[str]:
    """Every text of every task, none left out by its `most`."""
    return [text for task in TASKS for text, _ in task.read(posts) if text.strip()]


def _of_task(task: Task, posts: Path, seed: int) -> pl.DataFrame:
    rows = [(task.name, text, label) for text, label in task.read(posts) if text.strip()]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.sample(min(task.most, frame.height), seed=seed, shuffle=True)
