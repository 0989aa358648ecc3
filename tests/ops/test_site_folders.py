"""The plain file server gives out a release's pages in folders, too."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

from barometer.ops.site import newest_release, serving, write_front_page


def test_pages_in_folders_are_served_and_only_releases_are_listed(tmp_path: Path) -> None:
    release = tmp_path / "sample" / "2026-05-09-1"
    for folder in (release, release / "sv", release / "sv" / "neighbourhoods"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(f"<p>{folder.name}", "utf-8")
    front = write_front_page(tmp_path).read_text("utf-8")
    assert front.count("<li>") == 1
    assert newest_release(tmp_path, "sample") == release
    with serving(tmp_path) as address, urlopen(f"{address}sample/2026-05-09-1/sv/neighbourhoods/index.html") as answer:
        assert answer.read() == b"<p>neighbourhoods"
