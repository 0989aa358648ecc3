"""What may be given out: approved and unaltered releases, new ones soon, nothing else."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from barometer.serve import shelf as module
from barometer.serve.problems import Gone, NotFound
from barometer.serve.shelf import LOOK_AGAIN_AFTER_S, MANIFEST, Shelf
from tests.serve.conftest import FIRST, SECOND, add_release, raised


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def names(shelf: Shelf) -> list[str]:
    return [release.name for release in shelf.of_city("sample")]


def test_releases_are_found_oldest_first(published: Path) -> None:
    shelf = Shelf(published)
    assert list(shelf.cities) == ["sample"]
    assert names(shelf) == [FIRST, SECOND]
    assert shelf.of_city("sample")[0].city_name == "Sample City (synthetic)"


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert Shelf(tmp_path / "none").cities == {}


def test_an_unknown_city_is_named_with_the_known_ones(published: Path) -> None:
    with pytest.raises(NotFound, match="no city 'ghost' has published here; cities are: sample"):
        Shelf(published).of_city("ghost")


@pytest.mark.parametrize(
    ("day", "found"), [(date(2026, 5, 10), FIRST), (date(2026, 5, 11), SECOND), (date(2030, 1, 1), SECOND)]
)
def test_as_of_a_day_speaks_the_release_approved_by_its_end(published: Path, day: date, found: str) -> None:
    assert [r.name for r in Shelf(published).select(city=None, release=None, as_of=day)] == [found]


def test_before_the_first_release_there_is_none(published: Path) -> None:
    with pytest.raises(NotFound, match="on or before 2026-05-09 of sample"):
        Shelf(published).select(city="sample", release=None, as_of=date(2026, 5, 9))


def test_a_named_release_speaks_though_a_newer_one_is_there(published: Path) -> None:
    assert [r.name for r in Shelf(published).select(city="sample", release=FIRST, as_of=None)] == [FIRST]
    with pytest.raises(NotFound, match="'2026-01-01-1'"):
        Shelf(published).select(city=None, release="2026-01-01-1", as_of=None)


def test_a_draft_is_never_found(own_releases: Path) -> None:
    folder = own_releases / "sample" / FIRST
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps(manifest | {"approval": None}), "utf-8")
    assert names(Shelf(own_releases)) == [SECOND]


@pytest.mark.parametrize("text", ["", "[]", '"x"', "{}", '{"city": "sample"}'])
def test_a_manifest_that_cannot_be_read_is_no_release(own_releases: Path, text: str) -> None:
    (own_releases / "sample" / FIRST / MANIFEST).write_text(text, "utf-8")
    assert names(Shelf(own_releases)) == [SECOND]


def test_a_release_moved_under_another_name_or_city_is_none(own_releases: Path) -> None:
    shutil.copytree(own_releases / "sample" / FIRST, own_releases / "sample" / "2026-05-12-1")
    shutil.copytree(own_releases / "sample" / FIRST, own_releases / "elsewhere" / FIRST)
    assert list(Shelf(own_releases).cities) == ["sample"]
    assert names(Shelf(own_releases)) == [FIRST, SECOND]


def test_what_is_being_staged_is_not_seen(own_releases: Path) -> None:
    shutil.copytree(own_releases / "sample" / FIRST, own_releases / "sample" / ".staging" / FIRST)
    shutil.copytree(own_releases / "sample" / FIRST, own_releases / ".hidden" / FIRST)
    assert list(Shelf(own_releases).cities) == ["sample"]


def test_an_altered_release_is_refused_by_name_and_as_the_newest(own_releases: Path) -> None:
    path = own_releases / "sample" / SECOND / "coverage.csv"
    path.write_text(path.read_text("utf-8") + "x", "utf-8")
    shelf = Shelf(own_releases)
    with pytest.raises(Gone, match=r"coverage\.csv is not as it was approved"):
        shelf.named("sample", SECOND)
    with pytest.raises(Gone):
        shelf.select(city=None, release=None, as_of=None)
    assert shelf.named("sample", FIRST).name == FIRST


def test_a_missing_file_is_refused(own_releases: Path) -> None:
    (own_releases / "sample" / SECOND / "estimates.parquet").unlink()
    with pytest.raises(Gone, match=r"estimates\.parquet"):
        Shelf(own_releases).named("sample", SECOND)


def test_a_file_altered_after_it_was_looked_at_is_refused(own_releases: Path) -> None:
    release = Shelf(own_releases).named("sample", SECOND)
    (release.folder / "index.html").write_text("<p>hello", "utf-8")
    with pytest.raises(Gone):
        release.file("index.html")


@pytest.mark.parametrize(
    "name", ["../../latest.json", "/etc/passwd", "..", "", ".", "manifest.json", "nothing.csv", "x\x00"]
)
def test_only_names_in_the_manifest_are_read(published: Path, name: str) -> None:
    with pytest.raises(NotFound):
        Shelf(published).named("sample", FIRST).file(name)


def test_a_new_release_is_noticed_within_a_second_or_so(own_releases: Path) -> None:
    clock = Hand()
    shelf = Shelf(own_releases, clock=clock)
    before = shelf.version
    add_release(own_releases / "sample" / FIRST, "2026-05-13-1", raised)
    assert (shelf.version, len(names(shelf))) == (before, 2)
    clock.now = LOOK_AGAIN_AFTER_S
    assert shelf.version == before + 1
    assert names(shelf)[-1] == "2026-05-13-1"


def test_a_withdrawn_release_is_gone_within_a_second_or_so(own_releases: Path) -> None:
    clock = Hand()
    shelf = Shelf(own_releases, clock=clock)
    assert len(names(shelf)) == 2
    shutil.rmtree(own_releases / "sample" / SECOND)
    clock.now = LOOK_AGAIN_AFTER_S
    assert names(shelf) == [FIRST]


def test_what_was_read_is_kept_when_another_release_comes(own_releases: Path) -> None:
    clock = Hand()
    shelf = Shelf(own_releases, clock=clock)
    first = shelf.named("sample", FIRST)
    add_release(own_releases / "sample" / FIRST, "2026-05-13-1", raised)
    clock.now = LOOK_AGAIN_AFTER_S
    assert shelf.named("sample", FIRST) is first


def test_only_so_many_releases_are_held_in_memory(own_releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RELEASES_HELD", 1)
    shelf = Shelf(own_releases)
    first, second = shelf.of_city("sample")
    assert shelf.named("sample", FIRST).estimates.height == shelf.named("sample", SECOND).estimates.height
    assert "estimates" not in first.__dict__
    assert "estimates" in second.__dict__
    assert shelf.named("sample", FIRST).estimates.height


def test_what_was_let_go_of_is_checked_again(own_releases: Path) -> None:
    shelf = Shelf(own_releases)
    release = shelf.named("sample", FIRST)
    (release.folder / "rumours.csv").write_text("x", "utf-8")
    assert shelf.named("sample", FIRST) is release
    release.forget()
    with pytest.raises(Gone, match=r"rumours\.csv"):
        shelf.named("sample", FIRST)


def test_a_table_that_a_release_does_not_have_has_no_rows(published: Path) -> None:
    assert Shelf(published).named("sample", FIRST).table("unknown", {"a": pl.String()}).is_empty()
