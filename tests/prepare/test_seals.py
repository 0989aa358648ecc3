"""What is sealed opens with the same key, for the same post, and with no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.prepare.names import NameMasker
from barometer.prepare.privacy import CityDoor
from barometer.prepare.seals import seal, unseal

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
POST, OTHER_POST = "a" * 32, "b" * 32


@given(platform_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_an_id_comes_back_as_it_was(platform_id: str) -> None:
    sealed = seal(KEY, POST, platform_id)
    assert unseal(KEY, POST, sealed) == platform_id
    assert platform_id not in sealed or len(platform_id) < 4


def test_the_same_gives_the_same_seal_and_another_post_another() -> None:
    assert seal(KEY, POST, "t1_abc") == seal(KEY, POST, "t1_abc")
    assert len({seal(KEY, POST, "t1_abc"), seal(KEY, OTHER_POST, "t1_abc"), seal(OTHER_KEY, POST, "t1_abc")}) == 3


@pytest.mark.parametrize(("key", "post"), [(OTHER_KEY, POST), (KEY, OTHER_POST)])
def test_neither_another_key_nor_another_row_opens_it(key: bytes, post: str) -> None:
    with pytest.raises(BadInput, match="backup"):
        unseal(key, post, seal(KEY, POST, "t1_abc"))


@pytest.mark.parametrize("broken", ["", "x", "t1_abc", "AAAA", "c2VhbGVkLXNlYWxlZC1zZWFsZWQ="])
def test_what_is_no_seal_is_said_in_words(broken: str) -> None:
    with pytest.raises(BadInput, match="does not open"):
        unseal(KEY, POST, broken)


def test_the_citys_door_seals_with_the_citys_key() -> None:
    door = CityDoor(key=KEY, country="GB", names=NameMasker(places=(), is_english=lambda text: True))
    assert door.seal(POST, "t1_abc") == seal(KEY, POST, "t1_abc")
    assert door.unseal(POST, door.seal(POST, "t1_abc")) == "t1_abc"
