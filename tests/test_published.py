"""What was published: found, in force at a time, unaltered, and revised by what."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput, ReleaseRefused
from barometer.published import (
    Release,
    file_hashes,
    fingerprint,
    former,
    in_force,
    issued,
    later_revisions,
    published_bytes,
    releases_of,
    require_unaltered,
    revisions,
)
from tests.rows import NIGHT, rows
from tests.towns import a_night

MORNING = datetime(2026, 5, 10, 8, tzinfo=UTC)


def numbers(**values: float | None) -> pl.DataFrame:
    """Published estimates of one indicator, a value an area."""
    made = [
        {"area": area, "value": value, "missing_reason": None if value is not None else "too_few"}
        for area, value in values.items()
    ]
    return rows("estimates", *made)


def a_release(folder: Path, name: str, *, approved: datetime = MORNING, inputs: str = "x", **values: Any) -> Release:
    (folder / name).mkdir(parents=True)
    numbers(**values).write_parquet(folder / name / "estimates.parquet")
    (folder / name / "estimates.csv").write_text(f"numbers of {name}\n", "utf-8")
    approval = {"approved_at": approved.isoformat(), "approved_by": "somebody"}
    manifest = {"files": file_hashes(folder / name), "inputs_sha256": inputs, "approval": approval}
    (folder / name / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return next(release for release in releases_of(folder) if release.name == name)


class TestInForce:
    def test_it_is_the_newest_approved_until_then(self, tmp_path: Path) -> None:
        for days, name in enumerate(("2026-05-09-1", "2026-05-10-1", "2026-05-11-1")):
            a_release(tmp_path, name, approved=MORNING + timedelta(days=days))
        releases = releases_of(tmp_path)
        for hours, expected in ((0, "2026-05-09-1"), (23, "2026-05-09-1"), (24, "2026-05-10-1"), (900, "2026-05-11-1")):
            assert in_force(releases, MORNING + timedelta(hours=hours)).name == expected

    def test_before_the_first_there_is_none_and_it_is_said_when_there_was(self, tmp_path: Path) -> None:
        a_release(tmp_path, "2026-05-09-1")
        with pytest.raises(BadInput, match="the first release was approved on 2026-05-10"):
            in_force(releases_of(tmp_path), MORNING - timedelta(seconds=1))

    def test_where_nothing_was_published_that_is_said(self) -> None:
        with pytest.raises(BadInput, match="nothing was published so far"):
            in_force([], MORNING)

    def test_a_night_approved_after_a_later_one_does_not_take_its_place(self, tmp_path: Path) -> None:
        a_release(tmp_path, "2026-05-10-1", approved=MORNING)
        a_release(tmp_path, "2026-05-09-1", approved=MORNING + timedelta(hours=1))
        assert in_force(releases_of(tmp_path), MORNING + timedelta(days=1)).name == "2026-05-10-1"


class TestFormer:
    @pytest.mark.parametrize(
        ("inputs", "night", "expected"),
        [("new", NIGHT, "2026-05-09-2"), ("b", NIGHT, "2026-05-09-1"), ("new", date(2026, 5, 8), None)],
    )
    def test_it_is_the_latest_made_from_other_estimates(
        self, tmp_path: Path, inputs: str, night: date, expected: str | None
    ) -> None:
        made = a_night(tmp_path, night)
        folder = made.settings.releases / "testville"
        for name, of in (("2026-05-09-1", "a"), ("2026-05-09-2", "b"), ("2026-05-10-1", "c")):
            a_release(folder, name, inputs=of)
        found = former(made, inputs_sha256=inputs)
        assert (found.name if found else None) == expected

    def test_the_fingerprint_is_of_the_rows_as_issued(self, tmp_path: Path) -> None:
        night = a_night(tmp_path, NIGHT)
        frame = numbers(T2=1.0, T1=2.0)
        night.lake.replace("estimates", frame, partition={"night": NIGHT})
        assert issued(night)["area"].to_list() == ["T1", "T2"]
        assert fingerprint(issued(night)) == hashlib.sha256(frame.sort("area").write_csv().encode()).hexdigest()


class TestBytes:
    def test_they_are_the_files_own(self, tmp_path: Path) -> None:
        assert published_bytes(a_release(tmp_path, "2026-05-09-1")) == b"numbers of 2026-05-09-1\n"

    def test_a_changed_file_is_refused(self, tmp_path: Path) -> None:
        release = a_release(tmp_path, "2026-05-09-1")
        (release.folder / "estimates.csv").write_text("others", "utf-8")
        with pytest.raises(ReleaseRefused, match=r"estimates\.csv: is not what was published"):
            published_bytes(release)
        with pytest.raises(ReleaseRefused, match=r"estimates\.csv changed"):
            require_unaltered(release.folder)

    @pytest.mark.parametrize("file", ["estimates.csv", "poem.txt"])
    def test_a_lost_file_and_one_that_never_was_are_refused(self, tmp_path: Path, file: str) -> None:
        release = a_release(tmp_path, "2026-05-09-1")
        (release.folder / "estimates.csv").unlink()
        with pytest.raises(ReleaseRefused, match=f"has no {file}"):
            published_bytes(release, file)


class TestRevisions:
    def test_what_changed_appeared_or_vanished_is_listed(self) -> None:
        found = revisions(numbers(A=1.0, B=2.0, C=None, D=4.0, E=None), numbers(A=1.0, B=2.5, C=3.0, D=None, E=None))
        assert found.select("area", "former_value", "value").rows() == [
            ("B", 2.0, 2.5),
            ("C", None, 3.0),
            ("D", 4.0, None),
        ]
        assert found.filter(pl.col("area") == "D")["missing_reason"].to_list() == ["too_few"]

    def test_a_place_only_one_of_them_has_is_none(self) -> None:
        assert revisions(numbers(A=1.0), numbers(B=1.0)).is_empty()

    @given(st.dictionaries(st.sampled_from("ABCD"), st.none() | st.floats(0, 1), min_size=1))
    def test_nothing_revises_itself(self, values: dict[str, float | None]) -> None:
        assert revisions(numbers(**values), numbers(**values)).is_empty()

    def test_later_releases_are_gone_through_in_order(self, tmp_path: Path) -> None:
        first = a_release(tmp_path, "2026-05-09-1", A=1.0, B=1.0)
        a_release(tmp_path, "2026-05-10-1", A=2.0, B=1.0)
        last = a_release(tmp_path, "2026-05-11-1", A=1.0, B=3.0)
        releases = releases_of(tmp_path)
        found = later_revisions(releases, first)
        assert found.select("release", "area", "former_value", "value").rows() == [
            ("2026-05-10-1", "A", 1.0, 2.0),
            ("2026-05-11-1", "A", 2.0, 1.0),
            ("2026-05-11-1", "B", 1.0, 3.0),
        ]
        assert later_revisions(releases, last).is_empty()
