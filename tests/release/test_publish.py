"""Publishing: only what was drafted, once, whole, for ever."""

from __future__ import annotations

import json
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release.draft import draft_folder, draft_release
from barometer.release.history import releases_of
from barometer.release.manifest import file_hashes, read_manifest, write_manifest
from barometer.release.publish import answered, publish, require_published_unaltered
from tests.release.conftest import APPROVED_AT
from tests.release.sample_night import fill, invented_estimates, same_night, sample_night


@pytest.fixture
def night(sample: Night, drafted: Path, tmp_path: Path) -> Night:
    """A drafted night of the test's own."""
    return same_night(sample, tmp_path / "home")


def approve(night: Night, draft: Path, **changes: Any) -> Path:
    return publish(
        night, draft, **{"approved_by": "A. Person", "is_stand_in": False, "approved_at": APPROVED_AT} | changes
    )


def revise(night: Night) -> None:
    """The same night, another content: figures a little lower."""
    fill(night, {"estimates": invented_estimates(night).with_columns(pl.col("value", "lower") * 0.97)})


def test_a_release_is_named_by_its_night_and_number(sample: Night, released: Path) -> None:
    assert released == sample.settings.releases / "sample" / "2026-05-09-1"


def test_a_release_says_who_approved_it_and_when(released: Path) -> None:
    approval = read_manifest(released)["approval"]
    assert approval == {
        "decision": "approve",
        "approved_by": "sample run",
        "is_stand_in": True,
        "approved_at": "2026-05-10T08:30:00+00:00",
        "reason": "",
        "decided_before": [],
    }
    page = (released / "index.html").read_text("utf-8")
    assert "<strong>Approved by sample run (stand-in, not a person)</strong> on 10 May 2026 at 08:30 UTC" in page
    assert "Nobody has approved" not in page


def test_a_person_is_named_without_the_stand_ins_words(night: Night) -> None:
    page = (approve(night, draft_folder(night)) / "index.html").read_text("utf-8")
    assert "Approved for publication by <strong>A. Person</strong>" in page
    assert "(stand-in, not a person)" not in page


def test_a_name_is_shown_as_text(night: Night) -> None:
    page = (approve(night, draft_folder(night), approved_by="<b>Eve</b>") / "index.html").read_text("utf-8")
    assert "&lt;b&gt;Eve&lt;/b&gt;" in page
    assert "<b>Eve</b>" not in page


def test_only_pages_and_manifest_differ_from_the_draft(drafted: Path, released: Path) -> None:
    before, after = file_hashes(drafted), file_hashes(released)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {name for name in before if name.endswith(".html")}
    assert set(after) - set(before) == {"SHA256SUMS"}
    assert set(before) <= set(after)


def test_every_file_of_a_release_is_read_only_and_as_its_manifest_says(released: Path) -> None:
    writable = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    assert not [path for path in released.rglob("*") if path.is_file() and path.stat().st_mode & writable]
    assert require_published_unaltered(released)["release"] == "2026-05-09-1"


def test_publishing_again_returns_the_same_release(night: Night) -> None:
    draft = draft_folder(night)
    first = approve(night, draft)
    before = file_hashes(first)
    later = datetime(2026, 6, 1, tzinfo=UTC)
    assert approve(night, draft, approved_by="Somebody Else", approved_at=later) == first
    assert approve(night, draft_release(night)) == first
    assert file_hashes(first) == before
    assert len(releases_of(first.parent)) == 1


def test_other_content_of_the_same_night_is_the_next_number(night: Night) -> None:
    first = approve(night, draft_folder(night))
    revise(night)
    second = approve(night, draft_release(night))
    assert (first.name, second.name) == ("2026-05-09-1", "2026-05-09-2")
    assert require_published_unaltered(first)
    assert approve(night, draft_release(night)) == second


def test_the_next_night_starts_at_one(tmp_path: Path) -> None:
    approve(first := sample_night(tmp_path), draft_release(first))
    second = sample_night(tmp_path, night=date(2026, 5, 10))
    assert approve(second, draft_release(second)).name == "2026-05-10-1"
    latest = json.loads((second.settings.releases / "sample" / "latest.json").read_text("utf-8"))
    assert latest == {"release": "2026-05-10-1", "page": "2026-05-10-1/index.html"}


def test_a_backfilled_night_does_not_become_the_latest(tmp_path: Path) -> None:
    newer = sample_night(tmp_path, night=date(2026, 5, 10))
    approve(newer, draft_release(newer))
    older = sample_night(tmp_path)
    approve(older, draft_release(older))
    latest = json.loads((older.settings.releases / "sample" / "latest.json").read_text("utf-8"))
    assert latest["release"] == "2026-05-10-1"


def test_the_list_names_every_release_newest_first(night: Night) -> None:
    approve(night, draft_folder(night))
    revise(night)
    approve(night, draft_release(night))
    page = (night.settings.releases / "sample" / "index.html").read_text("utf-8")
    assert page.index("2026-05-09-2/index.html") < page.index("2026-05-09-1/index.html")
    assert page.count("approved by A. Person") == 2
    assert "SYNTHETIC DATA" in page


def test_a_lost_list_comes_back(night: Night) -> None:
    draft = draft_folder(night)
    folder = approve(night, draft).parent
    (folder / "index.html").unlink()
    (folder / "latest.json").unlink()
    approve(night, draft)
    assert (folder / "index.html").is_file()
    assert (folder / "latest.json").is_file()


DIE = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from barometer.night import open_night
from barometer.release import publish as publishing
from barometer.settings import Settings

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

home, folder, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
night = open_night("sample", datetime(2026, 5, 9).date(), Settings(home=home))
if at == "rename":
    publishing.Path.rename = die
else:
    setattr(publishing, at, die)
publishing.publish(night, folder, approved_by="x", is_stand_in=True, approved_at=datetime(2026, 5, 10, tzinfo=UTC))
"""


@pytest.mark.fault
@pytest.mark.parametrize(
    "at", ["approve_pages", "write_manifest", "_make_lasting", "rename", "_write_list", "_replace"]
)
def test_a_publication_that_is_killed_is_finished_by_the_next(night: Night, at: str) -> None:
    # given a process killed in the middle of publishing
    draft = draft_folder(night)
    killed = subprocess.run([sys.executable, "-c", DIE, str(night.settings.home), str(draft), at], check=False)
    assert killed.returncode == -signal.SIGKILL
    before = releases_of(night.settings.releases / "sample")
    # then there is no half release, and publishing again leaves exactly one
    assert all(require_published_unaltered(release.folder) for release in before)
    release = approve(night, draft)
    assert [found.folder for found in releases_of(release.parent)] == [release]
    assert require_published_unaltered(release)
    assert not list((release.parent / ".staging").glob("*"))
    assert "2026-05-09-1" in (release.parent / "index.html").read_text("utf-8")


def said(night: Night, choice: str, **changes: Any) -> Path | None:
    """The draft answered for by a person."""
    answer = {"by": "A. Person", "is_stand_in": False, "at": APPROVED_AT, "reason": "looks right"} | changes
    return answered(night, draft_folder(night), choice=choice, **answer)


def test_a_yes_publishes_with_its_reason(night: Night) -> None:
    release = said(night, "approve", reason="  the council asked\nfor it ")
    assert release is not None
    approval = read_manifest(release)["approval"]
    assert (approval["decision"], approval["reason"]) == ("approve", "the council asked for it")


@pytest.mark.parametrize("choice", ["hold", "reject"])
def test_a_draft_that_is_held_or_rejected_is_kept_and_not_published(night: Night, choice: str) -> None:
    before = file_hashes(draft_folder(night))
    assert said(night, choice, reason="a number looks odd") is None
    assert file_hashes(draft_folder(night)) == before
    assert releases_of(night.settings.releases / "sample") == []


def test_a_held_draft_is_published_later_and_says_that_it_was_held(night: Night) -> None:
    said(night, "hold", by="", reason="nobody answered in time")
    release = approve(night, draft_folder(night))
    (before,) = read_manifest(release)["approval"]["decided_before"]
    assert (before["decision"], before["by"], before["reason"]) == ("hold", "", "nobody answered in time")


def test_a_rejected_draft_is_not_published_by_hand(night: Night) -> None:
    said(night, "reject", reason="the ward is wrong")
    with pytest.raises(ReleaseRefused, match=r"rejected by A\. Person on 2026-05-10 \(the ward is wrong\)"):
        approve(night, draft_folder(night))
    # when the question is asked again and the answer is another
    later = datetime(2026, 5, 10, 12, tzinfo=UTC)
    assert said(night, "approve", at=later) is not None


def test_another_draft_does_not_inherit_a_no(night: Night) -> None:
    said(night, "reject")
    revise(night)
    assert approve(night, draft_release(night)).name == "2026-05-09-1"


def test_nothing_can_be_said_of_what_was_never_drafted(tmp_path: Path) -> None:
    with pytest.raises(ReleaseRefused, match="no draft to decide on"):
        said(sample_night(tmp_path), "hold")


@pytest.mark.parametrize("name", ["", "   "])
def test_nobody_cannot_approve(night: Night, name: str) -> None:
    with pytest.raises(ReleaseRefused, match="nobody approved this release"):
        approve(night, draft_folder(night), approved_by=name)


def test_a_time_without_a_zone_is_refused(night: Night) -> None:
    with pytest.raises(ReleaseRefused, match="no time zone"):
        approve(night, draft_folder(night), approved_at=datetime(2026, 5, 10, 8))


@pytest.mark.parametrize("file", ["estimates.csv", "index.html", "datapackage.json"])
def test_an_altered_draft_is_refused(night: Night, file: str) -> None:
    draft = draft_folder(night)
    with (draft / file).open("a", encoding="utf-8") as altered:
        altered.write("\n")
    with pytest.raises(ReleaseRefused, match=f"{file} changed, came or went"):
        approve(night, draft)
    assert releases_of(night.settings.releases / "sample") == []


def test_a_draft_altered_together_with_its_manifest_is_refused(night: Night) -> None:
    draft = draft_folder(night)
    (draft / "estimates.csv").write_text("made up\n", "utf-8")
    write_manifest(draft, read_manifest(draft) | {"files": file_hashes(draft)})
    with pytest.raises(ReleaseRefused, match="was not drafted by run sample-2026-05-09 or was changed since"):
        approve(night, draft)


def test_a_folder_that_is_not_the_draft_is_refused(night: Night, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(draft_folder(night), copy)
    with pytest.raises(ReleaseRefused, match="is not the draft of run sample-2026-05-09"):
        approve(night, copy)


def test_what_was_never_drafted_is_refused(night: Night) -> None:
    shutil.rmtree(draft_folder(night))
    with pytest.raises(ReleaseRefused, match=r"has no readable manifest\.json"):
        approve(night, draft_folder(night))


def test_an_altered_release_is_noticed(night: Night) -> None:
    release = approve(night, draft_folder(night))
    (release / "estimates.csv").chmod(0o644)
    (release / "estimates.csv").write_text("altered", "utf-8")
    with pytest.raises(ReleaseRefused, match=r"estimates\.csv changed"):
        require_published_unaltered(release)


def test_two_who_publish_at_once_make_one_release(night: Night) -> None:
    draft = draft_folder(night)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: approve(night, draft), range(8)))
    assert len(found) == 1
    assert len(releases_of(next(iter(found)).parent)) == 1


def test_the_second_release_is_protected_against_the_first(tmp_path: Path) -> None:
    # given a release in which a neighbourhood of ten people was shown
    def with_ten(rows: pl.DataFrame, people: int = 10) -> pl.DataFrame:
        area = rows["area"].min()
        is_cell = (pl.col("area") == area) & (pl.col("indicator") == "wallet_neighbour")
        total = (pl.col("geography") == "city") & (pl.col("indicator") == "wallet_neighbour")
        return rows.with_columns(
            n=pl.when(is_cell).then(people).when(total).then(pl.col("n") + people).otherwise("n"),
            value=pl.when(is_cell).then(0.5).otherwise("value"),
            missing_reason=pl.when(is_cell).then(None).otherwise("missing_reason"),
        )

    night = sample_night(tmp_path, estimates=with_ten)
    first = approve(night, draft_release(night), approved_at=datetime.now(UTC))
    assert cell(first, night)["n"] == 10
    # when one of them withdraws
    fill(night, {"estimates": with_ten(invented_estimates(night), people=9)})
    second = approve(night, draft_release(night))
    # then the total, from which the nine would follow, goes with the cell
    assert cell(second, night)["missing_reason"] == "suppressed"
    assert cell(second, night, area="sample")["missing_reason"] == "suppressed"


def cell(release: Path, night: Night, *, area: str = "") -> dict[str, Any]:
    """The published wallet figure of the first area, or of `area`, in the first wave."""
    rows = pl.read_parquet(release / "estimates.parquet").filter(pl.col("indicator") == "wallet_neighbour")
    wanted = area or night.city.neighbourhoods["area"].min()
    return rows.filter(pl.col("area") == wanted).sort("period_start").row(0, named=True)
