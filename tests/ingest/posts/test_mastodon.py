"""Mastodon statuses."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.posts.mastodon import PARSER, to_text
from tests.ingest.helpers import a_context, pseudonym
from tests.ingest.posts.records import parsed, refusal_of, row_of, rows_of

HOME = "https://town.example"


def account(name: str = "ada", **values: Any) -> dict[str, Any]:
    return {"id": "1", "username": name, "uri": f"{HOME}/users/{name}", "indexable": True, "noindex": False, **values}


def status(number: int = 1, **values: Any) -> dict[str, Any]:
    plain = {
        "id": str(number),
        "uri": f"{HOME}/users/ada/statuses/{number}",
        "created_at": "2026-05-08T10:00:00.000Z",
        "edited_at": None,
        "visibility": "public",
        "language": "en",
        "spoiler_text": "",
        "content": "<p>the market is open</p>",
        "reblog": None,
        "in_reply_to_id": None,
        "reblogs_count": 2,
        "favourites_count": 3,
        "account": account(),
    }
    return {**plain, **values}


class TestStatuses:
    def test_every_field_lands_in_its_column(self) -> None:
        row = row_of(PARSER, status(edited_at="2026-05-08T11:00:00.000Z"))
        assert row["post"] == pseudonym("post", f"mastodon:{HOME}/users/ada/statuses/1")
        assert row["author"] == pseudonym("author", f"mastodon:{HOME}/users/ada")
        assert row["created_at"] == datetime(2026, 5, 8, 10, tzinfo=UTC)
        assert row["version_at"] == datetime(2026, 5, 8, 11, tzinfo=UTC)
        assert (row["text"], row["language_hint"], row["reach"]) == ("masked the market is open", "en", 5)
        assert row["platform"] == "mastodon"

    def test_a_content_warning_is_part_of_the_words(self) -> None:
        row = row_of(PARSER, status(spoiler_text="About the tram", content="<p>late</p>"))
        assert row["text"] == "masked About the tram\n\nlate"

    def test_an_answer_is_known_as_one(self) -> None:
        assert row_of(PARSER, status(in_reply_to_id="77"))["reply_to"] is not None
        assert row_of(PARSER, status())["reply_to"] is None

    def test_a_page_of_statuses_is_as_many(self) -> None:
        assert len(rows_of(PARSER, [status(1), status(2)], [status(3)])) == 3

    def test_the_address_serves_where_there_is_no_uri(self) -> None:
        bare = status(uri=None, url=f"{HOME}/@ada/1", account=account(uri=None, url=f"{HOME}/@ada"))
        row = row_of(PARSER, bare)
        assert row["post"] == pseudonym("post", f"mastodon:{HOME}/@ada/1")
        assert row["author"] == pseudonym("author", f"mastodon:{HOME}/@ada")

    def test_older_servers_say_nothing_of_indexing(self) -> None:
        old = account()
        del old["indexable"], old["noindex"]
        assert len(rows_of(PARSER, status(account=old))) == 1


class TestBoosts:
    original = status(9, content="<p>original words</p>", account=account("bo"), edited_at="2026-05-08T12:00:00Z")

    def test_a_boost_repeats_the_words_and_has_no_reach_of_its_own(self) -> None:
        row = row_of(PARSER, status(10, content="", reblog=self.original))
        assert row["repost_of"] == pseudonym("post", f"mastodon:{HOME}/users/ada/statuses/9")
        assert row["author"] == pseudonym("author", f"mastodon:{HOME}/users/ada")
        assert (row["text"], row["reach"]) == ("masked original words", None)

    def test_it_is_as_new_as_the_words_it_shows(self) -> None:
        row = row_of(PARSER, status(10, reblog=self.original))
        assert row["version_at"] == datetime(2026, 5, 8, 12, tzinfo=UTC)

    @pytest.mark.parametrize(
        "original",
        [{"visibility": "private"}, {"account": account("bo", indexable=False)}, {"account": account(noindex=True)}],
    )
    def test_of_what_is_out_of_scope_it_is_so_too(self, original: dict[str, Any]) -> None:
        assert parsed(PARSER, status(10, reblog={**self.original, **original})).out_of_scope == 1


class TestRemovals:
    def test_the_answer_to_a_deletion_takes_back_the_status(self) -> None:
        deleted = {**{k: v for k, v in status().items() if k != "content"}, "text": "the market is open"}
        (removal,) = parsed(PARSER, deleted).removals
        assert (removal.kind, removal.reason) == ("post", "deleted")
        assert removal.subject == pseudonym("post", f"mastodon:{HOME}/users/ada/statuses/1")
        assert removal.effective_at == a_context().horizon

    def test_whoever_could_see_it(self) -> None:
        deleted = {**{k: v for k, v in status(visibility="private").items() if k != "content"}, "text": "words"}
        assert len(parsed(PARSER, deleted).removals) == 1


class TestOutOfScope:
    @pytest.mark.parametrize("visibility", ["private", "direct", "limited"])
    def test_is_what_is_not_for_everybody(self, visibility: str) -> None:
        assert parsed(PARSER, status(visibility=visibility)).out_of_scope == 1

    def test_unlisted_is_for_everybody(self) -> None:
        assert parsed(PARSER, status(visibility="unlisted")).out_of_scope == 0

    @pytest.mark.parametrize("wish", [{"indexable": False}, {"noindex": True}])
    def test_is_who_does_not_want_to_be_searched(self, wish: dict[str, bool]) -> None:
        assert parsed(PARSER, status(account=account(**wish))).out_of_scope == 1

    @pytest.mark.parametrize("other", [account(), {"error": "Record not found"}, {"id": "1", "text": "source"}, {}])
    def test_is_what_is_not_a_status(self, other: dict[str, Any]) -> None:
        assert parsed(PARSER, other).out_of_scope == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("record", "rule", "field"),
        [
            (status(uri=None), "missing_field", "uri"),
            (status(account=account(uri=None)), "missing_field", "account.uri"),
            (status(account=None), "wrong_type", "account"),
            (status(content=None), "wrong_type", "content"),
            (status(created_at="then"), "invalid_date", "created_at"),
            (status(created_at="2169-05-08T10:00:00Z"), "implausible_date", "created_at"),
            (status(reblog=status(uri=None)), "missing_field", "reblog.uri"),
            ({k: v for k, v in status().items() if k != "content"}, "missing_field", "content"),
        ],
    )
    def test_name_rule_and_field(self, record: Any, rule: str, field: str) -> None:
        refusal = refusal_of(PARSER, record)
        assert (refusal.rule, refusal.field) == (rule, field)

    def test_name_status_and_author_by_pseudonym(self) -> None:
        refusal = refusal_of(PARSER, status(created_at="then"))
        assert refusal.subject == pseudonym("post", f"mastodon:{HOME}/users/ada/statuses/1")
        assert refusal.author == pseudonym("author", f"mastodon:{HOME}/users/ada")


class TestToText:
    @pytest.mark.parametrize(
        ("content", "text"),
        [
            ("", ""),
            ("<p>one</p>", "one"),
            ("<p>one</p><p>two</p>", "one\n\ntwo"),
            ("one<br>two<br/>three<br />four", "one\ntwo\nthree\nfour"),
            ("<p>bread &amp; butter &lt;3 &#39;quoted&#39;</p>", "bread & butter <3 'quoted'"),
            (
                '<p><a href="https://a.example/b"><span class="invisible">https://</span><span>a.example/b</span></a></p>',
                "https://a.example/b",
            ),
            ('<p><span class="h-card">@<span>bo</span></span> hello</p>', "@bo hello"),
            ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
            ("no tags at all", "no tags at all"),
            ("<p>never closed", "never closed"),
        ],
    )
    def test_keeps_the_words(self, content: str, text: str) -> None:
        assert to_text(content) == text

    @given(words=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=50))
    def test_escaped_words_come_back_as_they_were(self, words: str) -> None:
        assert to_text(f"<p>{html.escape(words)}</p>") == words.strip()

    @given(content=st.text(max_size=80))
    def test_never_fails(self, content: str) -> None:
        assert isinstance(to_text(content), str)


class TestStreams:
    def test_a_deletion_whose_status_was_just_seen_takes_it_back(self) -> None:
        event = {"event": "delete", "id": "1", "uri": f"{HOME}/users/ada/statuses/1"}
        (removal,) = parsed(PARSER, event).removals
        assert removal.subject == pseudonym("post", f"mastodon:{HOME}/users/ada/statuses/1")
        assert (removal.reason, removal.effective_at) == ("deleted", a_context().horizon)

    def test_any_other_is_of_a_number_on_the_server(self) -> None:
        (removal,) = parsed(PARSER, {"event": "delete", "server": "town.example", "id": "1"}).removals
        assert removal.subject == pseudonym("post", "mastodon:local:town.example/1")

    def test_without_a_number_it_is_set_aside(self) -> None:
        assert refusal_of(PARSER, {"event": "delete", "id": 1}).rule == "wrong_type"
