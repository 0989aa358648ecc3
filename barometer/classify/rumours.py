"""Labelled posts -> rumours: groups of posts that carry the same claim, and the life of each.

A rumour's status follows from its posts, unless a person decided it (`rulings.py`):
- `faded`: nobody has repeated or corrected it for 14 days;
- `answered`: corrected by at least a third as many different people as pass it on, over those 14 days;
- `assessed`: corrected by somebody, but by fewer;
- `seen`: passed on, and corrected by nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer

from barometer.city import City
from barometer.classify.alike import look_around
from barometer.classify.claims import rumour_id, shared_terms, words_of_claims
from barometer.classify.embed import Closeness, Embedder, Remembered
from barometer.classify.gather import MERGED, Alike, gather
from barometer.classify.manifest import read_manifest
from barometer.classify.model import PROMOTED, promoted_name
from barometer.classify.rulings import Rulings, following, read_rulings, rulings_folders
from barometer.classify.sentences import has_sentence_encoder, load_sentence_encoder
from barometer.classify.walks import Walks
from barometer.ledger import WHOLE_STEP, Counts, passed_through, record, timed
from barometer.library import read_library
from barometer.night import Night
from barometer.tables import TABLES

STEP = "rumours"
# How far back posts are compared; what falls silent for longer begins as a new rumour when it comes back. In the sample
# city half of this costs a tenth of B-cubed F1: the last posts of a slow story no longer meet its first ones.
COMPARED_DAYS = 84
LISTED_DAYS = 42
FADED_AFTER_DAYS = 14
ANSWERED_SHARE = 1 / 3
SPREAD_DAYS = 7
# A term that fewer different authors use could be one person's words, and is not shown.
LEAST_VOICES_PER_TERM = 3
MOST_TERMS = 8
RULED = "ruled"
_DECIMALS = 9


def group_rumours(night: Night, *, model: str = PROMOTED, embedder: Embedder | None = None) -> Counts:
    """Put the posts that carry or correct a claim into rumours, and write `rumour_posts` and `rumours` of the night.

    `rumour_posts` of a night holds the posts that joined on it and those that changed their rumour; `rumours` the
    state, that night, of every rumour with a post in the last `LISTED_DAYS` days. A rumour keeps its id from the night
    it began; what a person decided about one that became part of another holds for the other. Synthetic and real posts
    never share a rumour. `embedder` tells what texts mean: the sentence encoder where the folder of models has one, and
    without any the city's own words are all that is compared.

    Raises `BadConfiguration` that lists every mistake of the city's `rumours.csv`, or of its evidence library, and
    `BadInput` when the sentence encoder is damaged.
    """
    model = promoted_name(model, night.settings.models)
    with timed(night, STEP):
        known_evidence = frozenset(read_library(night.city.folder)["id"])
        rulings = read_rulings(*rulings_folders(night), night=night.night, evidence=known_evidence)
        posts, history = _posts(night), _history(night)
        earlier = _latest(history)
        rulings = _up_to_date(history, earlier, rulings)
        ruled = _ruled(earlier, rulings)
        claims = posts.join(_claims(night, model), on="post").join(earlier.select("post"), on="post", how="anti")
        words = words_of_claims(posts["text"].to_list())
        moves = _moves(night, posts, ruled, claims, words=words, rulings=rulings, embedder=embedder)
        written = _with_ruled(night, pl.concat([moves, _older(night, moves, ruled, rulings)]), earlier, ruled)
        night.lake.replace("rumour_posts", written, partition={"night": night.night})
        members = _members(night, model, _latest(pl.concat([earlier, written])))
        heirs = _heirs(pl.concat([history, written]), rulings, alive=set(members["rumour"]))
        night.lake.replace(
            "rumours", _rumours(night, members, words, rulings.inherited(heirs)), partition={"night": night.night}
        )
        return record(night, STEP, WHOLE_STEP, passed_through(claims.height))


def closeness_of(city: City) -> Closeness:
    """How close the city's neighbourhoods are to one another."""
    neighbours = city.adjacency.filter(pl.col("geography") == city.primary).select("area", "neighbour")
    return Closeness(city.neighbourhoods["area"].to_list(), neighbours.rows())


def _posts(night: Night) -> pl.DataFrame:
    """Posts that are compared, of those that came in by this night."""
    began = night.horizon - timedelta(days=COMPARED_DAYS)
    in_window = pl.col("created_at").is_between(began, night.horizon, closed="left")
    columns = ("post", "author", "created_at", "text", "area", "is_repost", "synthetic")
    posts = night.lake.read("posts").filter((pl.col("night") <= night.night) & in_window)
    return posts.select(columns).collect().sort("post")


def _history(night: Night) -> pl.DataFrame:
    """Rows of `rumour_posts` of all nights before."""
    return night.lake.read("rumour_posts").filter(pl.col("night") < night.night).collect()


def _latest(rows: pl.DataFrame) -> pl.DataFrame:
    """The row that holds for each post."""
    return rows.sort("night", "post").unique("post", keep="last", maintain_order=True)


def _up_to_date(history: pl.DataFrame, earlier: pl.DataFrame, rulings: Rulings) -> Rulings:
    """The rulings as they hold for the rumours that live after the nights before; what has an heir, for that."""
    living = set(earlier["rumour"]) - rulings.merged.keys()
    heirs = _heirs(history, rulings, alive=living)
    # What a person makes others part of lives from now on, even where it had died meanwhile.
    living |= {rulings.into(rumour) for rumour in earlier["rumour"]} - heirs.keys()
    return rulings.inherited(_heirs(history, rulings, alive=living))


def _ruled(earlier: pl.DataFrame, rulings: Rulings) -> pl.DataFrame:
    """`earlier` as a person's decisions change it."""
    lived = frozenset(earlier["rumour"])
    rumours = [
        _ruled_rumour(post, rumour, rulings, lived) for post, rumour in earlier.select("post", "rumour").iter_rows()
    ]
    return earlier.with_columns(pl.Series("rumour", rumours, dtype=pl.String))


def _ruled_rumour(post: str, rumour: str, rulings: Rulings, lived: frozenset[str]) -> str:
    """The rumour of a post: what its own became part of, unless a person took the post out of that."""
    into = rulings.into(rumour)
    if (post, into) not in rulings.taken_out:
        return into
    own = rumour_id(post)
    while own in lived or own in rulings.merged or (post, own) in rulings.taken_out:
        own = rumour_id(own)
    return own


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


def _moves(
    night: Night,
    posts: pl.DataFrame,
    ruled: pl.DataFrame,
    claims: pl.DataFrame,
    *,
    words: TfidfVectorizer,
    rulings: Rulings,
    embedder: Embedder | None,
) -> pl.DataFrame:
    """Rows of `rumour_posts` for the posts new to grouping and those it moves, real and synthetic apart."""
    known = posts.join(ruled.select("post", "rumour"), on="post")
    parts = [TABLES["rumour_posts"].empty()]
    for (synthetic,), fresh in claims.group_by("synthetic", maintain_order=True):
        columns = ("post", "created_at", "text", "area")
        around = _around(night, posts.filter(pl.col("synthetic") == synthetic), embedder)
        alike = known.filter(pl.col("synthetic") == synthetic).select(*columns, "rumour")
        taken = frozenset(ruled["rumour"])
        found = gather(alike, fresh.select(columns), around=around, words=words, rulings=rulings, taken=taken)
        parts.append(_as_rows(night, found.with_columns(synthetic=pl.lit(synthetic))))
    return pl.concat(parts)


def _around(night: Night, posts: pl.DataFrame, embedder: Embedder | None) -> Alike:
    """What claims are read against: by words and meaning where a sentence encoder is, else by the city's words."""
    models, closeness = night.settings.models, closeness_of(night.city)
    if embedder is None and not has_sentence_encoder(models):
        return look_around(posts, closeness)
    return Walks(posts, closeness, Remembered(embedder or load_sentence_encoder(models)))


def _older(night: Night, moves: pl.DataFrame, ruled: pl.DataFrame, rulings: Rulings) -> pl.DataFrame:
    """Rows for posts that were not compared tonight, being too old, and whose rumour became part of another."""
    into = _absorbed(moves).rename({"moved_from": "rumour", "rumour": "into"})
    left = ruled.join(moves.select("post"), on="post", how="anti").join(into, on="rumour")
    out = pl.DataFrame(sorted(rulings.taken_out), schema={"post": pl.String, "into": pl.String}, orient="row")
    left = left.join(out, on=["post", "into"], how="anti")
    return _as_rows(night, left.with_columns(rumour=pl.col("into"), reason=pl.lit(MERGED), moved_from=pl.col("rumour")))


def _absorbed(moves: pl.DataFrame) -> pl.DataFrame:
    """`moved_from, rumour`: each rumour that became part of others, and the one that most of its posts went to."""
    went = moves.filter(pl.col("reason") == MERGED).group_by("moved_from", "rumour").len()
    return went.sort("len", "rumour", descending=[True, False]).unique("moved_from", keep="first").drop("len")


def _heirs(history: pl.DataFrame, rulings: Rulings, *, alive: Collection[str]) -> dict[str, str]:
    """Rumour that is no more -> the living one that it became part of in the end, by itself or by a person's word."""
    into: dict[str, str] = {}
    for _, moves in history.sort("night", "post").group_by("night", maintain_order=True):
        into.update(_absorbed(moves).rows())
    into.update(rulings.merged)
    ends = {rumour: following(rumour, into, until=alive) for rumour in into if rumour not in alive}
    return {rumour: heir for rumour, heir in ends.items() if heir in alive}


def _with_ruled(night: Night, moves: pl.DataFrame, earlier: pl.DataFrame, ruled: pl.DataFrame) -> pl.DataFrame:
    """`moves`, and a row for every post that a person's decision moved tonight; none for what ends where it was."""
    before = earlier.select("post", was="rumour")
    by_person = ruled.join(before, on="post").filter(pl.col("rumour") != pl.col("was"))
    by_person = by_person.join(moves.select("post"), on="post", how="anti")
    rows = _as_rows(night, by_person.with_columns(reason=pl.lit(RULED), moved_from=pl.col("was")))
    told = moves.join(before, on="post", how="left").filter(
        pl.col("was").is_null() | (pl.col("rumour") != pl.col("was"))
    )
    return pl.concat([told.select(moves.columns), rows])


def _as_rows(night: Night, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(night=pl.lit(night.night, dtype=pl.Date)).select(list(TABLES["rumour_posts"].schema))


def _members(night: Night, model: str, rumour_posts: pl.DataFrame) -> pl.DataFrame:
    """Every post that was ever put into a rumour, with what is known of it now, one row a post."""
    columns = ("post", "author", "created_at", "text", "area", "is_repost")
    posts = night.lake.read("posts").filter(pl.col("created_at") < night.horizon).select(columns).collect()
    corrections = _corrections(night, model)["post"].to_list()
    members = rumour_posts.select("rumour", "post", "synthetic").join(posts, on="post")
    return members.with_columns(is_correction=pl.col("post").is_in(corrections))


def _rumours(night: Night, members: pl.DataFrame, words: TfidfVectorizer, rulings: Rulings) -> pl.DataFrame:
    """Rows of `rumours`: those with a post in the last `LISTED_DAYS` days."""
    alive = _counted(night, members).filter(pl.col("last_seen") >= night.horizon - timedelta(days=LISTED_DAYS))
    own_words = members.filter(~pl.col("is_repost")).sort("created_at", "post").partition_by("rumour", as_dict=True)
    parts = [own_words.get((rumour,)) for rumour in alive["rumour"]]
    terms = [_terms(part, words) for part in parts]
    ruled = pl.Series([rulings.status.get(rumour) for rumour in alive["rumour"]], dtype=pl.String)
    evidence = [rulings.evidence.get(rumour, []) for rumour in alive["rumour"]]
    titles = [rulings.title.get(rumour) for rumour in alive["rumour"]]
    described = alive.with_columns(
        pl.lit(night.night, dtype=pl.Date).alias("night"),
        pl.Series("title", titles, dtype=pl.String),
        pl.Series("terms", terms, dtype=pl.List(pl.String)),
        pl.Series("representative", [_representative(part, words) for part in parts], dtype=pl.String),
        pl.Series("evidence", evidence, dtype=pl.List(pl.String)),
        pl.coalesce(ruled, _status(night)).alias("status"),
        pl.when(ruled.is_null()).then(pl.lit("posts")).otherwise(pl.lit("person")).alias("status_by"),
    )
    return described.select(list(TABLES["rumours"].schema))


def _representative(own_words: pl.DataFrame | None, words: TfidfVectorizer) -> str | None:
    """The post most like all posts of the rumour, one that passes it on where there is one; the older wins a tie."""
    if own_words is None:
        return None
    told = own_words.filter(~pl.col("is_correction"))
    shown = told if told.height else own_words
    vectors = words.transform(shown["text"].to_list())
    likeness = (vectors @ vectors.sum(axis=0).T).A1.round(_DECIMALS)
    return str(shown["post"][int(likeness.argmax())])


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
    passes_on = is_voice & ~pl.col("is_correction")
    spreads = passes_on & (pl.col("created_at") >= night.horizon - timedelta(days=SPREAD_DAYS))
    corrects = pl.col("author").filter(is_voice & pl.col("is_correction")).n_unique()
    voices = pl.col("author").filter(is_voice).n_unique()
    return (
        members.group_by("rumour")
        .agg(
            first_seen=pl.col("created_at").min(),
            last_seen=pl.col("created_at").max(),
            posts=pl.len().cast(pl.Int64),
            voices=voices.cast(pl.Int64),
            corrections=pl.col("is_correction").sum().cast(pl.Int64),
            share_corrected=pl.when(voices > 0).then(corrects / voices).otherwise(0.0),
            spread_rate=pl.col("author").filter(spreads).n_unique() / SPREAD_DAYS,
            areas=pl.col("area").drop_nulls().n_unique().cast(pl.Int64),
            neighbourhoods=pl.col("area").drop_nulls().unique().sort(),
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
