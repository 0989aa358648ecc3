"""Texts come before a model in one form, whoever wrote them and however they were masked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.text import MAXIMUM_CHARACTERS, TOKEN_PATTERN, normalise


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("See https://example.org/a?b=1 now", "see http now"),
        ("See www.example.org now", "see http now"),
        ("masked http stays", "masked http stays"),
        ("Thanks @some_body!", "thanks @user !"),
        ("Thanks @user!", "thanks @user !"),
        ("cc @jo@town.example please", "cc @user please"),
        ("hi @jo.bsky.social", "hi @user"),
        ("write to jo.bloggs@example.org today", "write to [email] today"),
        ("fish &amp; chips", "fish & chips"),
        ("It is 10:45 on 3 May", "it is 0:0 on 0 may"),
        ("sooooooo   good\n\tyes", "sooo good yes"),
        ("STRASSE İstanbul", "strasse i̇stanbul"),
        ("", ""),
    ],
)
def test_links_accounts_digits_and_spaces_take_one_form(raw: str, expected: str) -> None:
    assert normalise(raw) == expected


def test_a_raw_post_and_its_masked_copy_look_the_same() -> None:
    # given what the author wrote, and what the door lets through
    raw = "Ask @jane_q at https://town.example/x about it"
    masked = "Ask @user at http about it"
    # then the model cannot tell them apart
    assert normalise(raw) == normalise(masked)


def test_a_text_beyond_any_platforms_limit_is_cut() -> None:
    assert len(normalise("word " * MAXIMUM_CHARACTERS)) <= MAXIMUM_CHARACTERS


@given(st.text(max_size=300))
def test_normalising_leaves_no_digit_no_account_and_no_run_of_spaces(text: str) -> None:
    plain = normalise(text)
    assert not re.search(r"[1-9]", plain)
    assert not re.search(r"@(?!user)[a-z]", plain)
    assert "  " not in plain
    assert plain == plain.strip()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("@user said [name] won't", ["@user", "said", "[name]", "won't"]),
        ("#bradford rocks!!!", ["#bradford", "rocks", "!!!"]),
        ("رشتہ ہے", ["رشتہ", "ہے"]),
        ("nice 😂😂", ["nice", "😂", "😂"]),
    ],
)
def test_tokens_keep_masks_hashtags_emoji_and_other_scripts(text: str, tokens: list[str]) -> None:
    assert re.findall(TOKEN_PATTERN, normalise(text)) == tokens
