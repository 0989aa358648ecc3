"""The contract: every table's columns, types, units, keys and meaning. `docs/tables.md` is generated from here.

A table belongs to one city (the lake keeps a folder a city), so only published tables carry a `city` column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from barometer.errors import SchemaMismatch

UTC_TIME = pl.Datetime("us", "UTC")

TRUST_CLASSES = ("trust", "distrust", "none")
TARGET_CLASSES = (
    "people",
    "outgroup",
    "local_government",
    "police_justice",
    "health",
    "national_government",
    "media",
    "other_institution",
    "none",
)
RUMOUR_CLASSES = ("rumour", "correction", "none")
HOSTILE_CLASSES = ("yes", "no")
LABEL_HEADS: dict[str, tuple[str, ...]] = {
    "trust": TRUST_CLASSES,
    "target": TARGET_CLASSES,
    "rumour": RUMOUR_CLASSES,
    "hostile": HOSTILE_CLASSES,
}
MISSING_REASONS = (
    "not_collected",
    "not_applicable",
    "too_few",
    "suppressed",
    "source_silent",
    "removed",
    "not_converged",
)


@dataclass(frozen=True)
class Column:
    """One column: its polars type, what it means, its unit, and whether it may be empty."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True)
class Derivation:
    """Rows of this table come from rows of `parent`: when a parent row goes, so do the rows whose `column` names it."""

    parent: str
    column: str
    parent_column: str = ""

    @property
    def of(self) -> str:
        """Column of the parent that `column` holds the values of."""
        return self.parent_column or self.column


@dataclass(frozen=True)
class Table:
    """One declared table of the lake."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: tuple[str, ...]
    derived_from: tuple[Derivation, ...] = ()

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name -> polars type, in the declared order."""
        return {column.name: _instance(column.dtype) for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """A frame of no rows with this table's schema."""
        return pl.DataFrame(schema=self.schema)


def _instance(dtype: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype


def validate(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with its columns in the declared order.

    Raises `SchemaMismatch` naming the table and column when a column is missing, extra, of another type, empty where it
    must not be, or when the key is not unique.
    """
    declared = TABLES[table]
    _refuse_other_columns(declared, frame)
    ordered = frame.select(list(declared.schema))
    _refuse_other_types(declared, ordered)
    _refuse_nulls(declared, ordered)
    _refuse_repeated_keys(declared, ordered)
    return ordered


def _refuse_other_columns(table: Table, frame: pl.DataFrame) -> None:
    missing = [name for name in table.schema if name not in frame.columns]
    extra = [name for name in frame.columns if name not in table.schema]
    if missing or extra:
        raise SchemaMismatch(f"table {table.name}: missing columns {missing}, undeclared columns {extra}")


def _refuse_other_types(table: Table, frame: pl.DataFrame) -> None:
    for name, dtype in table.schema.items():
        if frame.schema[name] != dtype:
            raise SchemaMismatch(f"table {table.name}, column {name}: is {frame.schema[name]}, declared {dtype}")


def _refuse_nulls(table: Table, frame: pl.DataFrame) -> None:
    for column in table.columns:
        if not column.nullable and frame[column.name].null_count():
            raise SchemaMismatch(f"table {table.name}, column {column.name}: has empty values and may not")


def _refuse_repeated_keys(table: Table, frame: pl.DataFrame) -> None:
    repeated = frame.select(pl.struct(table.key).is_duplicated().sum()).item() if frame.height else 0
    if repeated:
        raise SchemaMismatch(f"table {table.name}: {repeated} rows share a key ({', '.join(table.key)})")


def derived_tables(table: str) -> Iterable[tuple[str, Derivation]]:
    """Tables derived directly from `table`, each with the tie between their rows and its rows."""
    for child in TABLES.values():
        for derivation in child.derived_from:
            if derivation.parent == table:
                yield child.name, derivation


_NIGHT = Column("night", pl.Date, "day of the nightly run that wrote the row")
_SOURCE = Column("source", pl.String, "configured source (configs/cities/<id>/)")
_SYNTHETIC = Column("synthetic", pl.Boolean, "made by a simulation, not by people")
_POST = Column("post", pl.String, "keyed pseudonym of the post's id on its platform", "32 hex digits")
_AREA = Column("area", pl.String, "code of the neighbourhood", nullable=True)
_ESTIMATE_PLACE = (
    Column("city", pl.String, "city id"),
    Column("geography", pl.String, "geography id of the city, e.g. msoa21"),
    Column("area", pl.String, "area code; the city id for the whole city"),
)

_RECEIVED_POSTS = Table(
    "received_posts",
    "Posts as they came through the door: authors and ids pseudonymised, text masked. Purged after the raw retention.",
    (
        _NIGHT,
        _SOURCE,
        _POST,
        Column("author", pl.String, "keyed pseudonym of the account", "32 hex digits"),
        Column("platform", pl.String, "bluesky, mastodon, twitter, forum, …"),
        Column("created_at", UTC_TIME, "when it was posted"),
        Column("version_at", UTC_TIME, "when this version was written: last edit, else created_at"),
        Column("text", pl.String, "masked text"),
        Column("language_hint", pl.String, "language the platform states, BCP 47", nullable=True),
        Column("reply_to", pl.String, "pseudonym of the post it answers", nullable=True),
        Column("repost_of", pl.String, "pseudonym of the post it repeats, when the platform says so", nullable=True),
        Column("reach", pl.Int64, "reposts, boosts and likes the platform counted at fetch", "count", nullable=True),
        Column("area", pl.String, "neighbourhood by coordinates or official code, placed at the door", nullable=True),
        Column("area_evidence", pl.String, "how area was placed: point, code, postcode", nullable=True),
        Column("platform_place", pl.String, "place name the platform attached, masked", nullable=True),
        Column("profile_place", pl.String, "place the author declares, masked", nullable=True),
        _SYNTHETIC,
    ),
    key=("post",),
    partition=("night", "source"),
    derived_from=(Derivation("received_posts", "repost_of", "post"),),
)

_PLATFORM_IDS = Table(
    "platform_ids",
    "What a service must be asked by to learn whether a post is still there: its id, sealed under a key derived from "
    "the city's. Kept only for services without a feed of deletions, and purged with the raw posts.",
    (
        _NIGHT,
        _SOURCE,
        _POST,
        Column("service", pl.String, "whom to ask: reddit, youtube, mastodon, x_compliance"),
        Column("sealed_id", pl.String, "AES-256-SIV of the platform's id, bound to the post", "base64url"),
        Column("seen_at", UTC_TIME, "end of the night on which the post came"),
        _SYNTHETIC,
    ),
    key=("post",),
    partition=("night", "source"),
    derived_from=(Derivation("received_posts", "post"),),
)

_POSTS = Table(
    "posts",
    "Posts fit to read: language, place and duplicates worked out.",
    (
        _NIGHT,
        _SOURCE,
        _POST,
        Column("author", pl.String, "keyed pseudonym of the account", "32 hex digits"),
        Column("platform", pl.String, "bluesky, mastodon, twitter, forum, …"),
        Column("created_at", UTC_TIME, "when it was posted"),
        Column("text", pl.String, "masked text"),
        Column("language", pl.String, "language found, BCP 47; und when unsure"),
        Column("language_confidence", pl.Float64, "probability of that language", "0-1"),
        Column("area", pl.String, "neighbourhood; empty when unplaced or ambiguous", nullable=True),
        Column("area_confidence", pl.Float64, "confidence in the place", "0-1", nullable=True),
        Column(
            "area_evidence", pl.String, "point, code, postcode, text, platform, profile; ambiguous or none if unplaced"
        ),
        Column("duplicate_group", pl.String, "keyed hash shared by posts of (nearly) the same text", "32 hex digits"),
        Column("is_repost", pl.Boolean, "repeats somebody's post: counted as reach, never as a voice"),
        Column("repost_of", pl.String, "pseudonym of the post it repeats", nullable=True),
        Column("reach", pl.Int64, "reposts, boosts and likes", "count", nullable=True),
        _SYNTHETIC,
    ),
    key=("post",),
    partition=("night",),
    derived_from=(Derivation("received_posts", "post"), Derivation("posts", "repost_of", "post")),
)


def _probabilities() -> tuple[Column, ...]:
    return tuple(
        Column(f"{head}_{value}", pl.Float64, f"probability that {head} is {value}", "0-1")
        for head, values in LABEL_HEADS.items()
        for value in values
    )


_LABELS = Table(
    "labels",
    "What a model says of one post.",
    (
        _NIGHT,
        Column("shard", pl.Int64, "slice of the night's posts that one task classified"),
        _POST,
        Column("model", pl.String, "model folder under models/"),
        Column("model_version", pl.String, "content hash of the model"),
        Column("trust", pl.String, "trust, distrust, none"),
        Column("target", pl.String, "whom the (dis)trust is about; none exactly when trust is none"),
        Column("rumour", pl.String, "rumour, correction, none"),
        Column("hostile", pl.String, "yes, no"),
        *_probabilities(),
        _SYNTHETIC,
    ),
    key=("post", "model", "model_version"),
    partition=("night", "shard"),
    derived_from=(Derivation("posts", "post"),),
)

_RUMOURS = Table(
    "rumours",
    "Groups of posts that carry the same claim, and the life of each, as seen on a night. No post text.",
    (
        _NIGHT,
        Column("rumour", pl.String, "id of the claim, stable over nights", "hex digits"),
        Column("title", pl.String, "the claim in a sentence, as a person put it", nullable=True),
        Column("terms", pl.List(pl.String), "terms shared by posts of three authors or more"),
        Column(
            "representative",
            pl.String,
            "the post whose masked text says it best; empty when all are reposts",
            nullable=True,
        ),
        Column("status", pl.String, "seen, assessed, answered, faded"),
        Column("status_by", pl.String, "posts, or person: who decided the status"),
        Column("evidence", pl.List(pl.String), "ids of claims in the city's evidence library that a person linked"),
        Column("first_seen", UTC_TIME, "first post"),
        Column("last_seen", UTC_TIME, "latest post"),
        Column("posts", pl.Int64, "posts that carry or correct it", "count"),
        Column("voices", pl.Int64, "distinct authors", "count"),
        Column("corrections", pl.Int64, "posts that correct it", "count"),
        Column("share_corrected", pl.Float64, "authors of own words who correct it, of all such authors", "0-1"),
        Column("spread_rate", pl.Float64, "authors who passed it on in the last 7 days, a day", "voices/day"),
        Column("areas", pl.Int64, "neighbourhoods it is placed in", "count"),
        Column("neighbourhoods", pl.List(pl.String), "codes of those neighbourhoods, sorted"),
        _SYNTHETIC,
    ),
    key=("rumour", "night"),
    partition=("night",),
    derived_from=(Derivation("rumour_posts", "rumour"),),
)

_RUMOUR_POSTS = Table(
    "rumour_posts",
    "Which post carries which rumour, from the night on; the latest row of a post holds.",
    (
        _NIGHT,
        Column("rumour", pl.String, "id of the claim", "hex digits"),
        _POST,
        Column(
            "similarity", pl.Float64, "mean alikeness to the other posts of the rumour that night, 1 if alone", "0-1"
        ),
        Column("reason", pl.String, "founded, joined, merged, split, moved; or ruled, by a person"),
        Column("moved_from", pl.String, "the rumour it was in before, when it changed", nullable=True),
        _SYNTHETIC,
    ),
    key=("post", "night"),
    partition=("night",),
    derived_from=(Derivation("posts", "post"),),
)

_RESPONDENTS = Table(
    "respondents",
    "One completed questionnaire: who (pseudonym), where, when, and the design of the sample.",
    (
        _NIGHT,
        _SOURCE,
        Column("response", pl.String, "keyed pseudonym of the respondent in this wave", "32 hex digits"),
        Column("respondent", pl.String, "keyed pseudonym of the person", "32 hex digits"),
        Column("wave", pl.String, "wave of the survey"),
        Column("answered_at", UTC_TIME, "when it was answered"),
        _AREA,
        Column("weight", pl.Float64, "design weight before raking; 1 where the survey has none", "weight"),
        Column("cluster", pl.String, "primary sampling unit", nullable=True),
        Column("stratum", pl.String, "sampling stratum", nullable=True),
        _SYNTHETIC,
    ),
    key=("response",),
    partition=("night", "source"),
)

_ANSWERS = Table(
    "answers",
    "One answer to one item of one questionnaire, in the item's own unit (the codebook says which).",
    (
        _NIGHT,
        _SOURCE,
        Column("response", pl.String, "keyed pseudonym of the respondent in this wave", "32 hex digits"),
        Column("respondent", pl.String, "keyed pseudonym of the person", "32 hex digits"),
        Column("item", pl.String, "item id, e.g. trust_generalised_0_10, wallet_stranger, group.age_band"),
        Column("value", pl.Float64, "numeric answer, in the item's unit", nullable=True),
        Column("category", pl.String, "category, for grouping items such as group.tenure", nullable=True),
        Column("missing_code", pl.String, "why there is no answer: refused, dont_know, not_asked", nullable=True),
        _SYNTHETIC,
    ),
    key=("response", "item"),
    partition=("night", "source"),
    derived_from=(Derivation("respondents", "response"),),
)

_REPORTS = Table(
    "reports",
    "A practitioner's rating of trust in a neighbourhood, and the reason.",
    (
        _NIGHT,
        _SOURCE,
        Column("report", pl.String, "keyed pseudonym of the record", "32 hex digits"),
        Column("rater", pl.String, "keyed pseudonym of the practitioner", "32 hex digits"),
        Column("reported_at", UTC_TIME, "when it was reported"),
        _AREA,
        Column("rating", pl.Float64, "rating on the scale", "scale points"),
        Column("scale_minimum", pl.Float64, "lowest rating possible", "scale points"),
        Column("scale_maximum", pl.Float64, "highest rating possible", "scale points"),
        Column("reason", pl.String, "masked words of the practitioner", nullable=True),
        _SYNTHETIC,
    ),
    key=("report",),
    partition=("night", "source"),
)

_OBSERVATIONS = Table(
    "observations",
    "Counts of people in a public place over a short time (Public Life Data Protocol).",
    (
        _NIGHT,
        _SOURCE,
        Column("observation", pl.String, "keyed pseudonym of the record", "32 hex digits"),
        Column("session", pl.String, "place and time window: one observer's stretch", "32 hex digits"),
        Column("observer", pl.String, "keyed pseudonym of the observer", nullable=True),
        Column("kind", pl.String, "movement, stationary"),
        Column("place", pl.String, "name of the place", nullable=True),
        _AREA,
        Column("started_at", UTC_TIME, "start of the window"),
        Column("ended_at", UTC_TIME, "end of the window"),
        Column("persons", pl.Int64, "people counted in this record; 0 for an empty window", "persons"),
        Column("group_size", pl.Int64, "size of the group, 1 alone", "persons", nullable=True),
        Column("is_mixed_group", pl.Boolean, "observer noted a visibly mixed group (age, gender)", nullable=True),
        Column("is_staying", pl.Boolean, "staying, not passing through"),
        Column("activities", pl.List(pl.String), "activities noted"),
        _SYNTHETIC,
    ),
    key=("observation",),
    partition=("night", "source"),
)

_COUNTS = Table(
    "counts",
    "Context: dated counts per area (service requests, police-recorded incidents, footfall).",
    (
        _NIGHT,
        _SOURCE,
        Column("record", pl.String, "keyed pseudonym of the record", "32 hex digits"),
        Column("series", pl.String, "what is counted"),
        _AREA,
        Column("counted_on", pl.Date, "day counted"),
        Column("count", pl.Float64, "how many", "count"),
        _SYNTHETIC,
    ),
    key=("record",),
    partition=("night", "source"),
)

_ESTIMATES = Table(
    "estimates",
    "One value of an indicator with its error: the row contract.",
    (
        _NIGHT,
        _ESTIMATE_PLACE[0],
        Column("indicator", pl.String, "indicator id (configs/indicators.yaml)"),
        *_ESTIMATE_PLACE[1:],
        Column("period_start", pl.Date, "first day of the period"),
        Column("period_end", pl.Date, "last day of the period"),
        Column("issued_at", UTC_TIME, "when this value was issued"),
        Column("value", pl.Float64, "the estimate, in the indicator's unit", nullable=True),
        Column("standard_error", pl.Float64, "its standard error, in the indicator's unit", nullable=True),
        Column("lower", pl.Float64, "lower end of the 95 % interval", nullable=True),
        Column("upper", pl.Float64, "upper end of the 95 % interval", nullable=True),
        Column("n", pl.Int64, "respondents, authors, reports or sessions behind it", "count"),
        Column("effective_n", pl.Float64, "size of the simple random sample that would be as informative", "count"),
        Column("reliability", pl.Float64, "share of variance between areas that is signal", "0-1", nullable=True),
        Column("method", pl.String, "direct, model, uncorrected, prevalence, mean, rate, nowcast, composite"),
        Column("missing_reason", pl.String, "why there is no value: " + ", ".join(MISSING_REASONS), nullable=True),
        _SYNTHETIC,
        Column("run_id", pl.String, "nightly run that issued it"),
        Column("config_version", pl.String, "hash of the configuration used"),
        Column("model_version", pl.String, "hash of the language model used", nullable=True),
    ),
    key=("city", "indicator", "geography", "area", "period_start", "period_end", "issued_at"),
    partition=("night",),
)

_COVERAGE = Table(
    "coverage",
    "Who is heard: voices per neighbourhood, source and group beside the population.",
    (
        _NIGHT,
        *_ESTIMATE_PLACE,
        Column("period_start", pl.Date, "first day of the period"),
        Column("period_end", pl.Date, "last day of the period"),
        Column("signal", pl.String, "posts, answers, reports, observations, counts"),
        Column("group", pl.String, "all, or margin=category (e.g. age_band=16-24)"),
        Column("records", pl.Int64, "posts, questionnaires, reports, sessions", "count"),
        Column("voices", pl.Int64, "distinct authors, respondents, raters or observers", "count"),
        Column("population", pl.Int64, "adults (or persons) of the area and group", "persons", nullable=True),
        Column("voices_per_1000", pl.Float64, "voices per 1,000 of that population", "per 1,000", nullable=True),
        _SYNTHETIC,
    ),
    key=("city", "geography", "area", "period_start", "period_end", "signal", "group", "night"),
    partition=("night",),
)

_AUDIT_SAMPLE = Table(
    "audit_sample",
    "Posts drawn for people to label, so that the language model's errors are known: the audit.",
    (
        _NIGHT,
        _POST,
        Column("stratum", pl.String, "area group, language, label and confidence it was drawn from"),
        Column("inclusion", pl.Float64, "probability with which it was drawn from the night's posts", "0-1"),
        _SYNTHETIC,
    ),
    key=("post",),
    partition=("night",),
    derived_from=(Derivation("posts", "post"),),
)

_AUDIT_LABELS = Table(
    "audit_labels",
    "What people say of the posts of the audit.",
    (
        Column("night", pl.Date, "day on which the labels were read back"),
        _POST,
        Column("labeller", pl.String, "keyed pseudonym of who labelled", "32 hex digits"),
        Column("head", pl.String, "trust, target, rumour, hostile"),
        Column("label", pl.String, "class of that head"),
        _SYNTHETIC,
    ),
    key=("post", "labeller", "head"),
    partition=("night",),
    derived_from=(Derivation("audit_sample", "post"),),
)

_OF_INDICATOR = (
    _NIGHT,
    _ESTIMATE_PLACE[0],
    Column("indicator", pl.String, "indicator id (configs/indicators.yaml)"),
)
_SPAN = (
    Column("period_start", pl.Date, "first day of the period"),
    Column("period_end", pl.Date, "last day of the period"),
)

_SKILL = Table(
    "skill",
    "What each signal adds to the last survey: how much better it foretold the next wave, and the weight it earned.",
    (
        *_OF_INDICATOR,
        Column("signal", pl.String, "indicator of posts, reports, observations or counts that was tried"),
        Column(
            "skill",
            pl.Float64,
            "1 - MSE with the signal / MSE of the last survey carried forward, in back-tests",
            nullable=True,
        ),
        Column("lower", pl.Float64, "lower end of the 95 % interval of skill", nullable=True),
        Column("upper", pl.Float64, "upper end of the 95 % interval of skill", nullable=True),
        Column("origins", pl.Int64, "waves foretold", "count"),
        Column("areas", pl.Int64, "neighbourhoods in which they were", "count"),
        Column("weight", pl.Float64, "share of its own movement the signal may add; 0 where skill is not shown", "0-1"),
        Column("verdict", pl.String, "the same in words"),
        _SYNTHETIC,
    ),
    key=("city", "indicator", "signal", "night"),
    partition=("night",),
)

_AUDITS = Table(
    "audits",
    "How the shares of the whole city's voices were corrected for the language model's errors, or why they were not.",
    (
        *_OF_INDICATOR,
        *_SPAN,
        Column("method", pl.String, "prevalence (corrected), uncorrected"),
        Column("reason", pl.String, "why it is uncorrected", nullable=True),
        Column("audited", pl.Int64, "audited posts that speak for it", "posts"),
        Column("reliance", pl.Float64, "how far the model's word is relied on: 0 audit alone, 1 fully", nullable=True),
        Column("age_days", pl.Float64, "mean age of the audited posts at the end of the period", "days", nullable=True),
        Column("drift_p", pl.Float64, "p-value of the model erring otherwise than in older audits", "0-1"),
        Column("is_drifting", pl.Boolean, "that is more than chance would make: the interval is widened"),
        Column("agreement", pl.Float64, "Krippendorff's alpha of labellers, the least of its heads", nullable=True),
        Column("defect_correlation", pl.Float64, "assumed correlation between being heard and the answer (Meng 2018)"),
        _SYNTHETIC,
    ),
    key=("city", "indicator", "period_end", "night"),
    partition=("night",),
)

_ALERTS = Table(
    "alerts",
    "Changes beyond chance, few, with what moved along and what an official might do first.",
    (
        *_OF_INDICATOR,
        *_ESTIMATE_PLACE[1:],
        *_SPAN,
        Column("direction", pl.String, "up, down"),
        Column("change", pl.Float64, "change since the level before, in the indicator's unit"),
        Column("lower", pl.Float64, "lower end of the 95 % interval of the change"),
        Column("upper", pl.Float64, "upper end of the 95 % interval of the change"),
        Column("evidence", pl.Float64, "e-value: how many times likelier than if nothing had changed", "ratio"),
        Column("first_seen", pl.Date, "last day of the period in which it was first seen"),
        Column("moved_with", pl.List(pl.String), "what moved along: other indicators of the same place"),
        Column("message", pl.String, "what moved and how sure, in words"),
        Column("advice", pl.String, "what an official might do first"),
        _SYNTHETIC,
    ),
    key=("city", "indicator", "geography", "area", "period_end", "night"),
    partition=("night",),
)

_CLUSTERS = Table(
    "clusters",
    "Where like neighbourhoods lie together: local Moran statistics, and the global one in the row of the whole city.",
    (
        *_OF_INDICATOR,
        *_ESTIMATE_PLACE[1:],
        *_SPAN,
        Column("moran_i", pl.Float64, "Moran's I, global or local"),
        Column("quadrant", pl.String, "high-high, low-low, high-low, low-high; none where not significant or global"),
        Column("p_value", pl.Float64, "from random permutations of the values over the map", "0-1"),
        Column("is_significant", pl.Boolean, "survives control of the false discovery rate"),
        _SYNTHETIC,
    ),
    key=("city", "indicator", "geography", "area", "period_end", "night"),
    partition=("night",),
)

_SENSITIVITY = Table(
    "sensitivity",
    "How far each choice behind a composite moves its neighbourhoods' ranks: Sobol indices of the mean shift in rank.",
    (
        *_OF_INDICATOR,
        *_SPAN,
        Column("assumption", pl.String, "what was varied: errors of the parts, weights, normalisation, aggregation"),
        Column("first_order", pl.Float64, "share of variance it accounts for by itself", "0-1", nullable=True),
        Column("first_order_error", pl.Float64, "half width of its 95 % interval", nullable=True),
        Column("total", pl.Float64, "share of variance it has any part in", "0-1", nullable=True),
        Column("total_error", pl.Float64, "half width of its 95 % interval", nullable=True),
        _SYNTHETIC,
    ),
    key=("city", "indicator", "period_end", "assumption", "night"),
    partition=("night",),
)

_FETCHES = Table(
    "fetches",
    "What was asked of live services: one row a page received or refused. Holds no text, no id and no secret.",
    (
        _NIGHT,
        _SOURCE,
        Column("number", pl.Int64, "place among the source's requests of the night, from 1"),
        Column("request", pl.String, "method, host and path asked; parameters by name only, no values"),
        Column(
            "status",
            pl.String,
            "HTTP status, or timeout, refused, truncated, too_large, unsafe_address, closed, resting, unset",
        ),
        Column("tries", pl.Int64, "times it was sent", "count"),
        Column("records", pl.Int64, "records it brought", "records"),
        Column("bytes", pl.Int64, "size of the answer", "bytes"),
        Column("cursor", pl.String, "bookmark after it, JSON", nullable=True),
    ),
    key=("night", "source", "number"),
    partition=("night", "source"),
)

SOURCE_STATES = ("working", "quiet", "silent", "failing")

_SOURCE_HEALTH = Table(
    "source_health",
    "Whether each source works: told from its own rhythm, with the evidence.",
    (
        _NIGHT,
        _SOURCE,
        Column("signal", pl.String, "posts, answers, reports, observations, counts, removals"),
        Column("state", pl.String, "working, quiet (within its rhythm), silent (suspiciously), failing"),
        Column("records", pl.Int64, "records received this night", "records"),
        Column("expected", pl.Float64, "records its rhythm leads one to expect", "records", nullable=True),
        Column("expected_lower", pl.Float64, "lower end of the 95 % interval of that", "records", nullable=True),
        Column("expected_upper", pl.Float64, "upper end of the 95 % interval of that", "records", nullable=True),
        Column("silent_nights", pl.Int64, "nights in a row without a record, this one included", "nights"),
        Column("has_gap", pl.Boolean, "the service no longer had everything since the last bookmark"),
        Column("evidence", pl.String, "the same in words, and what to do"),
    ),
    key=("night", "source"),
    partition=("night",),
)

EXPLAINED_BY = ("new_data", "late_or_removed_data", "weights", "language_model", "configuration")

_EXPLANATIONS = Table(
    "explanations",
    "Why estimates differ from those of the release before: the parts sum to the change (Shapley over what changed).",
    (
        *_OF_INDICATOR,
        *_ESTIMATE_PLACE[1:],
        *_SPAN,
        Column("since", pl.String, "name of the release compared with"),
        Column("since_start", pl.Date, "first day of the period compared with (another where a new period began)"),
        Column("since_end", pl.Date, "last day of the period compared with"),
        Column("factor", pl.String, ", ".join(EXPLAINED_BY)),
        Column("part", pl.Float64, "how much of the change comes from it, in the indicator's unit"),
        Column("change", pl.Float64, "the whole change, in the indicator's unit"),
        Column("noise", pl.Float64, "half width of the 95 % interval of a change of new data alone"),
        Column("is_within_noise", pl.Boolean, "the part of new and late data is no larger than chance would make"),
        Column("is_shared", pl.Boolean, "removals and a change of method were known only together: half given to each"),
        Column("words", pl.String, "the whole change in one sentence; the same for every factor of a change"),
        _SYNTHETIC,
    ),
    key=("city", "indicator", "geography", "area", "period_end", "factor", "night"),
    partition=("night",),
)

_QUARANTINE = Table(
    "quarantine",
    "Records that could not be used, masked, each with its position, the rule it broke and what to do.",
    (
        _NIGHT,
        _SOURCE,
        Column("position", pl.String, "file, line or row, and the record's place among the rejected"),
        Column("signal", pl.String, "posts, answers, reports, observations, counts, removals"),
        Column("subject", pl.String, "pseudonym of the post, respondent or record, where known", nullable=True),
        Column("author", pl.String, "pseudonym of the author, respondent or rater, where known", nullable=True),
        Column("rule", pl.String, "name of the rule broken"),
        Column("field", pl.String, "field at fault", nullable=True),
        Column("reason", pl.String, "what is wrong and what to do, in one line"),
        Column("record", pl.String, "the record, masked and cut", nullable=True),
    ),
    key=("source", "position", "night"),
    partition=("night", "source"),
    derived_from=(
        Derivation("received_posts", "subject", "post"),
        Derivation("respondents", "subject", "response"),
    ),
)

_LEDGER = Table(
    "ledger",
    "What came in and what went out of every step of a run. received = written + duplicate + quarantined + removed.",
    (
        _NIGHT,
        Column("step", pl.String, "step of the run"),
        Column("part", pl.String, "source or shard; all for the whole step"),
        Column("run_id", pl.String, "nightly run"),
        Column("read", pl.Int64, "records read, in scope or not", "records"),
        Column(
            "out_of_scope", pl.Int64, "records that are none of this source's business (likes, profiles, …)", "records"
        ),
        Column("received", pl.Int64, "records in scope", "records"),
        Column("written", pl.Int64, "became a row", "records"),
        Column("duplicate", pl.Int64, "were there already", "records"),
        Column("quarantined", pl.Int64, "kept apart with a reason", "records"),
        Column("removed", pl.Int64, "were removals, or were removed by one", "records"),
    ),
    key=("night", "step", "part"),
    partition=("night", "step", "part"),
)

_CURSORS = Table(
    "cursors",
    "How far each source had been read when a night was done.",
    (_NIGHT, _SOURCE, Column("cursor", pl.String, "the source's own bookmark, JSON")),
    key=("night", "source"),
    partition=("night", "source"),
)

_REMOVALS = Table(
    "removals",
    "Tombstones: what upstream or a person took back, so that it never returns. Holds no id and no pseudonym.",
    (
        _NIGHT,
        _SOURCE,
        Column("kind", pl.String, "post, author, respondent, record"),
        Column("subject", pl.String, "tombstone: SHA-256 of the pseudonym", "64 hex digits"),
        Column("effective_at", UTC_TIME, "what is no newer than this is removed"),
        Column("reason", pl.String, "deleted, edited, account_deleted, consent_withdrawn, operator"),
    ),
    key=("night", "source", "kind", "subject"),
    partition=("night", "source"),
)

_CHECKS = Table(
    "checks",
    "Result of every data rule of every boundary of a run.",
    (
        _NIGHT,
        Column("boundary", pl.String, "step after which it was checked"),
        Column("table_name", pl.String, "table checked"),
        Column("rule", pl.String, "name of the rule"),
        Column("severity", pl.String, "critical, warning"),
        Column("is_met", pl.Boolean, "the rule held"),
        Column("checked", pl.Int64, "rows checked", "rows"),
        Column("unexpected", pl.Int64, "rows that break it", "rows"),
        Column("message", pl.String, "in words: what, where, what to do"),
    ),
    key=("night", "boundary", "table_name", "rule"),
    partition=("night", "boundary"),
)

_TRUTH = Table(
    "truth",
    "What a simulation knows: the true value behind the synthetic rows. Never in a real city.",
    (
        Column("indicator", pl.String, "indicator id"),
        Column("area", pl.String, "code of the neighbourhood"),
        Column("day", pl.Date, "day"),
        Column("value", pl.Float64, "true value, in the indicator's unit"),
        _SYNTHETIC,
    ),
    key=("indicator", "area", "day"),
    partition=("indicator",),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _RECEIVED_POSTS,
        _PLATFORM_IDS,
        _POSTS,
        _LABELS,
        _RUMOURS,
        _RUMOUR_POSTS,
        _RESPONDENTS,
        _ANSWERS,
        _REPORTS,
        _OBSERVATIONS,
        _COUNTS,
        _ESTIMATES,
        _COVERAGE,
        _AUDIT_SAMPLE,
        _AUDIT_LABELS,
        _AUDITS,
        _SKILL,
        _ALERTS,
        _CLUSTERS,
        _SENSITIVITY,
        _EXPLANATIONS,
        _FETCHES,
        _SOURCE_HEALTH,
        _QUARANTINE,
        _LEDGER,
        _CURSORS,
        _REMOVALS,
        _CHECKS,
        _TRUTH,
    )
}


def to_markdown() -> str:
    """All tables as Markdown: the text of `docs/tables.md`."""
    head = "# Tables\n\nGenerated by `barometer tables`; do not edit. One lake folder a city, one Delta table a name.\n"
    return head + "\n".join(_table_markdown(table) for table in TABLES.values())


def _table_markdown(table: Table) -> str:
    derived = ", ".join(f"`{d.parent}` by `{d.column}`" for d in table.derived_from) or "nothing"
    rows = "\n".join(_column_markdown(column) for column in table.columns)
    return (
        f"\n## {table.name}\n\n{table.meaning}\n\n"
        f"Key: {', '.join(f'`{name}`' for name in table.key)} · "
        f"partition: {', '.join(f'`{name}`' for name in table.partition)} · derived from: {derived}\n\n"
        "| column | type | unit | may be empty | meaning |\n|---|---|---|---|---|\n"
        f"{rows}\n"
    )


def _column_markdown(column: Column) -> str:
    empty = "yes" if column.nullable else ""
    return f"| {column.name} | {_instance(column.dtype)} | {column.unit} | {empty} | {column.meaning} |"
