"""Drafting: complete, deterministic, whole or not at all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import polars as pl
import pytest

from barometer.ledger import require_balance
from barometer.night import Night
from barometer.release import draft as drafting
from barometer.release.draft import draft_folder, draft_release, sealed_manifest_hash
from barometer.release.manifest import file_hashes, require_unaltered, sha256
from tests.release.sample_night import fill, invented_estimates, same_night

FILES = {
    "alerts.csv",
    "audits.csv",
    "clusters.csv",
    "coverage.csv",
    "csvw.json",
    "catalogue.jsonld",
    "datapackage.json",
    "estimates.csv",
    "estimates.geojson",
    "estimates.gpkg",
    "indicators.csv",
    "rumours.csv",
    "estimates.parquet",
    "explanations.csv",
    "icc_index.csv",
    "icc_index.json",
    "assets",
    "brief.pdf",
    "compare.html",
    "data.html",
    "index-icc.html",
    "index.html",
    "manifest.json",
    "map.html",
    "methods.html",
    "neighbourhoods",
    "rumours.html",
    "revisions.csv",
    "sensitivity.csv",
    "skill.csv",
    "sv",
}


def test_a_draft_is_complete_and_in_its_place(sample: Night, drafted: Path) -> None:
    assert drafted == sample.settings.drafts / "sample" / "sample-2026-05-09"
    assert {path.name for path in drafted.iterdir()} == FILES


def test_the_manifest_fits_the_files_and_says_what_they_were_made_from(sample: Night, drafted: Path) -> None:
    manifest = require_unaltered(drafted)
    assert manifest["run_id"] == "sample-2026-05-09"
    assert manifest["night"] == "2026-05-09"
    assert manifest["config_versions"] == ["c0ffee00c0ffee00"]
    assert manifest["model_versions"] == ["beadbeadbeadbead"]
    assert manifest["synthetic"] is True
    assert manifest["approval"] is None
    versions = sample.lake.versions()
    assert manifest["lake_versions"] == {t: versions[t] for t in ("checks", "coverage", "estimates", "rumours")}


def test_the_draft_says_on_its_page_that_nobody_approved_it(drafted: Path) -> None:
    page = (drafted / "index.html").read_text("utf-8")
    assert "<strong>Draft.</strong> Nobody has approved this page yet." in page


def test_drafting_again_gives_the_same_bytes(sample: Night, drafted: Path, tmp_path: Path) -> None:
    night = same_night(sample, tmp_path / "home")
    first = file_hashes(drafted), sealed_manifest_hash(sample)
    again = file_hashes(draft_release(night)), sealed_manifest_hash(night)
    assert first == again


def test_the_ledger_counts_the_published_estimates(sample: Night, drafted: Path) -> None:
    night = sample
    row = require_balance(night).row(0, named=True)
    assert (row["step"], row["part"]) == ("release", "draft")
    assert row["received"] == row["written"] == invented_estimates(night).height


def test_a_new_draft_takes_the_place_of_the_old_one(sample: Night, drafted: Path, tmp_path: Path) -> None:
    night = same_night(sample, tmp_path / "home")
    before = sha256(drafted / "estimates.csv")
    fill(night, {"estimates": invented_estimates(night).with_columns(config_version=pl.lit("other"))})
    draft = draft_release(night)
    assert sha256(draft / "estimates.csv") != before
    assert require_unaltered(draft)["config_versions"] == ["other"]
    assert [path.name for path in draft.parent.iterdir()] == [draft.name]


def test_a_draft_that_breaks_off_leaves_the_old_one_whole(
    sample: Night, drafted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = same_night(sample, tmp_path / "home")
    before = file_hashes(drafted)
    monkeypatch.setattr(drafting, "write_site", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        draft_release(night)
    assert file_hashes(draft_folder(night)) == before
    require_unaltered(draft_folder(night))


def test_the_seal_is_kept_outside_the_draft(sample: Night, drafted: Path) -> None:
    assert sealed_manifest_hash(sample) == sha256(drafted / "manifest.json")
    assert not (drafted / "draft.json").exists()


def test_nothing_in_a_draft_depends_on_the_machine_or_its_clock(drafted: Path) -> None:
    for path in drafted.iterdir():
        if path.suffix in (".json", ".csv", ".geojson"):
            text = path.read_text("utf-8")
            assert str(drafted.parent.parent) not in text
            assert os.uname().nodename not in text or len(os.uname().nodename) < 4
    created = json.loads((drafted / "datapackage.json").read_text("utf-8"))["created"]
    assert created == "2026-05-09T23:00:00+00:00"


def test_no_pseudonym_reaches_a_draft(drafted: Path) -> None:
    # a pseudonym is 32 hex digits; hashes of files are 64, versions 16
    for path in drafted.iterdir():
        if path.suffix in (".csv", ".geojson") or path.name in ("icc_index.json", "datapackage.json"):
            assert not re.search(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", path.read_text("utf-8"))
