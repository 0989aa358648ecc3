"""What a person decided about rumours: `rumours.csv`, applied anew every night, so that it survives.

The file stands in the city folder, in the folder of decisions (`barometer rule` writes there), or in both. One decision
a row: `rumour, decision, value, since, note`. From the night `since` on, `decision` is
- `title`: `value` is the claim in a sentence, as pages show it; the latest `since` holds;
- `status`: `value` is seen, assessed, answered or faded, whatever the posts say; the latest `since` holds;
- `evidence`: `value` is the id of a claim in the city's evidence library;
- `merge`: the rumour becomes part of rumour `value`, and does not fall apart again;
- `split`: the post `value` leaves the rumour, begins its own, and is never grouped with that rumour again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from barometer.city_files import Column, Mistakes, Sheet, read_csv_file
from barometer.errors import BadConfiguration
from barometer.night import Night

RULINGS_FILE = "rumours.csv"
DECISIONS = ("title", "status", "evidence", "merge", "split")
FADED = "faded"
STATUSES = ("seen", "assessed", "answered", FADED)
LONGEST_TITLE = 140
# A title is published: nobody's handle, address or number may stand in it.
_IN_NO_TITLE = re.compile(r"@\w|https?://|www\.|\d{5}")

_SHEET = Sheet(
    RULINGS_FILE,
    (
        Column("rumour", pattern=r"^[0-9a-f]+$", advice="copy the id from the table rumours"),
        Column("decision", among=DECISIONS),
        Column("value"),
        Column("since", pattern=r"^\d{4}-\d{2}-\d{2}$", advice="write the night as 2026-05-09"),
        Column("note", may_be_empty=True),
    ),
    key=("rumour", "decision", "value", "since"),
)


@dataclass(frozen=True)
class Rulings:
    """What holds on a night: titles, statuses and evidence by rumour, rumours merged, posts taken out of one."""

    title: Mapping[str, str]
    status: Mapping[str, str]
    evidence: Mapping[str, list[str]]
    merged: Mapping[str, str]
    taken_out: frozenset[tuple[str, str]]

    def into(self, rumour: str) -> str:
        """The rumour that `rumour` is part of by now, as a person decided."""
        return following(rumour, self.merged)

    @property
    def whole(self) -> frozenset[str]:
        """Rumours that must not fall apart, since a person made them one."""
        return frozenset(self.into(rumour) for rumour in self.merged.values())

    @property
    def decided(self) -> tuple[frozenset[str], frozenset[str]]:
        """Rumours that a person put into words, and those about which a person decided anything else that lasts.

        That a rumour has faded says nothing about who tells it next.
        """
        told = {rumour for rumour, status in self.status.items() if status != FADED}
        parted = {rumour for _, rumour in self.taken_out}
        return frozenset(self.title), frozenset(told | self.evidence.keys() | self.whole | parted)

    def inherited(self, heirs: Mapping[str, str]) -> Rulings:
        """These, with what was decided about rumours that became part of others (`heirs`: the one -> the other).

        Evidence is added; a title or status holds for an heir that has none of its own, but a claim that goes on in
        another has not faded. What was taken out of the one stays out of the other, and what was made part of the one
        becomes part of the other.
        """
        evidence = {rumour: list(claims) for rumour, claims in self.evidence.items()}
        for rumour, heir in heirs.items():
            theirs = evidence.setdefault(heir, []) if rumour in self.evidence else []
            theirs.extend(claim for claim in self.evidence.get(rumour, []) if claim not in theirs)
        title = {heirs[rumour]: title for rumour, title in self.title.items() if rumour in heirs}
        status = {heirs[rumour]: s for rumour, s in self.status.items() if rumour in heirs and s != FADED}
        return Rulings(
            title={**title, **self.title},
            status={**status, **self.status},
            evidence=evidence,
            merged={rumour: heirs.get(into, into) for rumour, into in self.merged.items()},
            taken_out=self.taken_out | {(post, heirs.get(rumour, rumour)) for post, rumour in self.taken_out},
        )


def following(rumour: str, into: Mapping[str, str], *, until: Collection[str] = ()) -> str:
    """Where `rumour` ends up, one step of `into` after the other, at the latest at a rumour of `until`."""
    seen = {rumour}
    while rumour in into and rumour not in until and into[rumour] not in seen:
        rumour = into[rumour]
        seen.add(rumour)
    return rumour


NO_RULINGS = Rulings({}, {}, {}, {}, frozenset())


def rulings_folders(night: Night) -> tuple[Path, Path]:
    """Where decisions about a city's rumours stand: its own folder, and that of decisions taken in."""
    return night.city.folder, night.settings.decisions / night.city.id


def read_rulings(*folders: Path, night: date, evidence: frozenset[str] | None = None) -> Rulings:
    """The decisions of every `<folder>/rumours.csv` that hold on `night`; none where there is no such file.

    `evidence` are the ids that the city's library has, None to leave them unchecked. Raises `BadConfiguration` that
    lists every mistake of the files at once.
    """
    mistakes = Mistakes()
    rows = _dated(pl.concat([read_csv_file(folder, _SHEET, mistakes) for folder in folders]), mistakes)
    _check_values(rows, evidence, mistakes)
    held = rows.filter(pl.col("since") <= night)
    merged = dict(_of(held, "merge"))
    _check_circles(dict(_of(rows, "merge")), mistakes)
    if mistakes:
        raise BadConfiguration(_refusal(folders[0], mistakes))
    return Rulings(
        title=dict(_of(held, "title")),
        status=dict(_of(held, "status")),
        evidence={rumour: part["value"].to_list() for (rumour,), part in _parts(held, "evidence")},
        merged=merged,
        taken_out=frozenset((post, rumour) for rumour, post in _of(held, "split")),
    )


def _dated(rows: pl.DataFrame, mistakes: Mistakes) -> pl.DataFrame:
    """Rows with `since` as a date, the oldest first; those without a real day are noted and left out."""
    dated = rows.with_columns(day=pl.col("since").str.to_date(strict=False))
    for since in dated.filter(pl.col("day").is_null())["since"].unique(maintain_order=True):
        mistakes.add(RULINGS_FILE, "column since", f"{since!r} is no day of the calendar", "mend it")
    return dated.drop_nulls("day").with_columns(since="day").drop("day").sort("since", maintain_order=True)


def _check_values(rows: pl.DataFrame, evidence: frozenset[str] | None, mistakes: Mistakes) -> None:
    for rumour, status in _of(rows, "status"):
        if status not in STATUSES:
            mistakes.add(
                RULINGS_FILE, f"rumour {rumour}", f"{status!r} is no status", f"write one of {', '.join(STATUSES)}"
            )
    for rumour, title in _of(rows, "title"):
        if len(title) > LONGEST_TITLE or _IN_NO_TITLE.search(title):
            what = f"the title has more than {LONGEST_TITLE} characters, or a handle, an address or a long number"
            mistakes.add(RULINGS_FILE, f"rumour {rumour}", what, "write the claim alone, in one sentence")
    for rumour, claim in _of(rows, "evidence"):
        if evidence is not None and claim not in evidence:
            what = f"evidence {claim!r} is not in the city's library"
            mistakes.add(RULINGS_FILE, f"rumour {rumour}", what, "mend the id or add the claim to evidence/")
    targets = rows.filter(pl.col("decision") == "merge").group_by("rumour", maintain_order=True).agg("value")
    for rumour, into in targets.filter(pl.col("value").list.len() > 1).iter_rows():
        mistakes.add(RULINGS_FILE, f"rumour {rumour}", f"is merged into {' and '.join(into)}", "keep one of them")


def _check_circles(merged: dict[str, str], mistakes: Mistakes) -> None:
    for rumour in sorted(merged):
        seen, at = {rumour}, merged[rumour]
        while at in merged and at not in seen:
            seen.add(at)
            at = merged[at]
        if at == rumour:
            mistakes.add(
                RULINGS_FILE, f"rumour {rumour}", "is merged, in the end, into itself", "remove one of the rows"
            )


def _of(rows: pl.DataFrame, decision: str) -> list[tuple[str, str]]:
    return rows.filter(pl.col("decision") == decision).select("rumour", "value").rows()


def _parts(rows: pl.DataFrame, decision: str) -> list[tuple[tuple[str], pl.DataFrame]]:
    of = rows.filter(pl.col("decision") == decision)
    return list(of.group_by("rumour", maintain_order=True))


def _refusal(folder: Path, mistakes: Mistakes) -> str:
    plural = "mistake" if len(mistakes) == 1 else "mistakes"
    lines = (f"- {line}" for line in mistakes)
    return "\n".join([f"{RULINGS_FILE} of city folder {folder.name} has {len(mistakes)} {plural}:", *lines])
