import urllib.error
import urllib.request
from pathlib import Path

import pytest

from barometer.ops.site import newest_release, serving, write_front_page


def a_release(releases: Path, city: str, name: str) -> Path:
    folder = releases / city / name
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f"<h1>{city} {name}</h1>", encoding="utf-8")
    return folder


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return str(answer.read().decode())


def test_the_tenth_release_of_a_day_is_newer_than_the_ninth(tmp_path: Path) -> None:
    for name in ("2026-05-09-2", "2026-05-10-9", "2026-05-10-10"):
        newest = a_release(tmp_path, "sample", name)
    assert newest_release(tmp_path, "sample") == newest


def test_another_citys_release_is_not_this_citys(tmp_path: Path) -> None:
    a_release(tmp_path, "bradford", "2026-05-10-1")
    assert newest_release(tmp_path, "sample") is None


def test_a_folder_without_a_page_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "sample" / "2026-05-10-1").mkdir(parents=True)
    assert newest_release(tmp_path, "sample") is None


def test_the_front_page_links_every_release_newest_first(tmp_path: Path) -> None:
    a_release(tmp_path, "sample", "2026-05-09-1")
    a_release(tmp_path, "bradford", "2026-05-10-1")
    text = write_front_page(tmp_path).read_text("utf-8")
    assert (
        0 < text.index('href="bradford/2026-05-10-1/index.html"') < text.index('href="sample/2026-05-09-1/index.html"')
    )


def test_a_folder_name_cannot_bring_markup_onto_the_page(tmp_path: Path) -> None:
    a_release(tmp_path, "a<b>", '2026-05-10-1"')
    assert "<b>" not in write_front_page(tmp_path).read_text("utf-8")


def test_an_empty_site_says_so(tmp_path: Path) -> None:
    assert "Nothing has been released yet" in write_front_page(tmp_path / "none").read_text("utf-8")


def test_the_site_serves_pages_for_as_long_as_it_is_open(tmp_path: Path) -> None:
    a_release(tmp_path, "sample", "2026-05-09-1")
    write_front_page(tmp_path)
    with serving(tmp_path) as address:
        assert "sample/2026-05-09-1" in read(address)
        assert read(f"{address}sample/2026-05-09-1/index.html") == "<h1>sample 2026-05-09-1</h1>"
    with pytest.raises(urllib.error.URLError):
        read(address)


def test_nothing_above_the_folder_is_served(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret", encoding="utf-8")
    with serving(tmp_path / "site") as address, pytest.raises(urllib.error.HTTPError, match="404"):
        read(f"{address}..%2fkey")
