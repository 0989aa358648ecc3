"""The register of services: complete, and each with what an operator is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from barometer.city import SourceConfig
from barometer.ingest.live.connector import Connector
from barometer.ingest.live.lookups import Lookup, SlowLookup
from barometer.ingest.live.services import CONNECTORS, look_up_service
from barometer.ingest.run import PARSERS
from tests.ingest.helpers import a_source

ALL = sorted(CONNECTORS)


@pytest.fixture(params=ALL)
def connector(request: pytest.FixtureRequest) -> Connector:
    return CONNECTORS[request.param]


class TestEveryService:
    def test_is_known_by_its_own_name(self, connector: Connector) -> None:
        assert CONNECTORS[connector.service] is connector

    def test_has_a_parser_of_its_records(self, connector: Connector) -> None:
        assert all((signal, connector.format) in PARSERS for signal in connector.signals)

    def test_says_what_its_options_and_secrets_are(self, connector: Connector) -> None:
        assert all(field.description for field in connector.options.model_fields.values())
        assert all(secret.meaning and "\n" not in secret.meaning for secret in connector.secrets)

    def test_says_what_its_terms_ask_and_where_they_stand(self, connector: Connector) -> None:
        assert "https://" in connector.terms

    def test_is_asked_politely(self, connector: Connector) -> None:
        assert 0 < connector.requests_per_second <= 50


def a_live(service: str) -> SourceConfig:
    form = CONNECTORS[service].format
    values: dict[str, Any] = {"id": "talk", "signal": "posts", "kind": "live", "service": service, "format": form}
    return SourceConfig(**values, is_synthetic=False)


class TestWhoIsAskedAgain:
    @pytest.mark.parametrize("service", ["mastodon", "reddit", "youtube"])
    def test_are_services_without_a_feed_of_deletions(self, service: str) -> None:
        assert look_up_service(a_live(service)) == service
        assert isinstance(CONNECTORS[service], Lookup)

    def test_nobody_is_for_feeds(self) -> None:
        assert look_up_service(a_live("feeds")) == ""

    def test_files_name_whom_to_ask(self) -> None:
        assert look_up_service(a_source("twitter_v1")) == ""
        assert look_up_service(a_source("twitter_v1", options={"recheck": "x_compliance"})) == "x_compliance"
        assert isinstance(CONNECTORS["x_compliance"], SlowLookup)

    @pytest.mark.parametrize("other", ["feeds", "nobody", "", None])
    def test_who_cannot_be_asked_is_not(self, other: str | None) -> None:
        assert look_up_service(a_source("twitter_v1", options={"recheck": other})) == ""
