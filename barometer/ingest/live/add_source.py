"""Writes a new source's entry into a city's `city.yaml`, leaving every other character of the file as it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from barometer.city import SourceConfig, load_city
from barometer.errors import BadConfiguration
from barometer.ingest.live.opening import mistakes_of

CITY_FILE = "city.yaml"
_SOURCES = "sources"


def entry_of(source: SourceConfig) -> str:
    """The source as a YAML mapping: what is set, and nothing that goes without saying."""
    values = source.model_dump(mode="json", exclude_defaults=True)
    ordered = {name: values[name] for name in SourceConfig.model_fields if name in values}
    return yaml.safe_dump({**ordered, "is_synthetic": source.is_synthetic}, sort_keys=False, allow_unicode=True)


def with_entry(text: str, entry: str) -> str:
    """The text of a `city.yaml` with one more source. Raises `BadConfiguration` where its sources are no list of lines.

    Comments, order and spacing stay; the entry goes below the last source.
    """
    node = _sources(text)
    if node is None:
        return f"{text.rstrip()}\n\n{_SOURCES}:\n{_indented(entry, 2)}"
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        lines = text.splitlines(keepends=True)
        place = _after_last(lines, node)
        before = "".join(lines[:place])
        return f"{before.rstrip(chr(10))}\n{_indented(entry, node.start_mark.column)}{''.join(lines[place:])}"
    if not node.value:
        return (
            f"{text[: node.start_mark.index].rstrip()}\n{_indented(entry, 2)}{text[node.end_mark.index :].lstrip(' ')}"
        )
    raise BadConfiguration(f"{CITY_FILE}: write the sources one below the other, each with a dash, then add again")


def add_entry(folder: Path, source: SourceConfig) -> None:
    """Write the source into the city's folder, once the whole folder is known to be sound with it.

    Raises `BadConfiguration` listing what would be wrong; the file is then as it was.
    """
    if mistakes := mistakes_of(source):
        raise BadConfiguration("\n".join(mistakes))
    file = folder / CITY_FILE
    text = with_entry(file.read_text("utf-8"), entry_of(source))
    _require_sound(folder, text)
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(text, "utf-8")
    draft.replace(file)


def _require_sound(folder: Path, text: str) -> None:
    """Load the city as it would be, in a copy that borrows everything else from where it is."""
    configs = folder.parent.parent
    with tempfile.TemporaryDirectory() as place:
        trial = Path(place) / "cities" / folder.name
        trial.mkdir(parents=True)
        _borrow(configs, Path(place), but=folder.parent.name)
        _borrow(folder.parent, trial.parent, but=folder.name)
        _borrow(folder, trial, but=CITY_FILE)
        (trial / CITY_FILE).write_text(text, "utf-8")
        load_city(folder.name, Path(place))


def _borrow(there: Path, here: Path, *, but: str) -> None:
    for path in there.iterdir():
        if path.name != but:
            (here / path.name).symlink_to(path.resolve())


def _sources(text: str) -> Any:
    """The node of `sources`, or None where the file has none."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == _SOURCES), None)


def _after_last(lines: list[str], node: yaml.Node) -> int:
    """The line after the last one of a block: its end as the parser sees it, without blank lines and comments."""
    place = node.end_mark.line + (1 if node.end_mark.column else 0)
    while place and (not lines[place - 1].strip() or lines[place - 1].lstrip().startswith("#")):
        place -= 1
    return place


def _indented(entry: str, columns: int) -> str:
    """The mapping as an item of a list."""
    first, *rest = entry.rstrip("\n").split("\n")
    pad = " " * columns
    return "".join([f"{pad}- {first}\n", *(f"{pad}  {line}\n" for line in rest)])
