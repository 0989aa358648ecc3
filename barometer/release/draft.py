"""The draft of a release: complete, as it would be published, waiting for a person."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from barometer.configured import archive
from barometer.ledger import passed_through, record, timed
from barometer.night import Night
from barometer.published import DISTRIBUTION, software_version
from barometer.release.catalogue import catalogue
from barometer.release.content import Content, collect_content
from barometer.release.csvw import csvw
from barometer.release.files import write_files, write_json
from barometer.release.gate import require_safe
from barometer.release.manifest import MANIFEST, content_hash, file_hashes, sha256, write_manifest
from barometer.release.package import data_package
from barometer.release.site.build import write_site

STEP = "release"
PAGE = "index.html"
SEAL = "draft.json"
_STAGING = ".staging"
# The ledger is written after the draft, so its version says nothing of what the draft was made from.
_NOT_AN_INPUT = "ledger"


def draft_release(night: Night, *, beside: Mapping[str, str] | None = None) -> Path:
    """Write the draft of `night` to `<drafts>/<city>/<run id>/`, in place of an earlier one; returns that folder.

    `beside`: file name -> text of what else is to stand in it (the model's transparency record). The same tables and
    texts give the same bytes. The folder appears whole or not at all. Raises `ReleaseRefused` when the
    release would be unsafe (see `collect_content` and `require_safe`).
    """
    # Many small matrices: threads of linear algebra would only wait for each other.
    with timed(night, STEP, "draft"), threadpool_limits(limits=1):
        content = collect_content(night)
        target = draft_folder(night)
        staged = fresh_folder(target.parent / _STAGING)
        _write(staged, content, night, beside or {})
        guarded = content.guarded
        require_safe(staged, estimates=guarded.estimates, coverage=guarded.coverage, withheld=guarded.withheld)
        _swap(staged, target)
        _keep_configuration(night, content)
        _seal(night, target)
        record(night, STEP, "draft", passed_through(content.estimates.height))
        return target


def _keep_configuration(night: Night, content: Content) -> None:
    """Keep what the estimates were configured with, so that a later change can be explained by it."""
    for used in content.estimates["config_version"].unique().sort():
        archive(night, used)


def draft_folder(night: Night) -> Path:
    """Where the draft of `night` is."""
    return night.settings.drafts / night.city.id / night.run_id


def sealed_manifest_hash(night: Night) -> str | None:
    """SHA-256 of the manifest of the draft that was made of `night`; none when none was made."""
    seal = night.folder / SEAL
    return str(json.loads(seal.read_text("utf-8"))["manifest_sha256"]) if seal.is_file() else None


def fresh_folder(parent: Path) -> Path:
    """A new empty folder below `parent`, on the disk the finished one will be renamed on."""
    folder = parent / uuid.uuid4().hex
    folder.mkdir(parents=True)
    return folder


def _write(folder: Path, content: Content, night: Night, beside: Mapping[str, str]) -> None:
    for name, text in beside.items():
        (folder / name).write_text(text, "utf-8")
    write_files(folder, content, night)
    package = data_package(folder, content, night)
    described = {"datapackage": package, "csvw": csvw(package)}
    for name, content_of in described.items():
        write_json(folder / f"{name}.json", content_of, indent=2)
    write_json(folder / "catalogue.jsonld", catalogue(package, content, night), indent=2)
    write_site(folder, content, night)
    write_manifest(folder, _manifest(folder, content, night))


def _manifest(folder: Path, content: Content, night: Night) -> dict[str, Any]:
    files = file_hashes(folder)
    models = content.estimates["model_version"].drop_nulls().unique().sort().to_list()
    return {
        "city": night.city.id,
        "run_id": night.run_id,
        "night": night.night.isoformat(),
        "issued_at": night.issued_at.isoformat(),
        "synthetic": content.is_synthetic,
        "software": {"name": DISTRIBUTION, "version": software_version()},
        "config_versions": content.estimates["config_version"].unique().sort().to_list(),
        "model_versions": models,
        "lake_versions": {t: v for t, v in sorted(night.lake.versions().items()) if t != _NOT_AN_INPUT},
        "taken_back": content.taken_back.stated() if content.taken_back else None,
        "privacy": content.privacy.stated() if content.privacy else None,
        "inputs_sha256": content.inputs_sha256,
        "content_sha256": content_hash(files),
        "approval": None,
        "files": files,
    }


def _swap(staged: Path, target: Path) -> None:
    """Put `staged` in place of `target`. Killed in between, one of the two is there, or none: never half of one."""
    if target.exists():
        old = fresh_folder(staged.parent)
        target.rename(old / target.name)
    staged.rename(target)
    shutil.rmtree(staged.parent)


def _seal(night: Night, draft: Path) -> None:
    """Note, outside the draft, what was drafted: a folder that was altered or made by hand has no seal that fits."""
    night.folder.mkdir(parents=True, exist_ok=True)
    staged = night.folder / f".{SEAL}.{uuid.uuid4().hex}"
    staged.write_text(json.dumps({"manifest_sha256": sha256(draft / MANIFEST)}) + "\n", "utf-8")
    staged.replace(night.folder / SEAL)
