"""How well posts are grouped by claim, night by night: B-cubed on the sample city's stories and on real threads.

Run by hand (minutes). The sample city's stories are told apart at several thresholds; what each half of the stories
would choose is told of the other half. Real posts (RumourEval 2017, read from `BAROMETER_DATA`, no place known, threads
of one event) are only counted, nothing is chosen on them. Asserts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from barometer.city import load_city
from barometer.classify.alike import look_around
from barometer.classify.claims import join_claims, words_of_claims
from barometer.classify.embed import Closeness
from barometer.classify.gather import MERGE_ALIKENESS, SPLIT_ALIKENESS, gather
from barometer.classify.rumours import WINDOW_DAYS, closeness_of
from barometer.prepare.places import place_posts
from barometer.settings import PROJECT, Settings
from barometer.simulate.origin import written_posts

FIRST_DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
COLUMNS = ("post", "created_at", "text", "area")
THRESHOLDS = ((0.075, 0.065), (0.09, 0.075), (MERGE_ALIKENESS, SPLIT_ALIKENESS), (0.12, 0.1))
SPLITS, SEED = 10, 5

Scores = tuple[float, float, float]


def bcubed(groups: Sequence[str], truth: Sequence[str], counted: np.ndarray) -> Scores:
    """B-cubed precision, recall and F1 (Bagga & Baldwin 1998) over the `counted` posts, beside all posts."""
    _, group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    _, story = np.unique(np.asarray(truth, dtype=str), return_inverse=True)
    both = np.zeros((group.max() + 1, story.max() + 1))
    np.add.at(both, (group, story), 1)
    shared = both[group, story][counted]
    precision = float((shared / both.sum(axis=1)[group][counted]).mean())
    recall = float((shared / both.sum(axis=0)[story][counted]).mean())
    return precision, recall, 2 * precision * recall / (precision + recall)


def sample_posts() -> tuple[pl.DataFrame, Closeness]:
    """The sample city's posts, placed as the nightly run would: by their text where it names a place."""
    city = load_city("sample", PROJECT / "configs")
    written = written_posts(city).with_row_index("number")
    nowhere = {name: pl.lit(None, dtype=pl.String) for name in ("area_evidence", "platform_place", "profile_place")}
    placed = place_posts(city, written.with_columns(area=pl.lit(None, dtype=pl.String), **nowhere))
    posts = written.select(
        pl.format("p{}", pl.col("number").cast(pl.String).str.zfill(4)).alias("post"),
        created_at=pl.lit(FIRST_DAY) + pl.duration(days=pl.col("day")),
        text="text",
        area=pl.when("place_in_text").then(placed["area"]).otherwise("area"),
        label="rumour",
        story="story",
    )
    return posts.sort("created_at", "post"), closeness_of(city)


def nights(posts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The posts of the window, night after night."""
    days = (posts["created_at"].max() - FIRST_DAY).days + 1  # type: ignore[operator]
    for day in range(days):
        end = FIRST_DAY + timedelta(days=day, hours=12)
        yield posts.filter((pl.col("created_at") < end) & (pl.col("created_at") >= end - timedelta(days=WINDOW_DAYS)))


def night_by_night(posts: pl.DataFrame, closeness: Closeness, merge: float, split: float) -> dict[str, str]:
    """Rumour of every claim after the last night, each night knowing only what came before it."""
    rumour_of: dict[str, str] = {}
    for window in nights(posts):
        claims = window.filter(pl.col("label") != "none").select(COLUMNS)
        rumours = pl.Series("rumour", [rumour_of.get(post) for post in claims["post"]], dtype=pl.String)
        told = claims.with_columns(rumours)
        known, fresh = told.drop_nulls("rumour"), told.filter(pl.col("rumour").is_null()).drop("rumour")
        around, words = look_around(window, closeness), words_of_claims(window["text"].to_list())
        moves = gather(known, fresh, around=around, words=words, merge=merge, split=split)
        rumour_of.update(moves.select("post", "rumour").iter_rows())
    return rumour_of


def bench_sample() -> None:
    """The stories of the sample city; claims in no story count against precision."""
    posts, closeness = sample_posts()
    claims = posts.filter(pl.col("label") != "none")
    truth = [story or post for story, post in claims.select("story", "post").iter_rows()]
    in_story = claims["story"].is_not_null().to_numpy()
    by_words = join_claims(
        claims.select(*COLUMNS, rumour="post").clear(), claims, words=words_of_claims(posts["text"].to_list())
    )
    tell("near copies only", bcubed(by_words["rumour"].to_list(), truth, in_story))
    found = []
    for merge, split in THRESHOLDS:
        rumour_of = night_by_night(posts, closeness, merge, split)
        found.append([rumour_of[post] for post in claims["post"]])
        tell(f"merge {merge:.3f}, split {split:.3f}", bcubed(found[-1], truth, in_story))
    stories = sorted({story for story in claims["story"] if story})
    random = np.random.default_rng(SEED)
    halves = [half for _ in range(SPLITS) for half in _halves(stories, random)]
    held_out = [_held_out(found, truth, stories, chosen) for chosen in halves]
    tell("chosen on half the stories, told of the other", tuple(np.mean(held_out, axis=0)))
    print(f"{'  standard deviation of that F1 over splits':<48}{np.std([score[2] for score in held_out]):>30.3f}")


def _halves(stories: list[str], random: np.random.Generator) -> list[list[str]]:
    mixed = random.permutation(stories).tolist()
    return [mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]]


def _held_out(found: list[list[str]], truth: list[str], stories: list[str], chosen: list[str]) -> Scores:
    best = max(found, key=lambda groups: bcubed(groups, truth, np.isin(truth, chosen))[2])
    return bcubed(best, truth, np.isin(truth, sorted(set(stories) - set(chosen))))


def rumoureval(data: Path) -> pl.DataFrame:
    """Sources, and replies that support or deny them: `event, thread, post, text, created_at, area`, all unplaced."""
    rows = []
    for split in ("train", "dev"):
        folder = data / "posts" / "rumoureval2017"
        stances = json.loads((folder / f"{split}-annotations" / "subtaskA.json").read_text("utf-8"))
        for line in (folder / f"{split}.jsonl").read_text("utf-8").splitlines():
            record = json.loads(line)
            tweet = record["data"]
            if record["kind"] != "structure":
                at = datetime.strptime(tweet["created_at"], "%a %b %d %H:%M:%S %z %Y")
                carries = record["kind"] == "source" or stances.get(str(tweet["id"])) in {"support", "deny"}
                rows.append((record["event"], record["thread"], str(tweet["id"]), tweet["text"], at, carries))
    names = ["event", "thread", "post", "text", "created_at", "carries"]
    return (
        pl.DataFrame(rows, schema=names, orient="row").unique("post").with_columns(area=pl.lit(None, dtype=pl.String))
    )


def bench_threads(data: Path) -> None:
    """Each event at once: posts that carry or correct a claim, against the thread they stand in."""
    scores = []
    for (event,), posts in rumoureval(data).sort("created_at", "post").group_by("event", maintain_order=True):
        claims = posts.filter("carries")
        nothing = claims.select(*COLUMNS, rumour="post").clear()
        words = words_of_claims(posts["text"].to_list())
        moves = gather(nothing, claims.select(COLUMNS), around=look_around(posts, Closeness([], [])), words=words)
        rumours = claims.join(moves.select("post", "rumour"), on="post", how="left", maintain_order="left")["rumour"]
        everyone = np.ones(claims.height, dtype=bool)
        score = bcubed(rumours.to_list(), claims["thread"].to_list(), everyone)
        scores.append((claims.height, *score))
        tell(f"{event}: {claims.height} posts, {claims['thread'].n_unique()} threads", score)
    weights = np.array([row[0] for row in scores], dtype=float)
    tell("all events, by posts", tuple(np.average([row[1:] for row in scores], axis=0, weights=weights)))


def tell(what: str, scores: Sequence[float]) -> None:
    """One line."""
    precision, recall, f1 = scores
    print(f"{what:<48}{precision:>10.3f}{recall:>10.3f}{f1:>10.3f}", flush=True)


def main() -> None:
    """Print the figures."""
    print(f"{'':<48}{'precision':>10}{'recall':>10}{'F1':>10}")
    bench_sample()
    data = Settings().data
    if data.is_dir():
        bench_threads(data)


if __name__ == "__main__":
    main()
