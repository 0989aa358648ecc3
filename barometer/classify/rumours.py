"""Labelled posts -> rumours: groups of posts that carry the same claim, and the life of each.

A rumour's status follows from its posts alone:
- `faded`: nobody has repeated or corrected it for 14 days;
- `answered`: corrected by at least a third as many different people as pass it on, over those 14 days;
- `assessed`: corrected by somebody, but by fewer;
- `seen`: passed on, and corrected by nobody.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer

from barometer.classify.claims import join_claims, shared_terms, words_of_claims
from barometer.classify.manifest import read_manifest
from barometer.ledger import WHOLE_STEP, Counts, passed_through, record, timed
from barometer.night import Night
from barometer.tables import TABLES

STEP = "rumours"
# How far back posts are compared; what falls silent for longer begins as a new rumour when it comes back.
WINDOW_DAYS = 42
FADED_AFTER_DAYS = 14
ANSWERED_SHARE = 1 / 3
# A term that fewer different authors use could be one person's words, and is not shown.
LEAST_VOICES_PER_TERM = 3
MOST_TERMS = 8


def group_rumours(night: Night, *, model: str = "linear") -> Counts:
    """Put the posts that carry or correct a claim into rumours, and write `rumour_posts` and `rumours` of the night.

    `rumour_posts` of a night holds the posts that joined on it; `rumours` the state, that night, of every rumour with a
    post in the window. A rumour keeps its id from the night it began. Synthetic and real posts never share a rumour.
    """
    with timed(night, STEP):
        posts = _posts(night)
        earlier = _earlier(night)
        claims = posts.join(_claims(night, model), on="post").join(earlier.select("post"), on="post", how="anti")
        words = words_of_claims(posts["text"].to_list())
        joined = _joined(night, posts, earlier, claims, words)
        night.lake.replace("rumour_posts", joined, partition={"night": night.night})
        members = _members(night, model, pl.concat([earlier, joined]))
        night.lake.replace("rumours", _rumours(night, members, words), partition={"night": night.night})
        return record(night, STEP, WHOLE_STEP, passed_through(joined.height))


def _posts(night: Night) -> pl.DataFrame:
    """Posts of the window that came in by this night."""
    began = night.horizon - timedelta(days=WINDOW_DAYS)
    in_window = pl.col("created_at").is_between(began, night.horizon, closed="left")
    columns = ("post", "author", "created_at", "text", "area", "is_repost", "synthetic")
    posts = night.lake.read("posts").filter((pl.col("night") <= night.night) & in_window)
    return posts.select(columns).collect().sort("post")


def _earlier(night: Night) -> pl.DataFrame:
    """Rows of `rumour_posts` of the nights before, one a post."""
    rows = night.lake.read("rumour_posts").filter(pl.col("night") < night.night).collect()
    return rows.sort("night").unique("post", keep="first", maintain_order=True)


def _claims(night: Night, model: str) -> pl.DataFrame:
    """`post` of all posts up to this night that the model's present version calls a rumour or a correction."""
    version = read_manifest(model, night.settings.models).version
    labels = _labels(night, model).filter((pl.col("model_version") == version) & (pl.col("rumour") != "none"))
    return labels.select("post").collect()


def _corrections(night: Night, model: str) -> pl.DataFrame:
    """`post` of all posts up to this night that any version of the model called a correction."""
    return _labels(night, model).filter(pl.col("rumour") == "correction").select("post").unique().collect()


def _labels(night: Night, model: str) -> pl.LazyFrame:
    return night.lake.read("labels").filter((pl.col("model") == model) & (pl.col("night") <= night.night))


def _joined(
    night: Night, posts: pl.DataFrame, earlier: pl.DataFrame, claims: pl.DataFrame, words: TfidfVectorizer
) -> pl.DataFrame:
    """Rows of `rumour_posts` for the posts new to grouping, real and synthetic apart."""
    known = posts.join(earlier.select("post", "rumour"), on="post")
    parts = []
    for (synthetic,), fresh in claims.group_by("synthetic", maintain_order=True):
        alike = known.filter(pl.col("synthetic") == synthetic)
        parts.append(join_claims(alike, fresh, words=words).with_columns(synthetic=pl.lit(synthetic)))
    if not parts:
        return TABLES["rumour_posts"].empty()
    columns = list(TABLES["rumour_posts"].schema)
    return pl.concat(parts).with_columns(night=pl.lit(night.night, dtype=pl.Date)).select(columns)


def _members(night: Night, model: str, rumour_posts: pl.DataFrame) -> pl.DataFrame:
    """Every post that was ever put into a rumour, with what is known of it now, one row a post."""
    columns = ("post", "author", "created_at", "text", "area", "is_repost")
    posts = night.lake.read("posts").filter(pl.col("created_at") < night.horizon).select(columns).collect()
    corrections = _corrections(night, model)["post"].to_list()
    members = rumour_posts.select("rumour", "post", "synthetic").join(posts, on="post")
    return members.with_columns(is_correction=pl.col("post").is_in(corrections))


def _rumours(night: Night, members: pl.DataFrame, words: TfidfVectorizer) -> pl.DataFrame:
    """Rows of `rumours`: those with a post in the window."""
    alive = _counted(night, members).filter(pl.col("last_seen") >= night.horizon - timedelta(days=WINDOW_DAYS))
    own_words = members.filter(~pl.col("is_repost")).partition_by("rumour", as_dict=True)
    terms = [_terms(own_words.get((rumour,)), words) for rumour in alive["rumour"]]
    described = alive.with_columns(
        pl.lit(night.night, dtype=pl.Date).alias("night"),
        pl.Series("terms", terms, dtype=pl.List(pl.String)),
        _status(night).alias("status"),
    )
    return described.select(list(TABLES["rumours"].schema))


def _terms(own_words: pl.DataFrame | None, words: TfidfVectorizer) -> list[str]:
    """Terms of a rumour's posts, reposts left out: who repeats a post adds no words to it."""
    if own_words is None:
        return []
    return shared_terms(own_words, words, least_voices=LEAST_VOICES_PER_TERM, most=MOST_TERMS)


def _counted(night: Night, members: pl.DataFrame) -> pl.DataFrame:
    """One row a rumour: times, posts, voices (authors of posts that repeat nobody's), corrections, areas."""
    is_voice = ~pl.col("is_repost")
    is_recent = pl.col("created_at") >= night.horizon - timedelta(days=FADED_AFTER_DAYS)
    recent_voice = is_voice & is_recent
    return (
        members.group_by("rumour")
        .agg(
            first_seen=pl.col("created_at").min(),
            last_seen=pl.col("created_at").max(),
            posts=pl.len().cast(pl.Int64),
            voices=pl.col("author").filter(is_voice).n_unique().cast(pl.Int64),
            corrections=pl.col("is_correction").sum().cast(pl.Int64),
            areas=pl.col("area").drop_nulls().n_unique().cast(pl.Int64),
            synthetic=pl.col("synthetic").any(),
            correcting=pl.col("author").filter(recent_voice & pl.col("is_correction")).n_unique(),
            passing_on=pl.col("author").filter(recent_voice & ~pl.col("is_correction")).n_unique(),
        )
        .sort("rumour")
    )


def _status(night: Night) -> pl.Expr:
    is_faded = pl.col("last_seen") < night.horizon - timedelta(days=FADED_AFTER_DAYS)
    is_answered = (pl.col("correcting") > 0) & (pl.col("correcting") >= ANSWERED_SHARE * pl.col("passing_on"))
    return (
        pl.when(is_faded)
        .then(pl.lit("faded"))
        .when(is_answered)
        .then(pl.lit("answered"))
        .when(pl.col("corrections") > 0)
        .then(pl.lit("assessed"))
        .otherwise(pl.lit("seen"))
    )
