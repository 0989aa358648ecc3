"""Asks services without a feed of deletions whether the posts we hold are still there.

The lake knows posts by pseudonym only. So that they can be asked for again, `platform_ids` keeps each one's id sealed
(`prepare/seals.py`) for as long as the raw post is kept. A re-check opens as many seals as its nightly budget allows,
going round in the order of the pseudonyms from where the last one stopped, and asks. What is gone, or whose author no
longer wants it found, becomes a removal; what was edited comes in like any other record and replaces what we had.

A re-check writes under a name of its own for each try, `<source>_recheck_<n>`: what an earlier try removed is no longer
held and could not be found out again, so no try may replace what another wrote. `apply_removals` comes afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from barometer import ledger
from barometer.city import SourceConfig
from barometer.errors import BadConfiguration, ServiceRefused, SourceFailed
from barometer.ingest.finish import STEP, finish, stamped
from barometer.ingest.intake import Intake
from barometer.ingest.live.connector import Call, Connector
from barometer.ingest.live.fetches import FetchLog
from barometer.ingest.live.lookups import AnyLookup, Lookup, SlowLookup
from barometer.ingest.live.opening import named, opened
from barometer.ingest.live.services import CONNECTORS, look_up_service
from barometer.ingest.run import context_of, require_parser
from barometer.ingest.source import Batch, Context, Door, Line, LineParser, Part, Removal, RemovalReason, identity
from barometer.lake import tombstone
from barometer.ledger import Counts
from barometer.night import Night

SUFFIX = "_recheck_"
_KEPT_OF_A_PSEUDONYM = 8
_NOT_BEGUN: dict[str, Any] = {"after": "", "slow": {}, "done": True}
"""Bookmark before the first re-check: where on the round it stopped, what a slow service is at, whether all was asked.
"""


def recheck_source(night: Night, source: SourceConfig, door: Door) -> Counts:
    """Ask about what earlier nights hold of `source`, and enter removals and newer versions under this night.

    A night whose re-check is done, or that a later one followed, is not asked about again: its counts are zero. Raises
    `BadConfiguration` where nobody can be asked about the source, and `SourceFailed` after entering what was found.
    """
    asking = _asking(source)
    tries = _tries(night, source)
    if _is_over(night, tries):
        return Counts()
    own = source.model_copy(update={"id": f"{source.id}{SUFFIX}{_following(night, source)}"})
    bookmark = json.loads(tries["cursor"][-1]) if tries.height else _NOT_BEGUN
    with ledger.timed(night, STEP, own.id):
        intake = Intake(cursor={**bookmark, "done": False})
        failure = _ask(night, source, intake, own=own, asking=asking, door=door)
        counts = finish(night, own, door, intake)
    if failure is not None:
        raise failure
    return counts


def can_be_rechecked(source: SourceConfig) -> bool:
    """Whether a service can be asked about the source's posts."""
    return bool(look_up_service(source))


def _asking(source: SourceConfig) -> SourceConfig:
    """The source to be opened for asking: the source itself, or for files the service its option names."""
    service = look_up_service(source)
    if not service:
        known = ", ".join(sorted(name for name, one in CONNECTORS.items() if isinstance(one, Lookup | SlowLookup)))
        raise BadConfiguration(
            f"source {source.id}: nobody can be asked whether its posts are still there; services that can: {known}"
        )
    if source.kind == "live":
        return source
    connector = CONNECTORS[service]
    options = dict(source.options.get("recheck_options") or {})
    values = {"kind": "live", "service": service, "path": "", "format": connector.format, "options": options}
    return source.model_copy(update=values)


def _ask(
    night: Night, source: SourceConfig, intake: Intake, *, own: SourceConfig, asking: SourceConfig, door: Door
) -> SourceFailed | None:
    """Everything the service says, into `intake`; returns what stopped it, if anything did."""
    log, failure = FetchLog(), None
    context = context_of(night, own, door)
    try:
        with opened(asking, context, night.settings, log=log, contact=night.city.contact) as ready:
            asked = _Asking(ready.connector, ready.call, require_parser(source), _held(night, source, ready.connector))
            for batch in asked.batches(_taken_back(night), intake.cursor):
                intake.add(batch, door)
        intake.cursor = {**intake.cursor, "done": True}
    except SourceFailed as error:
        failure = named(source, error)
    at = {"night": night.night, "source": own.id}
    night.lake.replace("fetches", stamped(log.frame(), "fetches", at), partition=at)
    return failure


def _tries(night: Night, source: SourceConfig) -> pl.DataFrame:
    """Re-checks of the source so far, of this night and all others, the last one last."""
    rows = night.lake.read("cursors").filter(pl.col("source").str.starts_with(f"{source.id}{SUFFIX}")).collect()
    number = pl.col("source").str.extract(r"(\d+)$").cast(pl.Int64)
    return rows.with_columns(number=number).sort("night", "number")


def _is_over(night: Night, tries: pl.DataFrame) -> bool:
    if tries.is_empty() or tries["night"][-1] < night.night:
        return False
    return tries["night"][-1] > night.night or bool(json.loads(tries["cursor"][-1])["done"])


def _following(night: Night, source: SourceConfig) -> int:
    """Number of this try: one more than any that left something, finished or killed."""
    pattern = re.compile(re.escape(f"{source.id}{SUFFIX}") + r"(\d+)")
    seen = [0]
    for table in ("removals", "received_posts", "cursors"):
        rows = night.lake.read(table).filter(pl.col("night") == night.night).select("source").unique().collect()
        seen += [int(found[1]) for name in rows["source"] if (found := pattern.fullmatch(name))]
    return max(seen) + 1


def _held(night: Night, source: SourceConfig, connector: Connector) -> pl.DataFrame:
    """Posts of earlier nights whose ids are kept: `post`, `sealed_id`, in the order of the pseudonyms."""
    of_source = (pl.col("source") == source.id) | pl.col("source").str.starts_with(f"{source.id}{SUFFIX}")
    is_asked = of_source & (pl.col("night") < night.night) & (pl.col("service") == connector.service)
    rows = night.lake.read("platform_ids").filter(is_asked).sort("post", "night").collect()
    return rows.unique("post", keep="last", maintain_order=True).select("post", "sealed_id")


def _taken_back(night: Night) -> set[str]:
    """Tombstones of posts."""
    is_post = (pl.col("kind") == "post") & (pl.col("reason") != "edited")
    return set(night.lake.read("removals").filter(is_post).select("subject").collect()["subject"])


@dataclass
class _Asking:
    """One re-check on its way through what is held."""

    connector: Connector
    call: Call
    parser: Any
    held: pl.DataFrame
    records: int = 0
    is_trusted: bool = False
    context: Context = field(init=False)

    def __post_init__(self) -> None:
        self.context = self.call.context

    def batches(self, taken_back: set[str], mark: Mapping[str, Any]) -> Iterator[Batch]:
        """First what the service already took back by another name, then what it says when it is asked."""
        look_up = self.connector
        if isinstance(look_up, SlowLookup):
            yield from self._slowly(look_up, mark)
            return
        assert isinstance(look_up, Lookup)
        known_gone = self._named_otherwise(look_up, taken_back)
        yield _batch(self._gone(known_gone, "deleted"), mark)
        self.held = self.held.join(pl.DataFrame({"post": known_gone}, {"post": pl.String}), on="post", how="anti")
        for few in self._round(look_up, mark).iter_slices(look_up.look_up_size):
            yield _batch(self._part(look_up, few), {**mark, "after": _just_after(few)})

    def _round(self, look_up: AnyLookup, mark: Mapping[str, Any]) -> pl.DataFrame:
        """As much of what is held as may be asked about tonight, from where the last re-check stopped, and round."""
        is_ahead = pl.col("post") > mark["after"]
        ring = pl.concat([self.held.filter(is_ahead), self.held.filter(~is_ahead)])
        return ring.head(look_up.look_up_size * look_up.look_ups_a_night)

    def _ids(self, few: pl.DataFrame) -> list[str]:
        return [self.context.door.unseal(post, sealed) for post, sealed in few.iter_rows()]

    def _named_otherwise(self, look_up: Lookup, taken_back: set[str]) -> list[str]:
        """Held posts that a removal named by the service's other name for them."""
        if self.held.is_empty() or not look_up.alias(self.call, "1"):
            return []
        aliases = (look_up.alias(self.call, one) for one in self._ids(self.held))
        tombstones = (tombstone(self._pseudonym(look_up.platform, alias)) for alias in aliases)
        return [post for post, stone in zip(self.held["post"], tombstones, strict=True) if stone in taken_back]

    def _part(self, look_up: Lookup, few: pl.DataFrame) -> Part:
        """What came back, parsed as ever, and a removal for each that did not or that no longer wants to be found."""
        ids = self._ids(few)
        records = look_up.look_up(self.call, ids)
        self.call.web.note(records=len(records), cursor={"after": _just_after(few)})
        returned = _names(look_up, records)
        self._require_sense(returned)
        part = self._parsed(records)
        accounted = {*_rows(part), *(one.subject for one in part.removals), *(one.subject for one in part.rejected)}
        absent = [post for post, own in zip(few["post"], ids, strict=True) if own not in returned]
        hidden = [post for post, own in zip(few["post"], ids, strict=True) if own in returned and post not in accounted]
        gone = [*self._gone(absent, "deleted").removals, *self._gone(hidden, "consent_withdrawn").removals]
        return Part(
            read=part.read + len(absent),
            out_of_scope=part.out_of_scope - len(hidden),
            rows=part.rows,
            removals=[*part.removals, *gone],
            rejected=part.rejected,
        )

    def _require_sense(self, returned: set[str]) -> None:
        """A service that gives back nothing at all may have shut us out: it must say that it has not."""
        if not returned and not self.is_trusted:
            self.connector.probe(self.call)
        self.is_trusted = True

    def _parsed(self, records: Sequence[bytes]) -> Part:
        assert isinstance(self.parser, LineParser)
        lines = [Line(number, record) for number, record in enumerate(records, start=self.records + 1)]
        self.records += len(records)
        return self.parser.parse_lines(lines, self.context) if lines else Part(read=0)

    def _slowly(self, look_up: SlowLookup, mark: Mapping[str, Any]) -> Iterator[Batch]:
        few = self._round(look_up, mark)
        if few.is_empty() and not mark["slow"]:
            return
        answered = look_up.find_gone(self.call, self._ids(few), mark["slow"])
        reached = _just_after(few) if few.height and answered.is_asked else mark["after"]
        after = {**mark, "slow": answered.bookmark, "after": reached}
        held = set(self.held["post"])
        for reason in ("deleted", "account_deleted"):
            named_so = (one.id for one in answered.gone if one.reason == reason)
            posts = [self._pseudonym(look_up.platform, one) for one in named_so]
            yield _batch(self._gone([post for post in posts if post in held], reason), after)

    def _pseudonym(self, platform: str, platform_id: str) -> str:
        return self.context.door.pseudonym("post", identity(platform, platform_id))

    def _gone(self, posts: Sequence[str], reason: RemovalReason) -> Part:
        at, where = self.context.horizon, self.context.position("gone")
        return Part(read=len(posts), removals=[Removal("post", post, at, reason, where) for post in posts])


def _just_after(few: pl.DataFrame) -> str:
    """A place behind the last of these posts. It is no pseudonym: those of removed posts must stand nowhere."""
    return f"{few['post'][-1][:_KEPT_OF_A_PSEUDONYM]}g"


def _names(look_up: Lookup, records: Sequence[bytes]) -> set[str]:
    try:
        return {look_up.name_of(record) for record in records}
    except msgspec.MsgspecError:
        raise ServiceRefused("answered records without ids: nothing was removed; has its API changed?") from None


def _rows(part: Part) -> list[str]:
    return part.rows["received_posts"]["post"].to_list() if part.rows else []


def _batch(part: Part, mark: Mapping[str, Any]) -> Batch:
    return Batch(part.rows, part.removals, part.rejected, part.read, part.out_of_scope, dict(mark))
