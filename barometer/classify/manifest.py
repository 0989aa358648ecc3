"""What a model folder says of itself: kind, classes, settings, and the checksum of every file it is read from.

`models/<name>/manifest.json`. The version is a hash of all that changes a label: folders of one version label alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from barometer.errors import BadConfiguration, BadInput
from barometer.tables import LABEL_HEADS

FILE = "manifest.json"
_VERSION_DIGITS = 16
Heads = Mapping[str, tuple[str, ...]]


class Manifest(BaseModel):
    """Contents of `manifest.json`. `files`: file name -> SHA-256; `settings` belong to the kind of model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    version: str
    heads: dict[str, tuple[str, ...]]
    files: dict[str, str]
    settings: dict[str, Any]


def checksum(path: Path) -> str:
    """SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version_of(kind: str, files: dict[str, str], settings: dict[str, Any]) -> str:
    """Hash of all that decides a label: the kind of model, its files' checksums and its settings."""
    content = json.dumps({"kind": kind, "files": files, "settings": settings}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:_VERSION_DIGITS]


def write_manifest(
    folder: Path,
    *,
    name: str,
    kind: str,
    files: tuple[str, ...],
    settings: dict[str, Any],
    heads: Heads = LABEL_HEADS,
) -> Manifest:
    """Describe the model files now in `folder`; a model that gives no labels has no `heads`."""
    checksums = {file: checksum(folder / file) for file in sorted(files)}
    manifest = Manifest(
        name=name,
        kind=kind,
        version=version_of(kind, checksums, settings),
        heads={head: tuple(values) for head, values in heads.items()},
        files=checksums,
        settings=settings,
    )
    (folder / FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def read_manifest(name: str, models: Path, *, heads: Heads = LABEL_HEADS) -> Manifest:
    """The manifest of model `name` below `models`, which must have these `heads`, with every file it names found whole.

    Raises `BadConfiguration` when there is no such model, `BadInput` when a file is missing or damaged.
    """
    folder = models / name
    if name in {"", ".", ".."} or Path(name).name != name or not (folder / FILE).is_file():
        raise BadConfiguration(f"no model {name!r} in {models}: it has {_names(models)}; choose one, or train it")
    manifest = _parsed(folder / FILE)
    for file, expected in manifest.files.items():
        _refuse_damage(name, folder, file, expected)
    if manifest.version != version_of(manifest.kind, manifest.files, manifest.settings):
        raise BadInput(f"model {name}, file {FILE}, field version: it does not fit the rest of the file; {_MEND}")
    if manifest.heads != {head: tuple(values) for head, values in heads.items()}:
        raise BadInput(f"model {name}, file {FILE}, field heads: made for other classes than these; train it again")
    return manifest


_MEND = "restore the folder from version control or train the model again"


def _parsed(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise BadInput(f"{path}, field {field}: {first['msg']}; {_MEND}") from error


def _refuse_damage(name: str, folder: Path, file: str, expected: str) -> None:
    if Path(file).name != file or not (folder / file).is_file():
        raise BadInput(f"model {name}, file {file}: is missing from the model's folder; {_MEND}")
    if checksum(folder / file) != expected:
        raise BadInput(f"model {name}, file {file}: its checksum is not the manifest's; {_MEND}")


def _names(models: Path) -> str:
    return ", ".join(sorted(path.parent.name for path in models.glob(f"*/{FILE}"))) or "none"
