"""What a person is told before saying yes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.night import Night
from barometer.release.before import SUPPRESSED
from barometer.release.differences import (
    SHOWN_LINES,
    DraftDifference,
    changed_versions,
    draft_difference,
    in_markdown,
    largest_moves,
    moves_between,
    write_differences,
)
from barometer.release.draft import draft_folder, draft_release
from tests.release.sample_night import fill, invented_checks, invented_estimates, same_night
from tests.rows import rows


def published(*figures: dict[str, Any]) -> pl.DataFrame:
    """A published table of estimates, an area each."""
    common = {
        "city": "sample",
        "indicator": "asked",
        "geography": "areas",
        "standard_error": 0.03,
        "missing_reason": None,
    }
    made = rows("estimates", *(common | {"area": f"a{k}"} | figure for k, figure in enumerate(figures)))
    return made.with_columns(area_name=pl.format("Area {}", "area"))


def test_a_figure_that_moved_is_measured_in_standard_errors_of_the_difference() -> None:
    figures = moves_between(published({"value": 0.40}), published({"value": 0.52}))
    assert figures["change"].to_list() == pytest.approx([0.12])
    assert figures["errors"].to_list() == pytest.approx([0.12 / (0.03 * 2**0.5)])


def test_figures_come_go_and_are_withheld() -> None:
    then = published({"value": 0.4}, {"value": None, "missing_reason": SUPPRESSED}, {"value": 0.6})
    now = published({"value": None, "missing_reason": SUPPRESSED}, {"value": 0.5}, {"value": 0.6})
    figures = moves_between(then, now).sort("area")
    assert figures["was_suppressed"].to_list() == [False, True, False]
    assert figures["is_suppressed"].to_list() == [True, False, False]
    assert figures["change"].to_list() == [None, None, 0.0]


def test_a_figure_of_one_table_only_stands_there_by_itself() -> None:
    figures = moves_between(published({"value": 0.4}).clear(), published({"value": 0.4}))
    assert figures.height == 1
    assert figures["value"].to_list() == [None]


def test_the_largest_moves_come_first_and_those_of_unknown_error_last() -> None:
    then = published({"value": 0.4}, {"value": 0.4}, {"value": 0.4, "standard_error": None}, {"value": 0.4})
    now = published({"value": 0.45}, {"value": 0.3}, {"value": 0.9, "standard_error": None}, {"value": 0.4})
    moves = largest_moves(moves_between(then, now))
    assert [move.area for move in moves] == ["Area a1", "Area a0", "Area a2"]
    assert moves[-1].errors is None
    assert largest_moves(moves_between(then, now), most=1) == moves[:1]


def test_versions_that_differ_are_named() -> None:
    before = {"model_versions": ["m1"], "config_versions": ["c1"], "software": {"name": "x", "version": "1.0"}}
    now = before | {"model_versions": ["m2"], "software": {"name": "x", "version": "1.1"}}
    assert changed_versions(before, now) == ("language model: m1 before, m2 now", "software: 1.0 before, 1.1 now")
    assert changed_versions(before, before) == ()


@pytest.fixture(scope="module")
def second(sample: Night, released: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, DraftDifference]:
    """A second draft of the night, after its release: one indicator lower, one place too small, things taken back."""
    home = tmp_path_factory.mktemp("second") / "home"
    night = same_night(sample, home)
    (home / "releases").symlink_to(sample.settings.releases)
    moved = pl.when(pl.col("indicator") == "trust_council").then(pl.col("value") - 0.5).otherwise("value")
    estimates = invented_estimates(night).with_columns(value=moved, model_version=pl.lit("feedfeedfeedfeed"))
    removal = {"source": "bluesky", "kind": "post", "subject": "0" * 64, "reason": "account_deleted"}
    health = {"source": "panel", "state": "silent", "evidence": "nothing for 9 nights; ask the fieldwork agency"}
    at = {"night": night.night}
    fill(night, {"estimates": estimates, "checks": invented_checks(night)})
    removals = rows("removals", at | removal | {"effective_at": datetime(2026, 5, 9, tzinfo=UTC)})
    night.lake.replace("removals", removals, partition=at | {"source": "bluesky"})
    night.lake.replace("source_health", rows("source_health", at | health), partition=at)
    draft_release(night)
    return night, draft_difference(night, draft_folder(night))


def test_a_draft_is_set_against_the_last_release(second: tuple[Night, DraftDifference]) -> None:
    _, difference = second
    assert difference.against == "2026-05-09-1"
    assert difference.moved > 0
    assert {move.indicator for move in difference.largest} == {"trust_council"}
    assert all(move.now < move.before for move in difference.largest)
    assert difference.shown == difference.moved + difference.unchanged + difference.appeared


def test_models_warnings_and_sources_in_trouble_are_told(second: tuple[Night, DraftDifference]) -> None:
    _, difference = second
    assert difference.versions == ("language model: beadbeadbeadbead before, feedfeedfeedfeed now",)
    assert difference.warnings == ("3 values are out of range",)
    assert difference.sources == ("panel is silent: nothing for 9 nights; ask the fieldwork agency",)


def test_only_what_was_taken_back_since_the_last_release_is_told(second: tuple[Night, DraftDifference]) -> None:
    _, difference = second
    # given a release of the same night, its removals were in it
    assert difference.removals == ()


def test_a_first_draft_is_set_against_nothing_and_tells_all_removals(second: tuple[Night, DraftDifference]) -> None:
    night, _ = second
    (night.settings.home / "releases").unlink()
    first = draft_difference(night, draft_folder(night))
    assert (first.against, first.moved, first.appeared) == (None, 0, first.shown)
    assert first.removals == ("1 × post account deleted",)
    assert "no release to compare with yet" in in_markdown(first, Path("index.html"))


def test_the_text_beside_the_question_says_it_all_in_order(second: tuple[Night, DraftDifference]) -> None:
    _, difference = second
    text = in_markdown(difference, Path("/drafts/sample/index.html"))
    order = [
        "/drafts/sample/index.html",
        "since release 2026-05-09-1",
        "Moved most",
        "Made with",
        "Warnings",
        "Sources",
    ]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "Taken back since" not in text


def test_a_long_list_is_cut_and_nothing_in_it_becomes_a_link(second: tuple[Night, DraftDifference]) -> None:
    _, difference = second
    lines = ("<b>[go](http://x)</b>", *(f"line {k}" for k in range(SHOWN_LINES + 3)))
    text = in_markdown(DraftDifference(**vars(difference) | {"warnings": lines}), Path("p"))
    assert "- and 4 more" in text
    assert "&lt;b>\\[go](http://x)" in text


def test_it_is_kept_as_json_outside_the_draft(second: tuple[Night, DraftDifference]) -> None:
    night, difference = second
    path = write_differences(night, difference)
    assert path.parent == night.folder
    kept = json.loads(path.read_text("utf-8"))
    assert kept["night"] == date(2026, 5, 9).isoformat()
    assert len(kept["largest"]) == len(difference.largest)
