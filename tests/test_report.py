"""The run report: in words a person can act on, also when a step failed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from barometer.ledger import Counts, passed_through, record, timed
from barometer.night import Night
from barometer.report import NOT_JUDGED, collect_report, run_report, source_health
from tests.rows import NIGHT, rows
from tests.towns import a_night


def estimate(night: date, value: float | None, **more: Any) -> dict[str, Any]:
    interval = {"lower": None, "upper": None} if value is None else {"lower": value - 0.1, "upper": value + 0.1}
    issued_at = datetime.combine(night, time(), UTC)
    return {
        "night": night,
        "issued_at": issued_at,
        "area": "T1",
        "indicator": "trust",
        "value": value,
        **interval,
        **more,
    }


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return a_night(tmp_path, NIGHT)


def judged(night: Night, state: str, **more: Any) -> None:
    """What was said of the source `posts` tonight."""
    frame = rows("source_health", {"night": NIGHT, "source": "posts", "state": state, **more})
    night.lake.replace("source_health", frame, partition={"night": NIGHT})


class TestSourceHealth:
    def test_a_source_nobody_judged_is_failing(self, night: Night) -> None:
        (found,) = source_health(night)
        assert (found["source"], found["state"], found["records"]) == ("posts", "failing", None)
        assert found["evidence"] == NOT_JUDGED

    def test_what_was_judged_is_told_with_its_evidence(self, night: Night) -> None:
        judged(night, "quiet", records=0, evidence="Quiet, within its rhythm.")
        (found,) = source_health(night)
        assert (found["state"], found["evidence"]) == ("quiet", "Quiet, within its rhythm.")

    @pytest.mark.parametrize(
        ("state", "verdict"),
        [
            ("working", "All is well"),
            ("quiet", "All is well"),
            ("silent", "Have a look: posts suspiciously silent"),
            ("failing", "Needs you: posts could not be read"),
        ],
    )
    def test_only_what_needs_somebody_is_in_the_verdict(self, night: Night, state: str, verdict: str) -> None:
        judged(night, state)
        assert collect_report(night).verdict.startswith(verdict)


class TestChanges:
    def test_numbers_are_compared_with_the_latest_night_before(self, night: Night) -> None:
        before, long_before = NIGHT - timedelta(days=1), NIGHT - timedelta(days=9)
        night.lake.append("estimates", rows("estimates", estimate(long_before, 0.9), estimate(before, 0.5)))
        night.lake.append("estimates", rows("estimates", estimate(NIGHT, 0.7), estimate(NIGHT, 0.1, area="T2")))
        report = collect_report(night)
        assert report.changes["revised"] == report.changes["outside_former_interval"] == 1
        assert report.changes["first_time"] == 1
        assert report.largest_changes[0]["value_before"] == 0.5

    def test_a_number_that_lost_its_value_is_counted(self, night: Night) -> None:
        before = NIGHT - timedelta(days=1)
        lost = estimate(NIGHT, None, missing_reason="too_few")
        night.lake.append("estimates", rows("estimates", estimate(before, 0.5), lost))
        assert collect_report(night).changes["lost"] == 1


class TestVerdict:
    def test_a_calm_night_needs_nobody(self, night: Night) -> None:
        record(night, "ingest", "posts", passed_through(3))
        judged(night, "working")
        assert collect_report(night).verdict == "All is well; nothing needs you."

    def test_a_failed_rule_comes_first(self, night: Night) -> None:
        failed = {"night": NIGHT, "is_met": False, "severity": "critical", "message": "table posts, rule x: broken"}
        night.lake.append("checks", rows("checks", failed))
        report = collect_report(night)
        assert report.verdict.startswith("The run stopped: 1 critical rule")
        assert report.failed_checks[0]["message"] == "table posts, rule x: broken"

    def test_a_broken_source_is_named(self, night: Night) -> None:
        assert collect_report(night).verdict.startswith("Needs you: posts")

    def test_quarantined_records_are_counted_and_explained(self, night: Night) -> None:
        record(night, "ingest", "posts", Counts(read=2, received=2, written=1, quarantined=1))
        judged(night, "working")
        reason = "field created_at: 1969 is before 2006; mend the date"
        kept = {"night": NIGHT, "source": "posts", "rule": "implausible_date", "reason": reason, "position": "a:7"}
        night.lake.append("quarantine", rows("quarantine", kept))
        report = collect_report(night)
        assert "1 record(s) wait in quarantine" in report.verdict
        assert report.quarantine[0]["positions"] == ["a:7"]
        assert report.quarantine[0]["example"] == reason


class TestFiles:
    def test_markdown_and_json_tell_the_same(self, night: Night) -> None:
        with timed(night, "ingest", "posts"):
            record(night, "ingest", "posts", passed_through(12345))
        written = run_report(night)
        text, data = written.read_text("utf-8"), json.loads((written.parent / "report.json").read_text("utf-8"))
        assert written == night.folder / "report.md"
        assert data["verdict"] in text
        assert "| ingest | posts | 12,345 |" in text
        assert data["steps"][0]["seconds"] is not None

    def test_an_empty_night_still_gets_a_report(self, night: Night) -> None:
        assert "Testville, night of 2026-05-09" in run_report(night).read_text("utf-8")

    def test_a_cell_cannot_break_the_table(self, night: Night) -> None:
        failed = {"night": NIGHT, "is_met": False, "severity": "warning", "message": "a | b\nc"}
        night.lake.append("checks", rows("checks", failed))
        assert "a \\| b c" in run_report(night).read_text("utf-8")


class TestExplained:
    def test_it_says_in_one_line_what_changes_came_from(self, night: Night) -> None:
        parts = [("T1", "new_data", -0.3), ("T1", "language_model", -1.8), ("T2", "new_data", 0.4)]
        made = [
            {"area": area, "factor": factor, "part": part, "since": "2026-05-08-1", "is_within_noise": area == "T2"}
            for area, factor, part in parts
        ]
        night.lake.replace("explanations", rows("explanations", *made), partition={"night": NIGHT})
        assert collect_report(night).explained == (
            "Since release 2026-05-08-1, 2 numbers changed, 1 of them by no more than the noise of their data; "
            "most of each change came from language model (1), new data (1)."
        )
        assert "Since release 2026-05-08-1" in run_report(night).read_text("utf-8")

    def test_nothing_is_said_where_nothing_was_explained(self, night: Night) -> None:
        assert collect_report(night).explained == ""
        assert "Since release" not in run_report(night).read_text("utf-8")
