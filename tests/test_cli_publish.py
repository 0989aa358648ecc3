"""`barometer publish-to`, `verify`, `signing-key` and `serve` as an operator types them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner

from barometer.cli import app
from barometer.errors import BadConfiguration, ReleaseRefused
from tests.release.conftest import drafted, released, sample
from tests.release.destinations.ckan_stand_in import ORGANISATION, TOKEN, StandIn

__all__ = ["drafted", "released", "sample"]
RUN = CliRunner()


def test_a_release_goes_into_a_folder(released: Path, tmp_path: Path) -> None:
    first = RUN.invoke(app, ["publish-to", "folder", str(released), str(tmp_path)])
    again = RUN.invoke(app, ["publish-to", "folder", str(released), str(tmp_path)])
    assert first.exit_code == again.exit_code == 0
    assert first.output.strip().endswith("2026-05-09-1: published")
    assert again.output.strip().endswith("there already, nothing changed")


def test_a_draft_goes_nowhere(drafted: Path, tmp_path: Path) -> None:
    refused = RUN.invoke(app, ["publish-to", "folder", str(drafted), str(tmp_path)])
    assert isinstance(refused.exception, ReleaseRefused)
    assert list(tmp_path.iterdir()) == []


def test_a_release_goes_to_a_portal(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_CKAN_TOKEN", TOKEN)
    with StandIn() as stand_in:
        asked = ["publish-to", "ckan", str(released), stand_in.url, "--organisation", ORGANISATION]
        said = RUN.invoke(app, asked)
    assert said.exit_code == 0
    assert TOKEN not in said.output
    assert stand_in.portal.visible("social-trust-sample-2026-05-09-1")


def test_without_a_token_it_says_where_to_put_one(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAROMETER_CKAN_TOKEN", raising=False)
    refused = RUN.invoke(app, ["publish-to", "ckan", str(released), "http://127.0.0.1:1", "--organisation", "x"])
    assert isinstance(refused.exception, BadConfiguration)
    assert "BAROMETER_CKAN_TOKEN" in str(refused.exception)


def test_verify_says_what_it_found(released: Path) -> None:
    said = RUN.invoke(app, ["verify", str(released)])
    assert said.exit_code == 0
    assert "exactly as approved" in said.output


def test_a_key_pair_is_made(tmp_path: Path) -> None:
    said = RUN.invoke(app, ["signing-key", str(tmp_path / "keys")])
    assert said.exit_code == 0
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {
        "release_signing_key.pem",
        "release_public_key.pem",
    }


def test_serve_hands_its_limits_to_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda application, **given: asked.update(given, application=application))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    said = RUN.invoke(app, ["serve", "--port", "8123", "--workers", "2", "--rate", "5", "--burst", "9"])
    assert said.exit_code == 0
    assert (asked["application"], asked["port"], asked["workers"]) == ("barometer.serve.app:from_environment", 8123, 2)
    assert os.environ["BAROMETER_SERVE_REQUESTS_PER_SECOND"] == "5.0"
    assert asked["server_header"] is False
