"""Bluesky's search, app.bsky.feed.searchPosts: posts that name a city's terms and places.

https://docs.bsky.app/docs/api/app-bsky-feed-search-posts. Every query has its own bookmark, so that a new one begins
`days_back` days back and one that is refused does not hold up the others. A night asks again for the last hour before
its bookmark, as posts are indexed late; what comes twice is a duplicate. Answers come newest first; the service does
not let one page on for ever: after some thousand hits the search goes on as a new one up to the oldest time seen.

With an account's handle and app password the account's own server is asked, which passes the search on; without, the
public one, which serves only what visitors may see. A search does not tell what was deleted: read the stream too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from typing import Any

import msgspec
from pydantic import Field, model_validator

from barometer.errors import NotPermitted, ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.web import Answer

_SEARCH = "app.bsky.feed.searchPosts"
_CREATE_SESSION = "com.atproto.server.createSession"
_REFRESH_SESSION = "com.atproto.server.refreshSession"
HITS_A_PAGE = 100
"""The most the service gives at once (lexicon app.bsky.feed.searchPosts)."""
_DEEPEST = 5_000
"""Hits after which a query begins anew, further back: paging "may not necessarily allow scrolling through all"."""
_OVERLAP = timedelta(hours=1)
_STEP = timedelta(milliseconds=1)


class SearchOptions(Options):
    """What to search for."""

    terms: tuple[str, ...] = Field((), description="words, phrases and hashtags to search for, each on its own")
    places: bool = Field(False, description="true: search for the names of the city's places too, each on its own")
    place_kinds: tuple[str, ...] = Field(
        ("locality", "nickname"), description="which kinds of names (aliases.csv) are searched for, besides areas' own"
    )
    is_city_named: bool = Field(True, description="a place's name counts only beside the city's: many are not unique")
    queries: tuple[str, ...] = Field((), description="whole queries, in the service's own language")
    languages: tuple[str, ...] = Field((), description="keep posts in these languages, and those that state none")
    days_back: float = Field(3, gt=0, le=365, description="where a new query begins, days before the night's end")
    public_server: str = Field("https://api.bsky.app", description="who is asked without an account")
    account_server: str = Field("https://bsky.social", description="the account's own server, asked with an account")

    @model_validator(mode="after")
    def _says_what_is_wanted(self) -> SearchOptions:
        if not (self.terms or self.places or self.queries):
            raise ValueError("terms, places or queries: say what to search for")
        return self


class _Created(msgspec.Struct, rename="camel"):
    created_at: datetime


class _Times(msgspec.Struct, rename="camel"):
    indexed_at: datetime
    record: _Created


class _Hits(msgspec.Struct):
    posts: list[msgspec.Raw]
    cursor: str | None = None


_HITS = msgspec.json.Decoder(_Hits)
_TIMES = msgspec.json.Decoder(_Times)


@dataclass
class _Session:
    """Whom we search as. Tokens are never shown."""

    call: Call
    access: str | None = field(default=None, repr=False)
    refresh: str | None = field(default=None, repr=False)

    @property
    def server(self) -> str:
        options: SearchOptions = self.call.options
        return (options.account_server if self.has_account else options.public_server).rstrip("/")

    @property
    def has_account(self) -> bool:
        return bool(self.call.secrets.get("username") and self.call.secrets.get("app_password"))

    def ask(self, params: Mapping[str, str | int | list[str]]) -> Answer:
        """One search; a token that expired meanwhile is renewed once. Raises `SourceFailed`."""
        if self.has_account and self.access is None:
            self._log_in()
        try:
            return self._get(params)
        except (NotPermitted, ServiceRefused):
            # An expired token is answered with 400 or 401, as the server pleases.
            if self.refresh is None:
                raise
            self._renew()
            return self._get(params)

    def _get(self, params: Mapping[str, str | int | list[str]]) -> Answer:
        return self.call.web.get(f"{self.server}/xrpc/{_SEARCH}", params=params, headers=_bearer(self.access))

    def _log_in(self) -> None:
        secrets = self.call.secrets
        told = {"identifier": secrets["username"], "password": secrets["app_password"]}
        self._keep(self.call.web.post(f"{self.server}/xrpc/{_CREATE_SESSION}", json=told))

    def _renew(self) -> None:
        token, self.refresh, self.access = self.refresh, None, None
        self._keep(self.call.web.post(f"{self.server}/xrpc/{_REFRESH_SESSION}", headers=_bearer(token)))

    def _keep(self, answer: Answer) -> None:
        told = answer.json()
        tokens = (told.get("accessJwt"), told.get("refreshJwt")) if isinstance(told, dict) else (None, None)
        if not all(isinstance(token, str) for token in tokens):
            raise ServiceRefused("gave no session: check account_server, it is no server of Bluesky accounts")
        self.access, self.refresh = tokens


@dataclass(frozen=True)
class _Stretch:
    """One query from `since` up to before `until`."""

    query: str
    since: datetime
    until: datetime

    def params(self, options: SearchOptions, cursor: str | None) -> dict[str, str | int | list[str]]:
        """As the service wants them."""
        wanted: dict[str, str | int | list[str]] = {
            "q": self.query,
            "sort": "latest",
            "since": _iso(self.since),
            "until": _iso(self.until),
            "limit": HITS_A_PAGE,
        }
        if len(options.languages) == 1:
            wanted["lang"] = options.languages[0]
        return wanted | ({"cursor": cursor} if cursor else {})


def queries(call: Call) -> list[str]:
    """Every query of a source, each once, in the order of its options."""
    options: SearchOptions = call.options
    named = [*options.queries, *(_quoted(term) for term in options.terms)]
    if options.places:
        city = call.context.city
        aliases = city.aliases
        names = [alias for alias, kind in aliases.select("alias", "kind").iter_rows() if kind in options.place_kinds]
        beside = f" {_quoted(city.name)}" if options.is_city_named else ""
        own = [name for name in city.neighbourhoods["name"] if name]
        named += [_quoted(city.name), *(f"{_quoted(name)}{beside}" for name in (*own, *names) if name != city.name)]
    return list(dict.fromkeys(named))


def _quoted(term: str) -> str:
    plain = term.replace('"', " ").strip()
    return f'"{plain}"' if " " in plain else plain


def _search(call: Call, cursor: Cursor | None) -> Iterator[Page]:
    until = min(call.started_at, call.context.horizon)
    known = {_name(query): query for query in queries(call)}
    # Queries that were taken out of the options have no bookmark any more.
    read = {name: at for name, at in (cursor or {}).get("read", {}).items() if name in known}
    session, refusal = _Session(call), None
    for name, query in known.items():
        begin = _begin(read.get(name), until, call.options)
        try:
            for records in _hits(session, _Stretch(query, begin, until)) if begin < until else ():
                call.web.note(records=len(records), cursor={"read": dict(read)})
                yield Page(records, {"read": dict(read)})
        except ServiceRefused as error:
            refusal = error
            continue
        read[name] = max(_iso(until), read.get(name, ""))
    yield Page((), {"read": dict(read)})
    if refusal is not None:
        raise refusal


def _begin(read_until: str | None, until: datetime, options: SearchOptions) -> datetime:
    if read_until is not None:
        return datetime.fromisoformat(read_until) - _OVERLAP
    return until - timedelta(days=options.days_back)


def _hits(session: _Session, stretch: _Stretch) -> Iterator[tuple[bytes, ...]]:
    """All hits of a query, newest first; where the service pages no further, the rest is searched for anew."""
    while stretch.since < stretch.until:
        oldest, is_cut = None, False
        for posts, stops_early in _paged(session, stretch):
            yield tuple(bytes(post) for post in posts)
            oldest, is_cut = _sort_time(posts) or oldest, stops_early
        if oldest is None or not is_cut:
            return
        # Up to and with the oldest time, as several posts may share it.
        stretch = replace(stretch, until=min(oldest + _STEP, stretch.until - _STEP))


def _paged(session: _Session, stretch: _Stretch) -> Iterator[tuple[list[msgspec.Raw], bool]]:
    """Pages of one query, and whether the service stopped there though there may be more.

    A page may be empty and not the last, as the service leaves out what it does not show; the last one has no bookmark,
    or one that came before. A full last page looks as if the service had enough of us.
    """
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        told = _decoded(session.ask(stretch.params(session.call.options, cursor)))
        is_deep = (len(seen) + 1) * HITS_A_PAGE >= _DEEPEST
        is_last = told.cursor is None or told.cursor in seen
        yield told.posts, is_deep or (is_last and len(told.posts) >= HITS_A_PAGE)
        if told.cursor is None or is_last or is_deep:
            return
        cursor = told.cursor
        seen.add(cursor)


def _decoded(answer: Answer) -> _Hits:
    try:
        return _HITS.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise ServiceRefused("answered something that is no list of posts: check public_server") from None


def _sort_time(posts: list[msgspec.Raw]) -> datetime | None:
    """By what the service sorts the last of the posts that can be read: the earlier of created and indexed."""
    for post in reversed(posts):
        try:
            told = _TIMES.decode(post)
        except msgspec.MsgspecError:
            continue  # The parser sets this hit aside, with the reason.
        return min(_utc(told.indexed_at), _utc(told.record.created_at))
    return None


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _name(query: str) -> str:
    """A bookmark names its query by a digest: a bookmark holds no text."""
    return blake2s(query.encode(), digest_size=8).hexdigest()


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


class BlueskySearch:
    """A `Connector`."""

    service: str = "bluesky_search"
    title: str = "Bluesky (search)"
    signals: tuple[str, ...] = ("posts",)
    format: str = "bluesky_search"
    options: type[Options] = SearchOptions
    secrets: tuple[Secret, ...] = (
        Secret("username", "the handle of the city's own account, such as name.bsky.social", is_needed=False),
        Secret("app_password", "an app password: Settings, Privacy and security, App passwords", is_needed=False),
    )
    # A server of accounts allows 3,000 requests in 5 minutes to one address
    # (https://docs.bsky.app/docs/advanced-guides/rate-limits).
    requests_per_second: float = 5.0
    terms: str = (
        "Deletions must be followed, so read a stream beside the search "
        "(https://docs.bsky.app/docs/support/developer-guidelines)."
    )

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """Hits of every query since its bookmark, up to the horizon. Raises `SourceFailed`."""
        return _search(call, cursor)

    def probe(self, call: Call) -> str:
        """Asks for one hit of the first query."""
        session = _Session(call)
        wanted: dict[str, Any] = {"q": queries(call)[0], "limit": 1}
        _decoded(session.ask(wanted))
        return f"{session.server} answers searches {'with the account' if session.has_account else 'of visitors'}"


CONNECTOR = BlueskySearch()
