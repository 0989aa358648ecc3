"""Masks without a model: what goes, what stays, and that nothing masked leaks."""

from __future__ import annotations

import re
import string

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.prepare.masks import mask_by_rule, replace_spans

LETTERS = st.text(string.ascii_lowercase, min_size=3, max_size=10)
HANDLES = st.from_regex(r"[a-z][a-z0-9_]{3,14}", fullmatch=True)
HOSTS = st.builds(lambda name, end: f"{name}.{end}", LETTERS, st.sampled_from(["com", "co.uk", "social", "org.pk"]))
EMAILS = st.builds(
    lambda local, sign, more, host: f"{local}{sign}{more}@{host}", LETTERS, st.sampled_from(".+-_"), LETTERS, HOSTS
)
# Areas, districts and units of the shapes that Royal Mail uses.
OUTWARD = st.from_regex(r"(BD|LS|HX|M|E|SW|EC)[1-9][0-9]?", fullmatch=True)
INWARD = st.from_regex(r"[0-9][ABD-HJLNP-UW-Z]{2}", fullmatch=True)
AROUND = st.sampled_from(["{}", "ask {} now", "({})", "see {}.", "x, {}, y", "{}!", '"{}"', "ring\n{}"])


def masked(text: str, country: str = "GB") -> str:
    return mask_by_rule(text, country)


@given(email=EMAILS, around=AROUND)
def test_no_part_of_an_email_stays(email: str, around: str) -> None:
    result = masked(around.format(email))
    assert "[email]" in result
    assert result == around.format("[email]")


@pytest.mark.parametrize(
    "email", ["dave [at] example.com", "dave (at) example.co.uk", "dave@localhost", "ünal@exämple.de"]
)
def test_emails_in_disguise_go_too(email: str) -> None:
    assert masked(f"write to {email} please") == "write to [email] please"


@given(handle=HANDLES, around=AROUND)
def test_no_part_of_a_handle_stays(handle: str, around: str) -> None:
    assert masked(around.format(f"@{handle}")) == around.format("@user")


def test_a_repost_glued_to_its_account_is_no_email() -> None:
    assert masked("RT@some_one: look at this") == "RT@user: look at this"
    assert masked("start@some_one: look at this") == "[email]: look at this"


@given(handle=HANDLES, host=HOSTS, around=AROUND)
def test_no_part_of_an_account_on_an_instance_stays(handle: str, host: str, around: str) -> None:
    assert masked(around.format(f"@{handle}@{host}")) == around.format("@user")


@pytest.mark.parametrize(
    "account",
    ["@some.one.bsky.social", "＠full_width", "u/some_one", "/u/some-one", "did:plc:ab12cd34", "one.bsky.social"],
)
def test_accounts_of_other_platforms_go(account: str) -> None:
    assert masked(f"thanks {account} for that") == "thanks @user for that"


@given(handle=HANDLES, host=HOSTS, scheme=st.sampled_from(["http://", "HTTPS://", "www.", "at://", ""]))
def test_no_part_of_a_link_stays(handle: str, host: str, scheme: str) -> None:
    assert masked(f"see {scheme}{host}/{handle}?u={handle}, it says") == "see http, it says"


@pytest.mark.parametrize(
    "text",
    [
        "meet @ 7 at the Co-op, tea and/or coffee, 3/4 full",
        "the 662 at 7.42, platform 2, then the 607",
        "open 2024-2025, since 1998 and in 2031",
        "£1,800.50 for it, or 1,234,567,890 all told",
        "on 01/02/2026 at 10:30, or 2026-05-09 10:30:00",
        "M6 1st exit then the A650, 2nd left",
        "ring 101, not 999; text 60000000000 no",
        "at @7pm or @10:30",
        "BD7 is not BD8, and B12 is a bus",
        "score 22-20, 90 minutes, 0.333333333333 of it",
    ],
)
def test_years_prices_buses_scores_and_times_stay(text: str) -> None:
    assert masked(text) == text.replace("60000000000", "[phone]")


def example_numbers() -> list[str]:
    """Every way of writing the numbering plan's own example numbers of three countries."""
    formats = (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    examples = [phonenumbers.example_number_for_type("GB", kind) for kind in kinds]
    abroad = [phonenumbers.example_number(region) for region in ("PK", "PL")]
    written = [phonenumbers.format_number(number, form) for number in examples for form in formats]
    return written + [phonenumbers.format_number(number, formats[1]) for number in abroad]


@pytest.mark.parametrize("number", example_numbers())
@pytest.mark.parametrize("around", ["ring {} now", "({})", "tel:{}", "{}, or later"])
def test_numbers_of_the_plan_go(number: str, around: str) -> None:
    result = masked(around.format(number))
    assert "[phone]" in result
    assert not re.search(r"\d{2}", result)


@given(
    digits=st.text("0123456789", min_size=9, max_size=9),
    cuts=st.sets(st.integers(1, 8), max_size=3),
    mark=st.sampled_from([" ", "-", ".", ""]),
)
def test_whatever_starts_like_a_number_to_ring_leaves_no_digits(digits: str, cuts: set[int], mark: str) -> None:
    number = "07" + "".join(mark + digit if i in cuts else digit for i, digit in enumerate(digits))
    assert not any(map(str.isdigit, masked(f"ask on {number} tonight")))


@pytest.mark.parametrize("asking", ["ring me on 432111", "tel: 432 111", "text 4321112", "call us at 432-1112"])
def test_a_local_number_goes_where_one_is_asked_to_ring_it(asking: str) -> None:
    assert masked(asking).endswith("[phone]")


@given(digits=st.text("123456789", min_size=9, max_size=30))
def test_long_runs_of_digits_go_whatever_they_are(digits: str) -> None:
    assert masked(f"ref {digits} ok") == "ref [phone] ok"


@given(outward=OUTWARD, inward=INWARD, space=st.sampled_from(["", " ", "  "]), around=AROUND)
def test_a_postcode_keeps_its_district_only(outward: str, inward: str, space: str, around: str) -> None:
    assert masked(around.format(outward + space + inward)) == around.format(f"[postcode {outward}]")


def test_postcodes_in_lower_case_and_mixed_case_go() -> None:
    assert masked("bd7 1ab and Bd7 1aB") == "[postcode BD7] and [postcode BD7]"


def test_a_country_without_a_postcode_rule_keeps_its_digits() -> None:
    assert masked("BD7 1AB", country="XX") == "BD7 1AB"


def test_swedish_postcodes_go_in_sweden_only() -> None:
    text = "Storgatan 5, 114 55 Stockholm, SE-114 55; kostar 100 20 kr"
    assert masked(text, country="SE") == "Storgatan 5, [postcode 114] Stockholm, [postcode 114]; kostar 100 20 kr"
    assert masked(text) == text


@given(st.text(max_size=200))
def test_any_text_masked_twice_is_masked_once(text: str) -> None:
    once = masked(text)
    assert masked(once) == once


@given(
    st.lists(
        st.one_of(
            EMAILS,
            HANDLES.map("@{}".format),
            HOSTS,
            OUTWARD,
            INWARD,
            st.sampled_from([" ", ",", "@", "/", "http://", "07"]),
        ),
        max_size=12,
    )
)
def test_anything_made_of_what_is_masked_is_masked_once(parts: list[str]) -> None:
    once = masked("".join(parts))
    assert masked(once) == once


def test_a_very_long_word_takes_no_time_that_matters() -> None:
    for text in ("a" * 200_000, "a." * 100_000, "a@" * 50_000, "0 " * 5_000, "@" * 100_000):
        assert isinstance(masked(text), str)


def test_spans_that_overlap_are_replaced_once() -> None:
    assert replace_spans("abcdefgh", [(4, 6), (1, 3), (2, 5)], "_") == "a_gh"
    assert replace_spans("abc", [], "_") == "abc"
    assert replace_spans("abcd", [(0, 2), (2, 4)], "_") == "__"
