"""Two releases of the sample city and a draft beside them, and an application over them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from starlette.testclient import TestClient

from barometer.release.draft import draft_release
from barometer.release.manifest import MANIFEST, file_hashes, write_manifest
from barometer.release.publish import publish
from barometer.serve.app import ServeSettings, create_app
from tests.release.sample_night import sample_night

FIRST, SECOND = "2026-05-09-1", "2026-05-10-1"
APPROVED = {FIRST: datetime(2026, 5, 10, 8, 30, tzinfo=UTC), SECOND: datetime(2026, 5, 11, 7, 15, tzinfo=UTC)}
RAISED_BY = 0.01
NO_LIMIT = ServeSettings(requests_per_second=0)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of releases; look, do not change."""
    home = tmp_path_factory.mktemp("serve")
    night = sample_night(home)
    drafted = draft_release(night)
    folder = publish(night, drafted, approved_by="A. Person", is_stand_in=True, approved_at=APPROVED[FIRST])
    add_release(folder, SECOND, raised)
    return folder.parent.parent


def raised(folder: Path) -> None:
    """Every value a little higher, as another night would have it."""
    path = folder / "estimates.parquet"
    rows = pl.read_parquet(path)
    path.chmod(0o644)
    rows.with_columns(pl.col("value") + RAISED_BY).write_parquet(path)


def add_release(beside: Path, name: str, change: Callable[[Path], object], **stated: Any) -> Path:
    """A release like the one `beside`, under another name, changed and approved as if it had been made so."""
    folder = beside.parent / name
    shutil.copytree(beside, folder)
    change(folder)
    old = json.loads((folder / MANIFEST).read_text("utf-8"))
    approval = {**old["approval"], "approved_at": APPROVED.get(name, APPROVED[SECOND]).isoformat()}
    (folder / MANIFEST).chmod(0o644)
    parts = {"release": name, "night": name[:10], "approval": approval, "files": file_hashes(folder)} | stated
    write_manifest(folder, old | parts)
    latest = folder.parent / "latest.json"
    latest.write_text(json.dumps({"release": name, "page": f"{name}/index.html"}) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def client(published: Path) -> TestClient:
    """The application, without a rate limit."""
    return TestClient(create_app(published, NO_LIMIT), raise_server_exceptions=False)


@pytest.fixture
def own_releases(published: Path, tmp_path: Path) -> Path:
    """A folder of the same releases that a test may change."""
    own = tmp_path / "releases"
    shutil.copytree(published, own)
    for path in own.rglob("*"):
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
    return own
