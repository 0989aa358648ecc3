"""A configured source made ready: its options go where they belong, and every mistake is named with advice."""

from __future__ import annotations

import pytest
from pydantic import Field

from barometer.errors import BadConfiguration, NotPermitted, ServiceRefused
from barometer.ingest.live.client import PoliteWeb
from barometer.ingest.live.connector import Options
from barometer.ingest.live.opening import (
    PARSER_OPTIONS,
    mistakes_of,
    named,
    opened,
    parser_source,
    require_sound,
    wrong_values,
)
from barometer.ingest.live.services import CONNECTORS
from barometer.ingest.run import PARSERS
from barometer.ingest.tables import answers, counts, observations, reports
from barometer.settings import Settings
from tests.ingest.helpers import a_context, a_source
from tests.ingest.live.fakes import TOKEN, ForumOptions, Scripted, a_live_source


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTORS, "forum", Scripted())


def test_options_go_to_the_connector_and_to_the_parser(settings_here: Settings) -> None:
    source = a_live_source(options={"board": "news", "platform": "townforum", "allow_http": True})
    with opened(source, a_context(), settings_here, contact="mailto:a@b.example") as ready:
        assert ready.call.options == ForumOptions(board="news")
        assert ready.call.context.source.options == {"platform": "townforum"}
        assert ready.call.context.file == "forum"
        assert isinstance(ready.call.web, PoliteWeb)
        assert ready.call.web.gate.allows_http
        assert ready.call.web.contact == "mailto:a@b.example"


def test_an_option_that_both_want_both_get() -> None:
    class SurveyOptions(Options):
        codebook: str = Field(description="which codebook")

    source = a_live_source(options={"codebook": "a.yaml", "board": "x"})
    assert parser_source(source, Scripted(options=SurveyOptions)).options == {"codebook": "a.yaml", "board": "x"}


def test_parsers_options_are_all_known() -> None:
    kinds = (answers.AnswerOptions, counts.CountOptions, observations.ObservationOptions, reports.ReportOptions)
    assert {name for kind in kinds for name in kind.model_fields} <= PARSER_OPTIONS


def test_a_files_source_has_no_mistakes_of_this_kind() -> None:
    assert mistakes_of(a_source("papyrus")) == []


def test_every_mistake_is_a_line_with_advice() -> None:
    source = a_live_source(signal="reports", form="odd", options={"bored": 1, "board": 2, "allow_http": 3})
    found = mistakes_of(source)
    assert len(found) == 5
    assert all(line.startswith("city.yaml, source a_source: ") for line in found)
    assert all(";" in line for line in found)
    with pytest.raises(BadConfiguration) as failed:
        require_sound(source)
    assert str(failed.value).splitlines() == found


def test_a_wrong_value_is_not_quoted() -> None:
    assert all("my-private-value" not in line for line in wrong_values(ForumOptions, {"board": ["my-private-value"]}))


def test_without_its_secret_it_does_not_open(settings_here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTORS, "forum", Scripted(secrets=(TOKEN,)))
    with pytest.raises(NotPermitted), opened(a_live_source(), a_context(), settings_here):
        pass


def test_secrets_do_not_show(settings_here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTORS, "forum", Scripted(secrets=(TOKEN,)))
    monkeypatch.setenv("BAROMETER_SECRET_FORUM_TOKEN", "s3cret-token")
    with opened(a_live_source(), a_context(), settings_here) as ready:
        assert ready.call.secrets["token"] == "s3cret-token"
        assert "s3cret-token" not in repr(ready)


def test_a_failure_names_its_source_once() -> None:
    assert str(named(a_live_source(), ServiceRefused("answered 404"))) == "source a_source: answered 404"
    told = ServiceRefused("source a_source: forum, asked GET x: answered 404", status="404", code="Gone")
    again = named(a_live_source(), told)
    assert (str(again), again.status, again.code) == (str(told), "404", "Gone")


@pytest.mark.parametrize("service", sorted(CONNECTORS))
def test_every_known_service_keeps_the_contract(service: str) -> None:
    connector = CONNECTORS[service]
    assert connector.service == service
    assert connector.requests_per_second > 0
    assert "http" in connector.terms
    assert all((signal, connector.format) in PARSERS for signal in connector.signals)
    assert all(field.description for field in connector.options.model_fields.values())
