"""Settings: everything has a place below one folder, and any of it can be set apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from barometer.settings import PROJECT, Settings


def test_everything_written_lies_below_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    written = [settings.inbox, settings.releases, settings.drafts, settings.runs, settings.keys, Path(settings.lake)]
    assert all(tmp_path in path.parents for path in written)


def test_what_is_read_comes_from_the_project() -> None:
    assert Settings().configs == PROJECT / "configs"
    assert Settings().models == PROJECT / "models"


def test_environment_overrides_one_place_and_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_HOME", str(tmp_path))
    monkeypatch.setenv("BAROMETER_LAKE", "s3://bucket/lake")
    settings = Settings()
    assert settings.lake == "s3://bucket/lake"
    assert settings.inbox == tmp_path / "inbox"


def test_settings_do_not_change_under_way() -> None:
    with pytest.raises(ValidationError):
        Settings().home = Path()  # type: ignore[misc]
