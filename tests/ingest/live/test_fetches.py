"""The record of requests: what was asked, never with which value."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.live.fetches import FetchLog, described
from barometer.tables import TABLES


@pytest.mark.parametrize(
    ("url", "names", "words"),
    [
        ("https://forum.example/a/b", (), "GET forum.example/a/b"),
        ("https://forum.example", (), "GET forum.example/"),
        ("https://forum.example/a?q=x&limit=5&q=y", (), "GET forum.example/a (q, limit)"),
        ("https://forum.example:8443/a", ("poly", "date"), "GET forum.example:8443/a (poly, date)"),
        ("https://forum.example/a=b&c", (), "GET forum.example/a%3Db%26c"),
        ("https://forum.example/Submissions('1')?$skiptoken=x", (), "GET forum.example/Submissions('1') ($skiptoken)"),
    ],
)
def test_a_request_is_named_by_what_it_is(url: str, names: tuple[str, ...], words: str) -> None:
    assert described("GET", httpx.URL(url), names) == words


@given(
    value=st.text(st.characters(codec="ascii", min_codepoint=97, max_codepoint=122), min_size=8),
    name=st.text(min_size=1),
)
def test_no_value_is_in_it_and_nothing_that_could_hold_one(value: str, name: str) -> None:
    words = described("GET", httpx.URL(f"https://forum.example/a?{quote(name)}=1&key={value}Z"), [name])
    assert f"{value}Z" not in words
    assert not {"?", "=", "&"} & set(words)


def test_rows_are_numbered_on_and_fit_the_table() -> None:
    log = FetchLog(after=7, clean=lambda text: text.replace("hidden", "***"))
    log.begin("GET", httpx.URL("https://forum.example/hidden"), ())
    log.note(2, {"after": "hidden"})
    log.note(3, {"after": 9})
    log.begin("GET", httpx.URL("https://forum.example/b"), ())
    rows = log.frame()
    assert rows["number"].to_list() == [8, 9]
    assert rows["request"][0] == "GET forum.example/***"
    assert rows["records"].to_list() == [5, 0]
    assert rows["cursor"].to_list() == ['{"after": 9}', None]
    assert set(rows.columns) == set(TABLES["fetches"].schema) - {"night", "source"}


def test_a_note_without_a_request_is_no_row() -> None:
    log = FetchLog()
    log.note(2, {})
    assert log.frame().is_empty()
