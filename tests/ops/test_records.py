"""What stands beside a release: the record of the model in use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from barometer.night import Night
from barometer.ops.records import records_beside
from barometer.release.draft import draft_release
from barometer.release.manifest import require_unaltered
from tests.release.sample_night import sample_night


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return sample_night(tmp_path_factory.mktemp("night"))


@pytest.fixture(scope="module")
def draft(night: Night) -> Path:
    return draft_release(night, beside=records_beside(night))


def test_the_record_of_the_model_in_use_stands_beside_the_release(night: Night, draft: Path) -> None:
    record = json.loads((draft / "atrs.json").read_text("utf-8"))
    assert record["city"] == "sample"
    assert "encoder" in record["fields"]["1.1"]["text"]
    assert set(records_beside(night)) == {"atrs.json", "atrs.md"} <= set(require_unaltered(draft)["files"])


def test_it_is_a_page_in_every_language_and_methods_lead_to_it(draft: Path) -> None:
    for folder in (draft, draft / "sv"):
        page = (folder / "record.html").read_text("utf-8")
        assert "2.5.2 Risks and mitigations" in page
        assert 'href="record.html"' in (folder / "methods.html").read_text("utf-8").replace('href="../sv/', 'href="')


def test_without_a_record_there_is_no_page_of_it(tmp_path: Path) -> None:
    drafted = draft_release(sample_night(tmp_path))
    assert not (drafted / "record.html").exists()
    assert "record.html" not in (drafted / "methods.html").read_text("utf-8")


def test_a_city_that_uses_a_model_without_figures_of_training_has_none(night: Night, tmp_path: Path) -> None:
    settings = night.settings.model_copy(update={"models": tmp_path})
    assert records_beside(replace(night, settings=settings)) == {}
