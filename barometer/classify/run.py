"""The night's posts -> labels, in shards that tasks can work on side by side."""

from __future__ import annotations

import hashlib

import polars as pl

from barometer.classify.known import known_labels, predict_unknown
from barometer.classify.model import PROMOTED, Model, is_served, load_model, predict_once
from barometer.ledger import Counts, record, timed
from barometer.night import Night
from barometer.tables import TABLES

STEP = "classify"
POSTS_PER_SHARD = 5_000


def shards(night: Night) -> list[int]:
    """Numbers of the shards to classify: one per 5,000 of the night's posts, at least one.

    A shard that an earlier try of the night filled, when there were more posts, is among them, to be emptied.
    """
    filled = _of_night(night, "labels").select(pl.col("shard").unique()).collect()["shard"].to_list()
    return sorted({*range(shard_count(_post_count(night))), *filled})


def shard_count(posts: int) -> int:
    """How many shards hold `posts` posts."""
    return max(1, -(-posts // POSTS_PER_SHARD))


def shard_of(post: str, count: int) -> int:
    """The shard of a post among `count`: the same on every machine and in every try."""
    return int.from_bytes(hashlib.blake2b(post.encode(), digest_size=8).digest(), "big") % count


def classify_shard(night: Night, shard: int, *, model: str = PROMOTED) -> Counts:
    """Label every post of one shard of the night, reposts too, and enter the counts in the ledger.

    The shard's labels by this version of this model are made anew, so that running again gives the same rows whatever
    changed in `posts` in between; labels of these posts by other models or versions stay.
    """
    with timed(night, STEP, f"{shard}"):
        labeller = load_model(model, night.settings.models)
        posts = _posts_of_shard(night, shard)
        served = posts.filter(is_served(labeller, posts["language"]))
        ours = labels_of(served, labeller, shard, known=known_labels(night, labeller, served["text"]))
        rows = pl.concat([_by_others(night, shard, posts, labeller), ours])
        night.lake.replace("labels", rows, partition={"night": night.night, "shard": shard})
        unread = posts.height - ours.height
        counts = Counts(read=posts.height, out_of_scope=unread, received=ours.height, written=ours.height)
        return record(night, STEP, f"{shard}", counts)


def labels_of(posts: pl.DataFrame, model: Model, shard: int, *, known: pl.DataFrame | None = None) -> pl.DataFrame:
    """Rows of `labels` for rows of `posts`; each distinct text is read by the model once, a `known` one not again."""
    texts = posts["text"]
    predicted = predict_once(model, texts) if known is None else predict_unknown(model, texts, known)
    about = posts.select(
        "night",
        pl.lit(shard, dtype=pl.Int64).alias("shard"),
        "post",
        pl.lit(model.name).alias("model"),
        pl.lit(model.version).alias("model_version"),
        "synthetic",
    )
    return pl.concat([about, predicted], how="horizontal").select(list(TABLES["labels"].schema))


def _of_night(night: Night, table: str) -> pl.LazyFrame:
    return night.lake.read(table).filter(pl.col("night") == night.night)


def _post_count(night: Night) -> int:
    return int(_of_night(night, "posts").select(pl.len()).collect().item())


def _posts_of_shard(night: Night, shard: int) -> pl.DataFrame:
    """`night, post, text, synthetic` of the shard's posts, in the order of their ids."""
    posts = _of_night(night, "posts").select("night", "post", "text", "language", "synthetic").collect()
    count = shard_count(posts.height)
    is_ours = pl.Series([shard_of(post, count) == shard for post in posts["post"]], dtype=pl.Boolean)
    return posts.filter(is_ours).sort("post")


def _by_others(night: Night, shard: int, posts: pl.DataFrame, model: Model) -> pl.DataFrame:
    """What other models, or other versions of this one, say of these posts."""
    is_ours = (pl.col("model") == model.name) & (pl.col("model_version") == model.version)
    there = _of_night(night, "labels").filter((pl.col("shard") == shard) & ~is_ours).collect()
    return there.join(posts.select("post"), on="post", how="semi")
