"""The proof that a removal was total: every file of the lake is opened and searched for what was taken back.

The lake remembers a removed subject only as a tombstone, the hash of its pseudonym. So every pseudonym in every file is
hashed and held against the tombstones; what has a newer version of its own (a post edited or written again later) is
spared. Files that no table refers to any more are searched too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from barometer.errors import BarometerError
from barometer.ingest.settle import IDENTITIES, Identity, taken_back
from barometer.lake import Lake, tombstone

_PSEUDONYM = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


class RemovalIncomplete(BarometerError):
    """Something that was taken back still has bytes in the lake; the message names the files."""


@dataclass(frozen=True)
class Search:
    """What was searched, for how many subjects, and the files in which one of them was found."""

    files: int
    bytes: int
    subjects: int
    pseudonyms: int
    found_in: tuple[str, ...]


def search_lake(lake: Lake) -> Search:
    """Open every file of the city's folder of the lake, logs included, and look for subjects that were taken back.

    Raises nothing by itself: `require_clean` does.
    """
    tombstones = lake.read("removals").collect()
    removed = set(tombstones.filter(pl.col("reason") != "edited")["subject"].to_list())
    spared = _spared(lake, tombstones)
    files = size = 0
    seen: set[str] = set()
    found: list[str] = []
    for name, data in _files(lake):
        files, size = files + 1, size + len(data)
        held = _pseudonyms(name, data)
        seen |= held
        if any(tombstone(one) in removed for one in held - spared):
            found.append(name)
    return Search(files, size, len(removed), len(seen), tuple(sorted(found)))


def require_clean(search: Search) -> None:
    """Raises `RemovalIncomplete` naming the files in which something taken back was found."""
    if search.found_in:
        raise RemovalIncomplete(
            f"{len(search.found_in)} files of the lake still hold what was taken back: "
            f"{', '.join(search.found_in[:5])}; publish nothing, run `barometer retain` again, and report it"
        )


def _spared(lake: Lake, tombstones: pl.DataFrame) -> set[str]:
    """Pseudonyms that a row nothing takes back still names: of newer versions, and of authors who wrote again."""
    spared: set[str] = set()
    for identity in IDENTITIES.values():
        columns = [identity.key, *identity.subjects.values(), *([identity.copies] if identity.copies else [])]
        for rows in _holdings(lake, identity):
            kept = rows.filter(~taken_back(rows, tombstones, identity))
            spared.update(*(kept[column].drop_nulls().to_list() for column in dict.fromkeys(columns)))
    return spared


def _holdings(lake: Lake, identity: Identity) -> Iterator[pl.DataFrame]:
    columns = [
        identity.key,
        identity.time,
        *identity.subjects.values(),
        *([identity.copies] if identity.copies else []),
    ]
    wanted = list(dict.fromkeys(columns))
    yield lake.read_every_version(identity.table).select(wanted).collect()
    if identity.table == "received_posts":
        yield lake.read_every_version("posts").with_columns(version_at="created_at").select(wanted).collect()


def _files(lake: Lake) -> Iterator[tuple[str, bytes]]:
    """Name (below the city's folder) and bytes of every file there is, in a folder or an object store."""
    system, root = fs.FileSystem.from_uri(lake.location("")) if "://" in lake.root else (fs.LocalFileSystem(), "")
    folder = (root or lake.location("")).rstrip("/")
    listed = system.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
    for info in sorted((one for one in listed if one.type == fs.FileType.File), key=lambda one: str(one.path)):
        with system.open_input_file(info.path) as file:
            yield info.path.removeprefix(f"{folder}/"), file.read()


def _pseudonyms(name: str, data: bytes) -> set[str]:
    """Everything in a file that looks like a pseudonym: in its bytes as they are, and as a table where it is one."""
    held = {match.decode() for match in _PSEUDONYM.findall(data)}
    if name.endswith(".parquet"):
        held |= _in_table(data)
    return held


def _in_table(data: bytes) -> set[str]:
    table = pq.read_table(pa.BufferReader(data))
    strings = [name for name in table.column_names if pa.types.is_string(table.schema.field(name).type)]
    strings += [name for name in table.column_names if pa.types.is_large_string(table.schema.field(name).type)]
    held: set[str] = set()
    for column in strings:
        values = table.column(column).unique().drop_null().to_pylist()
        held.update(found.decode() for value in values for found in _PSEUDONYM.findall(value.encode()))
    return held
