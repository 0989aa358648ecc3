"""The approval on every page: in its language, in place of the notice, and nothing else changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from barometer.errors import ReleaseRefused
from barometer.release.language import ENGLISH, load_language
from barometer.release.site.approval import Approval, approval_block, approve_pages, with_approval
from barometer.settings import PROJECT

AT = datetime(2026, 5, 10, 8, tzinfo=UTC)
APPROVAL = Approval("A. Person", is_stand_in=False, approved_at=AT)
STAND_IN = Approval("sample run", is_stand_in=True, approved_at=AT)
SWEDISH = load_language("sv", PROJECT / "configs")


def draft(language: object = ENGLISH) -> str:
    return f"<p>before</p>\n{approval_block(None, language)}\n<p>after</p>"  # type: ignore[arg-type]


def test_a_draft_says_that_nobody_approved_it() -> None:
    assert "<strong>Draft.</strong> Nobody has approved this page yet." in draft()
    assert "<strong>Utkast.</strong>" in draft(SWEDISH)


def test_the_approval_takes_the_place_of_the_drafts_notice_and_of_nothing_else() -> None:
    approved = with_approval(draft(), APPROVAL)
    assert "Nobody has approved" not in approved
    assert "<strong>A. Person</strong> on 10 May 2026 at 08:00 UTC." in approved
    assert approved.startswith("<p>before</p>\n")
    assert approved.endswith("\n<p>after</p>")


def test_a_page_is_approved_in_its_own_language() -> None:
    approved = with_approval(draft(SWEDISH), APPROVAL)
    assert "Godkänd för publicering av <strong>A. Person</strong> den 10 maj 2026 kl. 08:00 UTC." in approved


def test_a_stand_in_is_called_one() -> None:
    assert "Approved by sample run (stand-in, not a person)" in with_approval(draft(), STAND_IN)
    assert "(ställföreträdare, ingen person)" in with_approval(draft(SWEDISH), STAND_IN)


def test_approving_again_replaces_what_stood_there() -> None:
    again = with_approval(with_approval(draft(), STAND_IN), APPROVAL)
    assert again == with_approval(draft(), APPROVAL)


def test_a_name_with_markup_or_a_placeholder_stays_text() -> None:
    approved = with_approval(draft(), Approval("<b>%(who)s</b>", is_stand_in=False, approved_at=AT))
    assert "&lt;b&gt;%(who)s&lt;/b&gt;" in approved


@pytest.mark.parametrize("page", ["", "<!-- approval begins en -->", "<!-- approval ends -->"])
def test_a_page_without_a_place_for_approval_is_refused_by_name(page: str, tmp_path: Path) -> None:
    (tmp_path / "sv").mkdir()
    (tmp_path / "sv" / "map.html").write_text(page, "utf-8")
    with pytest.raises(ReleaseRefused, match=r"sv/map\.html: has no place for the approval"):
        approve_pages(tmp_path, APPROVAL)


def test_every_page_of_a_folder_is_approved_and_other_files_are_left(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, language in (("index.html", ENGLISH), ("deep/map.html", SWEDISH)):
        (tmp_path / name).write_text(draft(language), "utf-8")
    (tmp_path / "data.csv").write_text(draft(), "utf-8")
    approve_pages(tmp_path, APPROVAL)
    assert all("A. Person" in (tmp_path / name).read_text("utf-8") for name in ("index.html", "deep/map.html"))
    assert (tmp_path / "data.csv").read_text("utf-8") == draft()
