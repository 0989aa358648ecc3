"""What of a stream is a city's business."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.ingest.posts.scope import EVERYTHING, scope_of
from barometer.ingest.source import Context
from tests.ingest.helpers import a_context


class TestTerms:
    @pytest.mark.parametrize(
        "text",
        [
            "in Wood End today",
            "WOOD END!",
            "wood-end is fine",
            "wood\nend",
            "so #WoodEnd is",
            "so #woodend is",
            "so #WOODEND is",
            "#wood_end",
            "#LoveWoodEnd",
            "(wood end)",
        ],
    )
    def test_are_found_as_words_in_any_case_and_inside_hashtags(self, text: str) -> None:
        assert scope_of(a_context(terms=["Wood End"])).wants([text], None)

    @pytest.mark.parametrize("text", ["the wood ends here", "driftwood end", "end wood", "wood", "", "#Woodends"])
    def test_are_not_found_in_parts_of_words_or_in_another_order(self, text: str) -> None:
        assert not scope_of(a_context(terms=["Wood End"])).wants([text], None)

    def test_are_found_in_any_of_the_texts(self) -> None:
        assert scope_of(a_context(terms=["#market"])).wants(["nothing here", "#market"], None)

    @pytest.mark.parametrize("text", ["i Malmö idag", "MALMÖ", "#malmö"])
    def test_may_be_of_any_script(self, text: str) -> None:
        assert scope_of(a_context(terms=["Malmö"])).wants([text], None)

    def test_that_are_not_stated_let_everything_pass(self) -> None:
        assert scope_of(a_context()) == EVERYTHING
        assert EVERYTHING.wants(["whatever"], ["xx"])
        assert EVERYTHING.may_name(b"whatever")

    @pytest.mark.parametrize("terms", ["Wood End", [7], [""]])
    def test_that_are_no_list_of_words_are_refused_with_the_source_s_name(self, terms: Any) -> None:
        with pytest.raises(BadConfiguration, match="source a_source: option terms"):
            scope_of(a_context(terms=terms))


class TestPlaces:
    def test_are_the_names_of_the_city_and_its_places(self) -> None:
        scope = scope_of(with_places(a_context(places=True)))
        assert scope.wants(["down at the bank"], None)
        assert scope.wants(["Testville!"], None)
        assert not scope.wants(["down at the river"], None)

    def test_are_added_to_the_terms(self) -> None:
        scope = scope_of(with_places(a_context(places=True, terms=["river"])))
        assert scope.wants(["the bank"], None)
        assert scope.wants(["the river"], None)


class TestLanguages:
    @pytest.mark.parametrize("stated", [["en"], ["en-GB"], ["de", "EN"], [], None])
    def test_a_post_in_a_wanted_language_or_in_none_is_wanted(self, stated: list[str] | None) -> None:
        assert scope_of(a_context(languages=["en"])).wants(["words"], stated)

    def test_a_post_in_other_languages_is_not(self) -> None:
        assert not scope_of(a_context(languages=["en", "cy"])).wants(["words"], ["de", "fr"])


class TestBytes:
    def test_that_name_no_term_are_told_without_decoding(self) -> None:
        scope = scope_of(a_context(terms=["Wood End", "market"]))
        assert not scope.may_name(b'{"text": "quite another place"}')
        assert scope.may_name(b'{"text": "a MARKET"}')

    @pytest.mark.parametrize("record", [b'{"text": "\\u006darket"}', '{"text": "café"}'.encode()])
    def test_with_escapes_or_beyond_ascii_must_be_decoded(self, record: bytes) -> None:
        assert scope_of(a_context(terms=["market"])).may_name(record)

    def test_are_not_searched_for_very_many_words(self) -> None:
        assert scope_of(a_context(terms=[f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(99)])).may_name(
            b""
        )

    @given(
        terms=st.lists(st.text("aAbkK Ké#-_", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=3),
        text=st.text('aAbBkK Ké#-_\n"\\', max_size=16),
        is_ascii=st.booleans(),
    )
    def test_never_hide_what_the_text_names(self, terms: list[str], text: str, is_ascii: bool) -> None:
        scope = scope_of(a_context(terms=terms))
        record = json.dumps({"text": text}, ensure_ascii=is_ascii).encode()
        assert scope.may_name(record) or not scope.wants([text], None)

    @given(
        terms=st.lists(st.text("aAbkK Ké#-_", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=3),
        text=st.text("aAbBkK Ké#-_\n", max_size=16),
    )
    def test_nor_does_looking_for_single_words_first(self, terms: list[str], text: str) -> None:
        scope = scope_of(a_context(terms=terms))
        slow = replace(scope, plain=())
        assert scope.wants([text], None) is slow.wants([text], None)


def with_places(context: Context) -> Context:
    object.__setattr__(context.city, "name", "Testville")
    object.__setattr__(context.city, "aliases", pl.DataFrame({"alias": ["the Bank", "Wood End"]}))
    return context
