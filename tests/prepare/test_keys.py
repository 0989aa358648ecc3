"""The city's key: made once, whole, for its owner only."""

from __future__ import annotations

import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.prepare import keys
from barometer.prepare.keys import KEY_BYTES, city_key


def test_the_first_use_makes_a_key_and_the_second_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "testville.key"
    first = city_key(path)
    assert len(first) == KEY_BYTES
    assert city_key(path) == first
    assert path.read_bytes() == first


def test_two_cities_have_different_keys(tmp_path: Path) -> None:
    assert city_key(tmp_path / "a.key") != city_key(tmp_path / "b.key")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "testville.key"
    city_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_no_draft_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "testville.key"
    city_key(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["testville.key"]


def test_processes_that_ask_at_once_get_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "testville.key"
    with ProcessPoolExecutor(max_workers=4) as pool:
        found = set(pool.map(city_key, [path] * 16))
    assert found == {path.read_bytes()}


def test_whoever_comes_second_between_look_and_link_takes_the_first_ones_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a rival that puts its key in place after we saw that there was none
    path, rival = tmp_path / "testville.key", b"r" * KEY_BYTES

    def link_late(source: Path, target: Path) -> None:
        target.write_bytes(rival)
        raise FileExistsError(target)

    monkeypatch.setattr(keys.os, "link", link_late)
    # when we ask, then we get the rival's and leave no draft
    assert city_key(path) == rival
    assert [entry.name for entry in tmp_path.iterdir()] == ["testville.key"]


@given(content=st.binary(max_size=80).filter(lambda content: len(content) != KEY_BYTES))
def test_a_key_of_another_length_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "testville.key"
    path.write_bytes(content)
    with pytest.raises(BadConfiguration, match=f"has {len(content)} bytes and must have 32; restore"):
        city_key(path)
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_read_says_so_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "testville.key"
    path.mkdir()
    with pytest.raises(BadConfiguration, match="cannot be read or made") as caught:
        city_key(path)
    assert "\n" not in str(caught.value)
    assert "testville.key" in str(caught.value)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file, not a folder")
    with pytest.raises(BadConfiguration, match="cannot be read or made"):
        city_key(tmp_path / "keys" / "testville.key")
