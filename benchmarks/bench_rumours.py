"""How well posts are grouped by claim, night by night: B-cubed on the sample city's stories and on real threads.

Run by hand (ten minutes). The sample city's stories are told apart at several thresholds, by words (`alike.py`) and by
words and meaning (`walks.py`); what is fitted and chosen on half of the stories is told of the other half. Real posts
(RumourEval 2017, read from `BAROMETER_DATA`, no place known, threads of one event) are only counted, nothing is chosen
on them. Asserts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from barometer.city import load_city
from barometer.classify.alike import look_around
from barometer.classify.claims import words_of_claims
from barometer.classify.embed import Closeness, Remembered
from barometer.classify.gather import COPY_COSINE, Alike, gather
from barometer.classify.rumours import COMPARED_DAYS, closeness_of
from barometer.classify.sentences import load_sentence_encoder
from barometer.classify.walks import Pairs, Walks, likelihood
from barometer.prepare.places import place_posts
from barometer.settings import PROJECT, Settings
from barometer.simulate.origin import written_posts
from barometer.train.scores import Scores, bcubed

FIRST_DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
COLUMNS = ("post", "created_at", "text", "area")
THRESHOLDS = (0.08, 0.09, 0.1, 0.11, 0.12)
THRESHOLDS_OF_WALKS = (0.15, 0.17, 0.18, 0.19, 0.21, 0.25)
# Pairs of one story weigh a tenth of all others together, and a story of many pairs less than their number.
WEIGHT_OF_STORIES = 0.1
SPLITS, SEED = 4, 5

Weights = tuple[np.ndarray, float]


@dataclass(frozen=True)
class Known:
    """Pairs that were worked out before, read with other weights and limits (`gather.Alike`)."""

    place: dict[str, int]
    pairs: Pairs
    weights: Weights
    merge: float
    stay: float = Walks.stay

    def alike(self, claims: pl.DataFrame) -> np.ndarray:
        """(n, n) of `claims`."""
        rows = [self.place[post] for post in claims["post"]]
        factors, intercept = self.weights
        found = likelihood(self.pairs, weights=factors.tolist(), intercept=intercept)
        return np.asarray(found[np.ix_(rows, rows)])


@dataclass(frozen=True)
class CopiesOnly:
    """Claims that are told in nearly the same words are one, and no others (`gather.Alike`)."""

    merge: float = COPY_COSINE
    stay: float = 0.0

    def alike(self, claims: pl.DataFrame) -> np.ndarray:
        """(n, n) of `claims`."""
        return np.zeros((claims.height, claims.height))


def _table(pairs: Pairs) -> np.ndarray:
    return np.stack([pairs.walks, pairs.places, pairs.days], axis=-1)


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
    days = (posts["created_at"].max() - FIRST_DAY).days + 1  # type: ignore[operator, union-attr]
    for day in range(days):
        end = FIRST_DAY + timedelta(days=day, hours=12)
        yield posts.filter((pl.col("created_at") < end) & (pl.col("created_at") >= end - timedelta(days=COMPARED_DAYS)))


def night_by_night(
    posts: pl.DataFrame, read: Callable[[int, pl.DataFrame], Alike], changes: list[float] | None = None
) -> dict[str, str]:
    """Rumour of every claim after the last night, each night knowing only what came before it.

    `changes` is told, for every night, the share of posts that change their rumour on it.
    """
    rumour_of: dict[str, str] = {}
    for night, window in enumerate(nights(posts)):
        claims = window.filter(pl.col("label") != "none").select(COLUMNS)
        rumours = pl.Series("rumour", [rumour_of.get(post) for post in claims["post"]], dtype=pl.String)
        told = claims.with_columns(rumours)
        known, fresh = told.drop_nulls("rumour"), told.filter(pl.col("rumour").is_null()).drop("rumour")
        if fresh.is_empty():
            continue
        moves = gather(known, fresh, around=read(night, window), words=words_of_claims(window["text"].to_list()))
        if changes is not None and known.height:
            changes.append(moves["moved_from"].count() / known.height)
        rumour_of.update(moves.select("post", "rumour").iter_rows())
    return rumour_of


def bench_sample() -> None:
    """The stories of the sample city; claims in no story count against precision."""
    posts, closeness = sample_posts()
    claims = posts.filter(pl.col("label") != "none")
    truth = [story or post for story, post in claims.select("story", "post").iter_rows()]
    in_story = claims["story"].is_not_null().to_numpy()
    copies = _grouped(posts, claims["post"].to_list(), lambda _, window: CopiesOnly())
    tell_both("near copies only", copies, truth, in_story)
    found = []
    for merge in THRESHOLDS:
        read = partial(_by_words, closeness=closeness, merge=merge)
        found.append(_grouped(posts, claims["post"].to_list(), read))
        tell_both(f"words: merge {merge:.3f}", found[-1], truth, in_story)
    halves = list(_halves(truth, in_story))
    tell_held_out([_held_out(found, truth, in_story, chosen) for chosen in halves])
    bench_walks(posts, closeness, claims["post"].to_list(), truth, in_story)


def _by_words(_: int, window: pl.DataFrame, *, closeness: Closeness, merge: float) -> Alike:
    return replace(look_around(window, closeness), merge=merge)


def bench_walks(
    posts: pl.DataFrame, closeness: Closeness, claims: list[str], truth: list[str], in_story: np.ndarray
) -> None:
    """The same by words and meaning: weights fitted on all pairs, then on half the stories and half of the rest."""
    encoder = Remembered(load_sentence_encoder(Settings().models))
    every = posts.filter(pl.col("label") != "none").select(COLUMNS)
    table = _table(Walks(posts, closeness, encoder).pairs(every))
    changes: list[float] = []
    shipped = night_by_night(posts, lambda _, window: Walks(window, closeness, encoder), changes)
    tell_both("walks, as they ship", [shipped[post] for post in claims], truth, in_story)
    print(f"  of the posts known before, {np.mean(changes):.1%} change their rumour in a night")
    read = [_pairs_of(window, closeness, encoder) for window in nights(posts)]
    weights = fit(table, truth, np.ones(len(truth), dtype=bool))
    print("  weights of walks, place, day; intercept", weights[0].round(4).tolist(), round(weights[1], 3))

    def grouped(weights: Weights, merge: float) -> list[str]:
        return _grouped(posts, claims, lambda night, _: Known(*read[night], weights, merge))

    for merge in THRESHOLDS_OF_WALKS:
        tell_both(f"walks: merge {merge:.3f}", grouped(weights, merge), truth, in_story)
    held_out = []
    for chosen in _halves(truth, in_story):
        weights = fit(table, truth, chosen)
        found = [grouped(weights, merge) for merge in THRESHOLDS_OF_WALKS]
        held_out.append(_held_out(found, truth, in_story, chosen))
    tell_held_out(held_out)


def _grouped(posts: pl.DataFrame, claims: list[str], read: Callable[[int, pl.DataFrame], Alike]) -> list[str]:
    rumour_of = night_by_night(posts, read)
    return [rumour_of[post] for post in claims]


def _pairs_of(window: pl.DataFrame, closeness: Closeness, encoder: Remembered) -> tuple[dict[str, int], Pairs]:
    claims = window.filter(pl.col("label") != "none").select(COLUMNS)
    place = {post: row for row, post in enumerate(claims["post"])}
    return place, Walks(window, closeness, encoder).pairs(claims) if place else Pairs(*[np.zeros((0, 0))] * 3)


def fit(table: np.ndarray, truth: list[str], known: np.ndarray) -> Weights:
    """Weights and intercept of a logistic regression over pairs of `known` claims: are they of one story?"""
    one, other = _known_pairs(known)
    named = np.asarray(truth, dtype=str)
    pairs, same = table[one, other], named[one] == named[other]
    weights = np.ones(len(same))
    for story in np.unique(named[one][same]):
        of_story = same & (named[one] == story)
        weights[of_story] = of_story.sum() ** -0.5
    weights[same] *= (~same).sum() * WEIGHT_OF_STORIES / weights[same].sum()
    mean, spread = pairs.mean(axis=0), pairs.std(axis=0)
    model = LogisticRegression(max_iter=200).fit((pairs - mean) / spread, same, sample_weight=weights)
    factors = model.coef_[0] / spread
    return factors, float(model.intercept_[0] - (factors * mean).sum())


def _known_pairs(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.triu_indices(len(known), 1)
    both = known[one] & known[other]
    return one[both], other[both]


def _halves(truth: list[str], in_story: np.ndarray) -> Iterator[np.ndarray]:
    """Which claims are known: half of the stories and half of what is in none, then the other half of each."""
    random = np.random.default_rng(SEED)
    named = np.asarray(truth, dtype=str)
    stories, rest = np.unique(named[in_story]), np.flatnonzero(~in_story)
    for _ in range(SPLITS):
        mixed, alone = random.permutation(stories), random.permutation(rest)
        chosen = np.isin(named, mixed[: len(mixed) // 2])
        chosen[alone[: len(alone) // 2]] = True
        yield chosen
        yield ~chosen


def _held_out(
    found: list[list[str]], truth: list[str], in_story: np.ndarray, chosen: np.ndarray
) -> tuple[Scores, Scores]:
    """Of the grouping that is best on the chosen stories, the figures on the others: beside all claims, and stories."""
    best = max(found, key=lambda groups: bcubed(groups, truth, chosen & in_story)[2])
    told = ~chosen & in_story
    return bcubed(best, truth, told), of_stories(best, truth, told, in_story)


def of_stories(groups: Sequence[str], truth: Sequence[str], counted: np.ndarray, in_story: np.ndarray) -> Scores:
    """B-cubed over the `counted` posts beside those of stories only, grouped as they are among all claims."""
    kept = np.flatnonzero(in_story).tolist()
    return bcubed([groups[row] for row in kept], [truth[row] for row in kept], counted[kept])


def tell_both(what: str, groups: list[str], truth: list[str], in_story: np.ndarray) -> None:
    """A line beside all claims, and one beside the stories' posts alone."""
    tell(what, bcubed(groups, truth, in_story))
    tell("  over the stories' posts alone", of_stories(groups, truth, in_story, in_story))


def tell_held_out(scores: list[tuple[Scores, Scores]]) -> None:
    """Means over halves, and how much they vary."""
    for what, part in zip(
        ("chosen on half the stories, told of the other", "  over the stories' posts alone"), (0, 1), strict=True
    ):
        several = np.array([score[part] for score in scores])
        tell(what, tuple(several.mean(axis=0)))
        print(f"{'  standard deviation of that F1':<48}{several[:, 2].std():>30.3f}")


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
    encoder = Remembered(load_sentence_encoder(Settings().models))
    _bench_threads(data, "near copies", lambda _: CopiesOnly())
    _bench_threads(data, "words", lambda posts: look_around(posts, Closeness([], [])))
    _bench_threads(data, "walks", lambda posts: Walks(posts, Closeness([], []), encoder))


def _bench_threads(data: Path, label: str, read: Callable[[pl.DataFrame], Alike]) -> None:
    scores = []
    for (event,), posts in rumoureval(data).sort("created_at", "post").group_by("event", maintain_order=True):
        claims = posts.filter("carries")
        nothing = claims.select(*COLUMNS, rumour="post").clear()
        words = words_of_claims(posts["text"].to_list())
        moves = gather(nothing, claims.select(COLUMNS), around=read(posts), words=words)
        rumours = claims.join(moves.select("post", "rumour"), on="post", how="left", maintain_order="left")["rumour"]
        everyone = np.ones(claims.height, dtype=bool)
        score = bcubed(rumours.to_list(), claims["thread"].to_list(), everyone)
        scores.append((claims.height, *score))
        tell(f"{label}, {event}: {claims.height} posts, {claims['thread'].n_unique()} threads", score)
    weights = np.array([row[0] for row in scores], dtype=float)
    tell(f"{label}, all events, by posts", tuple(np.average([row[1:] for row in scores], axis=0, weights=weights)))


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
