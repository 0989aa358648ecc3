"""The two sides of a comparison: what the release before was made from, and what there is now; and any mix of them.

A row is *new* when what it tells of happened after the former night (of audit rows: the night they are of), *late* when
it happened before and came in, or was corrected, since. Rows that were removed since are nowhere any more: the former
side is the former rows that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

import polars as pl

from barometer.configured import Configured
from barometer.estimate.inputs import EVENT_TIME
from barometer.estimate.run import Context
from barometer.lake import Lake
from barometer.night import Night
from barometer.published import Release
from barometer.tables import TABLES

NEW, LATE, WEIGHTS, MODEL, CONFIGURATION = (
    "new_data",
    "late_or_removed_data",
    "weights",
    "language_model",
    "configuration",
)
FACTORS = (NEW, LATE, WEIGHTS, MODEL, CONFIGURATION)
SIGNAL_TABLES: dict[str, tuple[str, ...]] = {
    "answers": ("respondents", "answers"),
    "posts": ("posts", "audit_sample", "audit_labels"),
    "reports": ("reports",),
    "observations": ("observations",),
    "counts": ("counts",),
}
# What a removal names -> signals whose rows may have gone with it.
REMOVED_FROM: dict[str, tuple[str, ...]] = {
    "post": ("posts",),
    "author": ("posts",),
    "respondent": ("answers",),
    "rater": ("reports",),
    "observer": ("observations",),
    "record": ("answers", "reports", "observations", "counts"),
}
WEIGHING = ("margins", "population")
_ADULTS = ["population", "adults"]
_PLACE = ["geography", "area"]
_IS_NEW = "_is_new"


# (posts, name of a model, its version) -> rows of `labels`; none where that model is not there.
Reader = Callable[[pl.DataFrame, str, str], pl.DataFrame]


@dataclass(frozen=True)
class Mixed(Lake):
    """Tables made for one estimation instead of stored ones."""

    rows: Callable[[str], pl.DataFrame] = field(default=lambda name: TABLES[name].empty(), compare=False)

    def read(self, table: str, *, as_of: datetime | None = None) -> pl.LazyFrame:
        """The rows made for `table`."""
        return self.rows(table).lazy()


@dataclass(frozen=True)
class Sides:
    """`night` now, and the `release` before. `then`: the configuration it was made with, where that is known.

    `estimated_at`: when it was estimated; None where the lake was made anew since and has no such past. `reader`: has
    posts read by a former model; without it, or where that model is gone, posts that only a newer one read keep its
    labels on both sides, and what those do counts as the posts' own.
    """

    night: Night
    release: Release
    now: Configured
    then: Configured | None
    estimated_at: datetime | None
    reader: Reader | None = None
    cached: dict[tuple[str, str], pl.DataFrame] = field(default_factory=dict, compare=False)

    @property
    def cutoff(self) -> date:
        """The former night."""
        return self.release.night

    @cached_property
    def removed(self) -> frozenset[str]:
        """Signals from which something may have been removed since."""
        tombstones = self.night.lake.read("removals").collect()
        if self.estimated_at is not None:
            before = self.night.lake.read("removals", as_of=self.estimated_at).collect()
            tombstones = tombstones.join(before, on=TABLES["removals"].key, how="anti")
        return frozenset(signal for kind in tombstones["kind"].unique() for signal in REMOVED_FROM.get(kind, ()))

    def changed(self, signal: str) -> frozenset[str]:
        """The factors in which the sides differ for one signal."""
        tables = SIGNAL_TABLES[signal]
        found = {
            NEW: any(self._new(name).height for name in tables),
            LATE: any(not self._old(name, "now").equals(self._old(name, "then")) for name in tables),
            MODEL: signal == "posts" and self._is_relabelled(),
            WEIGHTS: self._differ(*WEIGHING) or not _adults(self.now).equals(_adults(self.then or self.now)),
            CONFIGURATION: self._is_configured_otherwise(signal),
        }
        return frozenset(name for name, is_changed in found.items() if is_changed)

    def context(self, coalition: Collection[str]) -> Context:
        """What a night estimates when the factors of `coalition` are as they are now and the others as they were."""
        chosen = frozenset(coalition)
        settings = self.now if CONFIGURATION in chosen or self.then is None else self.then
        weighing = self.now if WEIGHTS in chosen or self.then is None else self.then
        lake = Mixed(root=self.night.lake.root, city=self.night.city.id, rows=lambda table: self.rows(table, chosen))
        city = replace(settings, figures=_weighed(settings, weighing)).laid_on(self.night.city)
        if settings is self.now and weighing is self.now:
            city = self.night.city
        day = self.night.night if NEW in chosen else self.cutoff
        return Context(replace(self.night, city=city, lake=lake, night=day), settings.indicators)

    def rows(self, table: str, coalition: Collection[str]) -> pl.DataFrame:
        """Rows of `table` of a coalition, as that night's own."""
        if table == "labels":
            return self._labels("now" if MODEL in coalition else "then")
        old = self._old(table, "now" if LATE in coalition else "then")
        if NEW in coalition:
            return pl.concat([old, self._new(table)]).unique(TABLES[table].key, keep="last", maintain_order=True)
        # What came in late was written by a later night, which the former one would not look at.
        return old.with_columns(pl.min_horizontal("night", pl.lit(self.cutoff)))

    def _side(self, table: str, side: str) -> pl.DataFrame:
        """Rows of a table now, or the former ones that are left; with whether each is new. Sorted by key."""
        if (table, side) not in self.cached:
            at, until = (None, self.night.night) if side == "now" else (self.estimated_at, self.cutoff)
            rows = self.night.lake.read(table, as_of=at).filter(pl.col("night") <= until).collect()
            self.cached[table, side] = self._marked(table, rows, side).sort(TABLES[table].key)
        return self.cached[table, side]

    def _marked(self, table: str, rows: pl.DataFrame, side: str) -> pl.DataFrame:
        if table == "answers":
            is_new = self._side("respondents", side).select("response", _IS_NEW)
            marked = rows.join(is_new, on="response", how="left", maintain_order="left")
            return marked.with_columns(pl.col(_IS_NEW).fill_null(value=False))
        column = EVENT_TIME.get(table, "night")
        day = pl.col(column)
        if rows.schema[column] != pl.Date:
            day = day.dt.convert_time_zone(self.night.city.timezone).dt.date()
        return rows.with_columns((day > self.cutoff).alias(_IS_NEW))

    def _old(self, table: str, side: str) -> pl.DataFrame:
        return self._side(table, side).filter(~pl.col(_IS_NEW)).drop(_IS_NEW)

    def _new(self, table: str) -> pl.DataFrame:
        return self._side(table, "now").filter(_IS_NEW).drop(_IS_NEW)

    def _labels(self, side: str) -> pl.DataFrame:
        """Newest label of every post on one side; of a post only the other side knows a label of, that one."""
        now, then = self._newest("now"), pl.concat([self._newest("then"), self._read_again])
        first, second = (now, then) if side == "now" else (then, now)
        both = pl.concat([first, second.join(first, on="post", how="anti", maintain_order="left")])
        return both.with_columns(pl.min_horizontal("night", pl.lit(self.cutoff)))

    def _newest(self, side: str) -> pl.DataFrame:
        """As `labelled_posts` has it: the label of the latest night counts."""
        ordered = self._side("labels", side).drop(_IS_NEW).sort("post", "night", "model", "model_version")
        return ordered.unique("post", keep="last", maintain_order=True)

    @cached_property
    def _read_again(self) -> pl.DataFrame:
        """What the former model says of posts that only a newer one has read."""
        now, then = self._newest("now"), self._newest("then")
        if self.reader is None or then.is_empty():
            return then.clear()
        name, version = then.sort("night", "post").select("model", "model_version").row(-1)
        unread = now.filter(pl.col("model_version") != version).join(then, on="post", how="anti")
        posts = self._side("posts", "now").filter(~pl.col("is_repost")).join(unread, on="post", how="semi")
        return then.clear() if posts.is_empty() else self.reader(posts.drop(_IS_NEW), name, version)

    def _is_relabelled(self) -> bool:
        """A post bears another label, or the label of another model, than it did or would have."""
        now, then = (self._labels(side).drop("night", "shard").sort("post") for side in ("now", "then"))
        return not now.equals(then)

    def _differ(self, *names: str) -> bool:
        then = self.then or self.now
        return any(not self.now.figures[name].equals(then.figures[name]) for name in names)

    def _is_configured_otherwise(self, signal: str) -> bool:
        then = self.then or self.now
        others = [name for name in self.now.figures if name not in (*WEIGHING, "areas")]
        places = [side.figures["areas"].drop(_ADULTS) for side in (self.now, then)]
        return (
            self._differ(*others)
            or not places[0].equals(places[1])
            or self.now.thresholds != then.thresholds
            or self.now.signals != then.signals
            or _asked(self.now, signal) != _asked(then, signal)
        )


def _asked(side: Configured, signal: str) -> tuple[object, ...]:
    """What indicators.yaml says that bears on one signal."""
    indicators = side.indicators
    return indicators.lookback_days, indicators.weeks_anchor, indicators.of_signal(signal)


def _adults(side: Configured) -> pl.DataFrame:
    return side.figures["areas"].select(*_PLACE, *_ADULTS).sort(_PLACE)


def _weighed(settings: Configured, weighing: Configured) -> dict[str, pl.DataFrame]:
    """The figures of one configuration, with margins and populations of the other."""
    areas = settings.figures["areas"].drop(_ADULTS)
    adults = areas.join(_adults(weighing), on=_PLACE, how="left", maintain_order="left")
    weights = {name: weighing.figures[name] for name in WEIGHING}
    return settings.figures | weights | {"areas": adults.select(settings.figures["areas"].columns)}
