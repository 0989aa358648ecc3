"""Languages: numbers, dates and plurals as their speakers write them; catalogues complete and sound."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.indicators import load_indicators
from barometer.release.language import ENGLISH, LOCALES, load_language, read_catalogue
from barometer.settings import PROJECT
from tests.release.catalogues import catalogue, is_message, messages, translated

CONFIGS = PROJECT / "configs"
SWEDISH = load_language("sv", CONFIGS)
CODES = sorted(path.name for path in LOCALES.iterdir() if path.is_dir())
PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|%)")
ADVICE = PROJECT / "barometer" / "estimate" / "change" / "advice.yaml"


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def advice() -> set[str]:
    table = yaml.safe_load(ADVICE.read_text("utf-8"))
    return {*table["check"].values(), *(words for act in table["act"].values() for words in act.values())}


@pytest.mark.parametrize(
    ("value", "decimals", "english", "swedish"),
    [
        (1234567.5, 0, "1,234,568", "1 234 568"),
        (6.25, 1, "6.3", "6,3"),
        (-0.5, 1, "−0.5", "−0,5"),
        (-0.04, 1, "0.0", "0,0"),
        (0, 0, "0", "0"),
    ],
)
def test_numbers(value: float, decimals: int, english: str, swedish: str) -> None:
    assert ENGLISH.number(value, decimals) == english
    assert SWEDISH.number(value, decimals).replace("\xa0", " ") == swedish


@given(st.floats(-1e9, 1e9), st.integers(0, 3))
def test_a_number_is_the_same_number_in_every_language(value: float, decimals: int) -> None:
    read = [
        float(
            language.number(value, decimals)
            .replace(language.separators[1], "")
            .replace(language.separators[0], ".")
            .replace("−", "-")
        )
        for language in (ENGLISH, SWEDISH)
    ]
    assert read[0] == read[1] == pytest.approx(value, abs=0.5 * 10**-decimals + 1e-6)


def test_shares_have_the_space_their_language_puts_before_the_sign() -> None:
    assert (ENGLISH.share(0.66), SWEDISH.share(0.66)) == ("66%", "66\xa0%")


def test_dates_and_moments() -> None:
    day = date(2026, 5, 9)
    assert (ENGLISH.day(day), SWEDISH.day(day)) == ("9 May 2026", "9 maj 2026")
    assert (ENGLISH.month(day), SWEDISH.month(day)) == ("May", "maj")
    at = datetime(2026, 5, 9, 8, 30, tzinfo=UTC)
    assert (ENGLISH.moment(at), SWEDISH.moment(at)) == ("9 May 2026 at 08:30 UTC", "9 maj 2026 kl. 08:30 UTC")


def test_lists() -> None:
    assert (ENGLISH.listed(["a", "b", "c"]), SWEDISH.listed(["a", "b", "c"])) == ("a, b and c", "a, b och c")
    assert (ENGLISH.listed(["a"]), ENGLISH.listed([])) == ("a", "")


def test_plurals_go_with_the_number() -> None:
    forms = ("%(number)s neighbourhood", "%(number)s neighbourhoods")
    assert [ENGLISH.count(*forms, n) for n in (0, 1, 2)] == ["0 neighbourhoods", "1 neighbourhood", "2 neighbourhoods"]
    assert [SWEDISH.count(*forms, n) for n in (1, 1200)] == ["1 område", "1\xa0200 områden"]


def test_what_the_configuration_says_is_translated_and_else_as_it_is() -> None:
    assert SWEDISH.configured_text("Trust in the police (0 to 10)") == "Tillit till polisen (0 till 10)"
    assert SWEDISH.configured_text("A figure nobody translated") == "A figure nobody translated"
    assert SWEDISH.configured_text("") == ""


def test_advice_of_two_sentences_is_translated_in_both_halves() -> None:
    table = yaml.safe_load(ADVICE.read_text("utf-8"))
    for check in table["check"].values():
        for act in table["act"]["less_trust"].values():
            both = f"{check} {act}"
            said = SWEDISH.sentences(both)
            assert said == f"{SWEDISH.say(check)} {SWEDISH.say(act)}"
            assert said != both
            assert ENGLISH.sentences(both) == both
    assert SWEDISH.sentences("Nobody knows this. Nor this.") == "Nobody knows this. Nor this."


def test_a_language_knows_its_own_name_and_tag() -> None:
    assert (ENGLISH.name, ENGLISH.tag, SWEDISH.name, SWEDISH.tag) == ("English", "en-GB", "Svenska", "sv")


def test_a_language_without_a_catalogue_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="of which there is no catalogue"):
        load_language("xx", CONFIGS)


def test_a_missing_file_of_configured_words_is_an_empty_one(tmp_path: Path) -> None:
    assert read_catalogue(tmp_path / "none.po").gettext("a word") == "a word"


@pytest.mark.parametrize("code", CODES)
def test_every_message_is_translated_and_no_other_is_kept(code: str) -> None:
    wanted = {message.id for message in messages() if is_message(message)} | advice()
    kept = {message.id for message in translated(code) if is_message(message)}
    assert wanted - kept == set()
    assert kept - wanted == set()


@pytest.mark.parametrize("code", CODES)
def test_a_translation_is_whole_with_the_same_placeholders(code: str) -> None:
    for message in translated(code):
        if is_message(message):
            assert not message.fuzzy, message.id
            asked = {name for form in forms(message.id) for name in PLACEHOLDER.findall(form) if name}
            for form in forms(message.string):
                assert form.strip(), message.id
                found = {name for name in PLACEHOLDER.findall(form) if name}
                assert found == asked if isinstance(message.id, str) else found <= asked, message.id
                assert form.count("%") == len(re.findall(r"%\(\w+\)s", form)) + 2 * form.count("%%"), message.id


@pytest.mark.parametrize("code", CODES)
def test_markup_of_a_message_is_markup_of_its_translation(code: str) -> None:
    for message in translated(code):
        if is_message(message):
            tags = [sorted(re.findall(r"</?\w+>", form)) for form in (forms(message.id)[0], forms(message.string)[0])]
            assert tags[0] == tags[1], message.id


@pytest.mark.parametrize("code", CODES)
def test_every_indicator_has_its_words(code: str) -> None:
    found = {message.id: message.string for message in catalogue(CONFIGS / "locale" / code / "indicators.po")}
    for indicator in load_indicators(CONFIGS).indicators:
        for text in (indicator.title, indicator.question, indicator.unit, indicator.withheld):
            assert not text or found[text], indicator.id


def test_every_message_in_english_can_be_filled() -> None:
    for message in messages():
        for form in forms(message.id) if is_message(message) else []:
            values = {name: "x" for name in PLACEHOLDER.findall(form) if name}
            assert "%(" not in form % values
