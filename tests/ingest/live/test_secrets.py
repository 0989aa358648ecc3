"""Secrets are found where they may be, and come out nowhere."""

from __future__ import annotations

import base64
import logging
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from barometer.city import SourceConfig
from barometer.errors import NotPermitted, SourceFailed
from barometer.ingest.live import secrets
from barometer.ingest.live.connector import Secret
from barometer.ingest.live.secrets import HIDDEN, Secrets, clean, find_secrets, in_use, missing_secrets
from barometer.ingest.live.services import CONNECTORS
from tests.ingest.helpers import table
from tests.ingest.live.fakes import TOKEN, Scripted, Served, a_live_source
from tests.ingest.live.stand_in import Asked, Reply, StandIn, a_web, scripted, stand_in
from tests.ingest.live.test_night import Town, a_town

VALUE = "s3cret/token+with=signs"
PAIR = (Secret("user", "your name"), Secret("password", "your password"))


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_kept", set())


class TestFinding:
    def test_the_environment_names_connection_and_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_CITY_FORUM_TOKEN", f" {VALUE}\n")
        found = find_secrets(Scripted(secrets=(TOKEN,)), a_live_source(connection="city_forum"))
        assert dict(found) == {"token": VALUE}

    def test_without_a_connection_it_is_the_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_FORUM_TOKEN", VALUE)
        assert find_secrets(Scripted(secrets=(TOKEN,)), a_live_source())["token"] == VALUE

    def test_every_missing_one_is_named(self) -> None:
        with pytest.raises(NotPermitted, match=r"BAROMETER_SECRET_FORUM_USER.*BAROMETER_SECRET_FORUM_PASSWORD"):
            find_secrets(Scripted(secrets=PAIR), a_live_source())

    def test_an_optional_one_may_be_absent(self) -> None:
        service = Scripted(secrets=(Secret("token", "more per minute", is_needed=False),))
        assert dict(find_secrets(service, a_live_source())) == {}
        assert [one.name for one in missing_secrets(service, a_live_source())] == ["token"]


@dataclass
class Connection:
    """An Airflow connection as far as it matters here."""

    login: str | None = None
    password: str | None = None
    extra_dejson: dict[str, Any] = field(default_factory=dict)


class TestAirflow:
    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Inside a task; the connection `forum` is in the environment, where Airflow looks too."""
        from airflow.sdk import BaseHook

        assert BaseHook is not None
        monkeypatch.setattr(secrets, "_is_in_a_task", lambda: True)
        monkeypatch.setenv("AIRFLOW_CONN_FORUM", '{"conn_type": "http", "login": "ada", "password": "in-airflow"}')

    def test_gives_a_connection_s_password_and_login(self, given: None) -> None:
        assert dict(find_secrets(Scripted(secrets=PAIR), a_live_source())) == {"user": "ada", "password": "in-airflow"}

    def test_the_environment_comes_first(self, given: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_FORUM_TOKEN", VALUE)
        assert find_secrets(Scripted(secrets=(TOKEN,)), a_live_source())["token"] == VALUE

    def test_a_connection_that_is_not_there_is_a_missing_secret(self, given: None) -> None:
        with pytest.raises(NotPermitted, match="Airflow connection elsewhere"):
            find_secrets(Scripted(secrets=(TOKEN,)), a_live_source(connection="elsewhere"))

    @pytest.mark.parametrize(
        ("name", "is_only", "value"),
        [("token", True, "p"), ("user", False, "l"), ("user", True, "p"), ("client_secret", False, "e")],
    )
    def test_each_secret_has_its_field(self, name: str, is_only: bool, value: str) -> None:
        connection = Connection("l", "p", {"client_secret": "e"})
        assert secrets._value(connection, name, is_only=is_only) == value

    def test_outside_a_task_airflow_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_FORUM", '{"conn_type": "http", "password": "in-airflow"}')
        with pytest.raises(NotPermitted):
            find_secrets(Scripted(secrets=(TOKEN,)), a_live_source())


class TestNothingComesOut:
    def test_of_a_repr(self) -> None:
        assert VALUE not in repr(Secrets({"token": VALUE}))

    def test_of_any_form_it_travels_in(self) -> None:
        basic = base64.b64encode(b"ada_login:pass_word").decode()
        with in_use({"token": VALUE, "user": "ada_login", "password": "pass_word"}):
            assert clean(f"{VALUE} {quote(VALUE, safe='')} {basic}") == f"{HIDDEN} {HIDDEN} {HIDDEN}"

    def test_of_a_log_of_any_library(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with in_use({"token": VALUE}):
            logging.getLogger("some.library").debug("asked %s", f"https://x.example/?key={VALUE}")
            logging.getLogger("some.library").info("asked %(url)s", {"url": VALUE})
        assert VALUE not in caplog.text
        assert HIDDEN in caplog.text

    def test_of_an_exception_and_those_behind_it(self) -> None:
        def fail() -> None:
            try:
                raise KeyError(VALUE)
            except KeyError as error:
                raise RuntimeError("could not read", httpx.URL(f"https://x.example/{VALUE}")) from error

        with pytest.raises(RuntimeError) as failed, in_use({"token": VALUE}):
            fail()
        assert VALUE not in "".join(traceback.format_exception(failed.value))

    def test_a_value_too_short_to_tell_is_left(self) -> None:
        with in_use({"pin": "1"}):
            assert clean("11 posts") == "11 posts"


class TestOverASocket:
    """The secret goes to the service and nowhere else: logs at DEBUG, tables, files, messages."""

    def ask(self, server: StandIn, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
            monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
        monkeypatch.setenv("BAROMETER_SECRET_SERVED_FORUM_TOKEN", VALUE)
        town.settings = town.settings.model_copy(update={"allow_hosts": server.host})
        town.ingest(source=a_live_source("served_forum", options={"address": server.url}))

    @pytest.mark.parametrize("status", [200, 302, 401, 404, 429, 500])
    def test_whatever_the_service_answers(
        self,
        status: int,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def echo(asked: Asked) -> Reply:
            """A service that gives back what it was asked, in every place."""
            key = asked.query["key"][0] if "key" in asked.query else ""
            headers = {"Location": f"/elsewhere?key={quote(key, safe='')}", "X-Echo": quote(key), "Retry-After": "7200"}
            return Reply(status, {"posts": [], "next": False, "error": key}, headers)

        caplog.set_level(logging.DEBUG)
        town = a_town(Served())
        message = ""
        with stand_in(echo) as server:
            try:
                self.ask(server, town, monkeypatch)
            except SourceFailed as failed:
                message = "".join(traceback.format_exception(failed))
        assert VALUE in server.asked[0].headers["authorization"]
        assert server.asked[0].query["key"] == [VALUE]
        out = capsys.readouterr()
        seen = "\n".join((caplog.text, message, out.out, out.err, *map(str, tables_of(town))))
        assert not [form for form in (VALUE, quote(VALUE), quote(VALUE, safe="")) if form in seen]
        assert not files_with(VALUE, town.settings.home)


def tables_of(town: Town) -> list[Any]:
    return [table(town.night(), name).to_dicts() for name in ("fetches", "cursors", "quarantine", "received_posts")]


def files_with(value: str, folder: Path) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if value.encode() in path.read_bytes()]


def test_a_web_without_secrets_in_use_quotes_no_query_either() -> None:
    with stand_in(scripted(Reply(404))) as server, pytest.raises(SourceFailed) as failed:
        a_web(server).get(server.url, params={"key": VALUE})
    assert VALUE not in str(failed.value)
    assert quote(VALUE, safe="") not in str(failed.value)


@pytest.mark.parametrize("name", ["token", "api_key", "password", "client_secret", "X_TOKEN", "credentials"])
def test_a_city_file_may_not_hold_a_secret(name: str) -> None:
    with pytest.raises(ValueError, match="would keep a secret in a file") as failed:
        a_live_source(options={name: VALUE})
    assert name in str(failed.value)


@pytest.mark.parametrize("address", ["https://ada:pw@forum.example/", "https://forum.example/?api_key=abc"])
def test_nor_an_address_with_one(address: str) -> None:
    with pytest.raises(ValueError, match="address would keep a secret"):
        a_live_source(options={"address": address})


def test_other_options_are_welcome() -> None:
    source: SourceConfig = a_live_source(options={"keywords": ["a"], "address": "https://forum.example/?page=1"})
    assert source.options["keywords"] == ["a"]


def test_known_services_want_secrets_with_words() -> None:
    for connector in CONNECTORS.values():
        for one in connector.secrets:
            assert one.name.isidentifier()
            assert len(one.meaning) > 10, (connector.service, one.name)
