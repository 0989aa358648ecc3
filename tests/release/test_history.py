"""The releases a city has published."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release.content import collect_content
from barometer.release.history import earlier_releases, releases_of
from barometer.settings import Settings
from tests.release.sample_night import NIGHT


def a_release(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    manifest = {"files": {}, "inputs_sha256": "x", "approval": {"approved_at": "2026-05-10T08:00:00+00:00"}}
    (folder / name / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_releases_are_in_order_of_night_and_number(tmp_path: Path) -> None:
    for name in ("2026-05-09-10", "2026-05-09-2", "2026-04-30-1", "2026-05-10-1"):
        a_release(tmp_path, name)
    names = [release.folder.name for release in releases_of(tmp_path)]
    assert names == ["2026-04-30-1", "2026-05-09-2", "2026-05-09-10", "2026-05-10-1"]


def test_other_folders_and_files_are_no_releases(tmp_path: Path) -> None:
    a_release(tmp_path, "2026-05-09-1")
    (tmp_path / "2026-05-09-2").mkdir()
    (tmp_path / ".staging").mkdir()
    (tmp_path / "index.html").write_text("", "utf-8")
    assert len(releases_of(tmp_path)) == 1
    assert releases_of(tmp_path / "nowhere") == []


def test_a_release_with_a_broken_manifest_is_not_passed_over(tmp_path: Path) -> None:
    a_release(tmp_path, "2026-05-09-1")
    (tmp_path / "2026-05-09-1" / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(ReleaseRefused, match="2026-05-09-1"):
        releases_of(tmp_path)


def test_a_release_of_the_same_estimates_is_none_before(sample: Night, released: Path) -> None:
    own = collect_content(sample).inputs_sha256
    assert earlier_releases(sample, inputs_hash=own) == []


def test_a_release_before_comes_with_what_it_showed_and_what_it_was_made_from(sample: Night, released: Path) -> None:
    (former,) = earlier_releases(sample, inputs_hash="other")
    assert former.published.equals(pl.read_parquet(released / "estimates.parquet"))
    assert former.exact.sort("indicator").height == former.published.height
    assert former.published_coverage.height == former.exact_coverage.height > 0
    assert (former.exact.columns[0], former.exact_coverage.columns[0]) == ("night", "night")


def test_a_night_filled_in_afterwards_is_held_against_what_came_out_meanwhile(sample: Night, released: Path) -> None:
    filled_in = replace(sample, night=date.fromordinal(NIGHT.toordinal() - 1))
    assert len(earlier_releases(filled_in, inputs_hash="other")) == 1


def test_a_city_that_never_published_has_nothing_before(sample: Night, tmp_path: Path) -> None:
    assert earlier_releases(replace(sample, settings=Settings(home=tmp_path)), inputs_hash="other") == []
