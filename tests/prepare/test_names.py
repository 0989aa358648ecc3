"""Personal names: what the masker finds in invented sentences, what it leaves, and how often each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.prepare.names import NameMasker
from barometer.prepare.words import words

PLACES = ("Thornby", "Low Marsh", "Lister Park", "Holly Wood End", "Bingham")
CALL = "\N{BLACK SQUARE}"

# Invented people. CALL stands where a name must go; what is left must stay as it is.
PEOPLE = [
    ("Spoke to ■ about the bins.", "Shazia Akhtar"),
    ("Our ■ said so on Friday", "Gurpreet"),
    ("■ from number 5 is a thief.", "Mohammed Iqbal"),
    ("Big thanks to ■ for the jump leads", "Dave"),
    ("Cllr ■ lied to us again.", "Hussain"),
    ("■ helped me with the form.", "Agnieszka Nowak"),
    ("ask for ■ at the desk", "Imran"),
    ("My neighbour ■ is lovely", "Fatima"),
    ("■ never pays for anything", "John Smith"),
    ("mr ■ is a liar", "smith"),
    ("dr ■ was great with mum", "khan"),
    ("Big thanks to Dr. ■ at the surgery", "Patel"),
    ("Nurse ■ held my hand", "Jackie"),
    ("■ fixed the gate", "Mark Wood"),
    ("PC ■ never rang back", "Bingham"),
    ("Tell ■ she owes me a fiver", "Sandra"),
    ("I saw ■ at the tip", "Zbigniew"),
    ("Happy birthday Auntie ■", "Jean"),
    ("Our ■ reckons it's shut", "Tracy"),
    ("■ and his brother run it", "Asif Mahmood"),
    ("RIP ■, you were one of us", "Barbara Ackroyd"),
    ("Shout out to ■ at the gym", "Sukhdeep"),
    ("Father ■ opened the doors", "O'Brien"),
    ("■'s shop was open all night", "Yusuf"),
    ("Thank you Mrs ■", "Hargreaves-Cole"),
    ("■ of Class 4 won a prize", "Priya Sharma"),
    ("the lad next door, ■, carried it", "Hamza"),
    ("■ brought soup when I was ill", "Jean-Luc"),
    ("Ms. ■ taught us all to read", "Begum"),
    ("■ waved from the bus", "Oluwaseun Adeyemi"),
    ("thanks to ■ for the lift", "gurpreet"),
    ("it was ■ who paid", "Wojtek"),
    ("then ■ from the choir sang", "Bronagh McAllister"),
    ("I told ■ not to trust them", "Khadija Bibi"),
    ("Sgt ■ wrote it all down", "Ackroyd"),
    ("reported by ■ on Monday", "Simran Kaur"),
    ("■ has gone and done it again", "Kev"),
    ("never lend ■ your mower", "Pete Ogden"),
    ("wedding of ■ on Saturday", "Nadia"),
    ("old ■ still sells eggs", "Mr Threlfall"),
]
NOT_PEOPLE = [
    "Dead street light on Norman Lane, reported Sunday night, fixed Tuesday dinner.",
    "Crossing at Thornby School needs a lollipop lady",
    "The bins on Scott Street have not been done",
    "Anyone lost a ginger cat near Lister Park?",
    "Bin crew came early. Boiler's broken. Kettle on.",
    "Mum and Dad met at Low Marsh library",
    "Councillor Whatsit? No. The Council never asked us",
    "Rang 101 twice. Police never came.",
    "Jabs at the surgery on Friday, no queue",
    "What a night. Absolutely rammed. Honestly shocking.",
    "Does anybody know why there's a helicopter over Thornby?",
    "New café by the station does samosas on Fridays",
    "Plumber recommendations for Holly Wood End please",
    "God help us, the buses are off again",
    "Ramadan Mubarak to everyone on our street",
    "The NHS saved my nan, end of",
    "Monday it rained, Tuesday it snowed, Wednesday we moved to Spain",
    "THIS IS A DISGRACE AND THE COUNCIL KNOWS IT",
    "Lost: grey tabby, last seen by the canal looking smug",
    "Quiz at the Methodist hall, seven o'clock, bring a pie",
]


def masker(places: tuple[str, ...] = PLACES, *, is_english: bool = True, has_capital_nouns: bool = False) -> NameMasker:
    return NameMasker(places=places, is_english=lambda _: is_english, has_capital_nouns=has_capital_nouns)


def test_most_names_are_found() -> None:
    # given invented sentences, each with one person
    sentences = [sentence.replace(CALL, name) for sentence, name in PEOPLE]
    # when they are masked
    masked = masker().mask(sentences)
    # then no word of at least 95 % of the names is left (measured: 40 of 40; names of a kind with those on the list)
    leaked = [
        name
        for (_, name), text in zip(PEOPLE, masked, strict=True)
        if any(part in text for part in name.split() if part != "Mr")
    ]
    assert len(leaked) <= 0.05 * len(PEOPLE), leaked


def test_hardly_anything_around_a_name_goes() -> None:
    masked = masker().mask([sentence.replace(CALL, name) for sentence, name in PEOPLE])
    spoilt = [
        (sentence, text)
        for (sentence, _), text in zip(PEOPLE, masked, strict=True)
        if text not in {sentence.replace(CALL, "[name]"), sentence.replace(CALL, "Mr [name]")}
    ]
    assert len(spoilt) <= 0.05 * len(PEOPLE), spoilt


def test_sentences_without_people_stay_as_they_are() -> None:
    masked = masker().mask(NOT_PEOPLE)
    changed = [(text, now) for text, now in zip(NOT_PEOPLE, masked, strict=True) if text != now]
    assert len(changed) <= 0.05 * len(NOT_PEOPLE), changed


def test_a_name_in_the_gazetteer_is_no_person_and_one_behind_a_title_is() -> None:
    assert masker().mask(["Meet me in Bingham at six", "Cllr Bingham at six"]) == [
        "Meet me in Bingham at six",
        "Cllr [name] at six",
    ]


def test_the_given_name_of_somebody_called_like_a_place_goes() -> None:
    assert masker().mask(["Has anyone seen Billy Thornby?"]) == ["Has anyone seen [name] Thornby?"]


def test_a_name_found_once_goes_everywhere_in_the_text() -> None:
    assert masker().mask(["me and kev went, Kev was drunk"]) == ["me and [name] went, [name] was drunk"]


def test_a_double_name_is_one_mask() -> None:
    assert masker().mask(["Mrs Hargreaves-Cole came"]) == ["Mrs [name] came"]


@pytest.mark.parametrize("text", ["on Scott Lane this morning", "down Parker Street", "by Baker Close"])
def test_streets_are_not_people(text: str) -> None:
    assert masker().mask([text]) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Widziałem jak Jan Kowalski pomagał", "Widziałem jak [name] pomagał"),
        ("Pan Kowalski pomagał", "Pan [name] pomagał"),
        ("jag såg Anna Svensson på torget", "jag såg [name] på torget"),
        ("Podobno zamykają bibliotekę", "Podobno zamykają bibliotekę"),
        ("Wczoraj Agnieszka dzwoniła", "Wczoraj [name] dzwoniła"),
    ],
)
def test_other_languages_by_rule_alone(text: str, expected: str) -> None:
    assert masker(is_english=False).mask([text]) == [expected]


def test_where_every_noun_has_a_capital_a_pair_of_them_is_no_name() -> None:
    text = "Die Stadt Bücherei Nebenstelle schließt"
    assert masker(is_english=False, has_capital_nouns=True).mask([text]) == [text]


@pytest.mark.parametrize("text", ["کیتھلی مارکیٹ گرم چائے", "ਅੱਜ ਪਾਰਕ ਵਿੱਚ ਮੇਲਾ ਸੀ", "", " ", "\n", "🐆🐆", "[name]"])
def test_scripts_without_capitals_and_nothing_stay(text: str) -> None:
    assert masker().mask([text]) == [text]


@given(st.lists(st.text(max_size=60), max_size=4))
def test_as_many_texts_come_out_as_went_in(texts: list[str]) -> None:
    assert len(masker().mask(texts)) == len(texts)


@given(
    name=st.sampled_from(sorted(words("given_names"))), surname=st.sampled_from(["Ackroyd", "Threlfall", "Kowalska"])
)
def test_a_listed_given_name_and_its_surname_always_go(name: str, surname: str) -> None:
    (masked,) = masker().mask([f"we met {name.title()} {surname} there"])
    assert name.title() not in masked
    assert surname not in masked


@given(
    st.lists(st.sampled_from(["the", "Dave", "bins", "Thornby", "Smith", "are", ",", "Low Marsh", "Kev"]), max_size=9)
)
def test_places_outlive_any_company_without_a_title(parts: list[str]) -> None:
    text = " ".join(parts)
    (masked,) = masker().mask([text])
    assert masked.count("Thornby") == text.count("Thornby")
    assert masked.count("Low Marsh") == text.count("Low Marsh")


def test_what_is_found_does_not_depend_on_the_texts_beside_it() -> None:
    texts = [sentence.replace(CALL, name) for sentence, name in PEOPLE] + NOT_PEOPLE
    assert masker().mask(texts) == [masker().mask([text])[0] for text in texts]


def test_a_very_long_text_is_read_in_pieces() -> None:
    text = "the bins are late " * 2_000 + "ask John Smith " + "x" * 30_000
    (masked,) = masker().mask([text])
    assert "Smith" not in masked
    assert len(masked) == len(text) - len("John Smith") + len("[name]")


def test_the_sample_citys_posts_keep_nearly_all_their_words(sample_posts: list[dict[str, Any]]) -> None:
    # given posts in which hardly anybody is named, and the names of the places they are in
    places = {part.strip() for post in sample_posts if post["place"] for part in post["place"].split("&")}
    texts = [post["text"] for post in sample_posts if post["lang"] == "en"]
    # when they are masked
    masked = masker(tuple(places)).mask(texts)
    # then at most 8 % of the posts lose a word (measured: 6 %, half of them names of places no list here has)
    assert sum(text != now for text, now in zip(texts, masked, strict=True)) <= 0.08 * len(texts)
