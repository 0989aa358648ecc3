"""The services that are known, by the name `city.yaml` gives them."""

from __future__ import annotations

from barometer.city import SourceConfig
from barometer.ingest.live import (
    bluesky_events,
    bluesky_jetstream,
    bluesky_search,
    feeds,
    kobo,
    limesurvey,
    mastodon,
    odk,
    open311,
    police_uk,
    reddit,
    x_compliance,
    youtube,
)
from barometer.ingest.live.connector import Connector
from barometer.ingest.live.lookups import Lookup, SlowLookup

# One line each, in the alphabet's order.
_KNOWN: tuple[Connector, ...] = (
    bluesky_events.CONNECTOR,
    bluesky_jetstream.CONNECTOR,
    bluesky_search.CONNECTOR,
    feeds.CONNECTOR,
    kobo.CONNECTOR,
    limesurvey.CONNECTOR,
    mastodon.CONNECTOR,
    odk.CONNECTOR,
    open311.CONNECTOR,
    police_uk.CONNECTOR,
    reddit.CONNECTOR,
    x_compliance.CONNECTOR,
    youtube.CONNECTOR,
)

CONNECTORS: dict[str, Connector] = {connector.service: connector for connector in _KNOWN}
"""Service -> its connector."""

RECHECK = "recheck"
"""Option of a source of files: the service that is asked whether its posts are still there."""


def look_up_service(source: SourceConfig) -> str:
    """Service to be asked later whether the source's posts are still there; empty where there is none."""
    service = source.service or str(source.options.get(RECHECK) or "")
    return service if isinstance(CONNECTORS.get(service), Lookup | SlowLookup) else ""
