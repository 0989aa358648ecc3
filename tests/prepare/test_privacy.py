"""The door: pseudonyms that cannot be turned back, masks that hold, records fit for quarantine."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.prepare.privacy import RECORD_CHARACTERS, CityDoor, city_door, place_names
from barometer.settings import Settings
from tests.towns import make_testville

KINDS = st.sampled_from(["post", "author", "respondent", "rater", "observer", "record", "duplicate"])
# Made of what the masks look for, so that the search for a leak looks where one could be.
PERSONAL = st.sampled_from(
    ["dave@example.com", "@dave", "07700 900123", "BD7 1AB", "http://x.org/dave", "u/dave", "Dave"]
)
AROUND = st.sampled_from(
    ["Mr", "Cllr", "Smith", "DAVE", "o'brien", "Northgate", "the bins", "[name]", "@user", ",", "12"]
)
PIECES = st.one_of(PERSONAL, AROUND, st.sampled_from(["Priya Sharma", "Jan Kowalski", "?", "\n", "u/you", "@", "RT"]))
COMPOSED = st.lists(PIECES, max_size=10).map(" ".join)


@given(kind=KINDS, value=st.text(max_size=50))
def test_a_pseudonym_is_32_hex_digits_and_always_the_same(door: CityDoor, kind: str, value: str) -> None:
    pseudonym = door.pseudonym(kind, value)
    assert len(pseudonym) == 32
    assert int(pseudonym, 16) >= 0
    assert pseudonym == door.pseudonym(kind, value)


def test_a_pseudonym_is_the_keyed_hash_it_says_it_is(door: CityDoor) -> None:
    expected = hmac.new(door.key, b"author\x1fdave", hashlib.sha256).hexdigest()[:32]
    assert door.pseudonym("author", "dave") == expected


@given(one=st.tuples(KINDS, st.text(max_size=20)), other=st.tuples(KINDS, st.text(max_size=20)))
def test_different_ids_or_kinds_have_different_pseudonyms(
    door: CityDoor, one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (door.pseudonym(*one) == door.pseudonym(*other)) == (one == other)


def test_two_cities_know_the_same_person_by_different_pseudonyms(tmp_path: Path) -> None:
    city = make_testville(tmp_path)
    here, there = (city_door(city, Settings(home=tmp_path / name)) for name in ("here", "there"))
    assert here.pseudonym("author", "dave") != there.pseudonym("author", "dave")


def test_the_same_city_keeps_its_pseudonyms_from_run_to_run(tmp_path: Path) -> None:
    city, settings = make_testville(tmp_path), Settings(home=tmp_path)
    assert city_door(city, settings).pseudonym("post", "1") == city_door(city, settings).pseudonym("post", "1")


def test_the_key_stays_outside_the_lake_and_out_of_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(home=tmp_path)
    with caplog.at_level(logging.DEBUG):
        door = city_door(make_testville(tmp_path), settings)
        door.mask(["hello"])
    assert (settings.keys / "testville.key").read_bytes() == door.key
    assert not Path(settings.lake).exists()
    assert door.key.hex() not in repr(door) + caplog.text
    assert repr(door.key) not in repr(door) + caplog.text


def test_everything_personal_goes_in_one_pass(door: CityDoor) -> None:
    text = "Ask Dave Smith (@dave, dave@example.com, 07700 900123) of BD7 1AB, see https://example.org/dave"
    assert door.mask([text]) == ["Ask [name] (@user, [email], [phone]) of [postcode BD7], see http"]


def test_names_of_the_citys_places_stay(door: CityDoor) -> None:
    texts = ["Rain in Northgate again", "Southbank smells", "The Wood End lot", "Testville is grand"]
    assert door.mask(texts) == texts


@given(st.lists(COMPOSED, max_size=4))
def test_masking_twice_is_masking_once(door: CityDoor, texts: list[str]) -> None:
    once = door.mask(texts)
    assert door.mask(once) == once


@given(st.text(max_size=120))
def test_masking_any_text_twice_is_masking_it_once(door: CityDoor, text: str) -> None:
    (once,) = door.mask([text])
    assert door.mask([once]) == [once]


@given(COMPOSED)
def test_no_address_account_or_number_outlives_the_door(door: CityDoor, text: str) -> None:
    (masked,) = door.mask([text])
    for leak in ("dave@", "@dave", "900123", "1AB", "example.com", "x.org", "u/dave"):
        assert leak not in masked


@given(st.lists(COMPOSED, max_size=6))
def test_the_order_and_number_of_texts_are_kept(door: CityDoor, texts: list[str]) -> None:
    assert door.mask(texts) == [door.mask([text])[0] for text in texts]


def test_the_sample_citys_posts_end_masked(door: CityDoor, sample_posts: list[dict[str, Any]]) -> None:
    once = door.mask([post["text"] for post in sample_posts])
    assert door.mask(once) == once


def test_a_json_record_loses_who_and_which_and_keeps_the_rest(door: CityDoor) -> None:
    record = {
        "id": "3kabc123def45",
        "authorDid": "did:plc:qwertyuiop",
        "user": {"screen_name": "dave_s", "first": "Dave"},
        "text": "ask Dave Smith on 07700 900123",
        "geo": [53.79, -1.75],
        "likes": 4,
        "langs": ["en"],
    }
    masked = json.loads(door.mask_record(json.dumps(record)))
    assert masked == {
        "id": "[dropped]",
        "authorDid": "[dropped]",
        "user": "[dropped]",
        "text": "ask [name] on [phone]",
        "geo": "[dropped]",
        "likes": 4,
        "langs": ["en"],
    }


@pytest.mark.parametrize(
    "record",
    [
        '{"id": "3kabc123def45", "handle": "dave.example", "text": "hello Dave Smith',
        "2026-05-01,3kabc123def45,dave@example.com,Dave Smith,BD7 1AB",
        "author=dave.example; id=3kabc123def45; text=ask Dave Smith",
        '[{"did:plc:3kabc123def45": {"name": "Dave Smith"}}]',
        "{'author': 'dave.example', 'respondent_id': 3kabc123def45}",
    ],
)
def test_broken_and_foreign_records_lose_it_too(door: CityDoor, record: str) -> None:
    masked = door.mask_record(record)
    for leak in ("3kabc123def45", "dave.example", "dave@", "Smith", "1AB"):
        assert leak not in masked


@given(st.text(max_size=300))
def test_any_record_can_be_masked(door: CityDoor, record: str) -> None:
    assert len(door.mask_record(record)) <= RECORD_CHARACTERS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_stays_json(door: CityDoor, value: Any) -> None:
    masked = door.mask_record(json.dumps(value))
    assert len(masked) <= RECORD_CHARACTERS
    assert type(json.loads(masked)) is type(value)


def test_long_and_deep_records_are_cut_not_choked_on(door: CityDoor) -> None:
    for record in ("x" * 5_000_000, "[" * 3_000, "a b@c.de, " * 100_000, '{"text": "' + "bins " * 10_000 + '"}'):
        masked = door.mask_record(record)
        assert 0 < len(masked) <= RECORD_CHARACTERS
        assert "b@c" not in masked


def test_place_names_are_areas_their_parts_aliases_and_the_city(tmp_path: Path) -> None:
    city = make_testville(tmp_path)
    areas = city.areas.with_columns(
        pl.Series("name", ["North & East", "Eastfield", "Mill, Moor and Marsh", "Westwood"])
    )
    names = place_names(make_testville(tmp_path, areas=areas))
    assert {"North", "East", "North & East", "Mill", "Moor", "Marsh", "the Bank", "Testville", "theBank"} <= set(names)
