"""The services that are known, by the name `city.yaml` gives them."""

from __future__ import annotations

from barometer.ingest.live import bluesky_events, bluesky_jetstream, bluesky_search
from barometer.ingest.live.connector import Connector

# One line each, in the alphabet's order.
_KNOWN: tuple[Connector, ...] = (
    bluesky_events.CONNECTOR,
    bluesky_jetstream.CONNECTOR,
    bluesky_search.CONNECTOR,
)

CONNECTORS: dict[str, Connector] = {connector.service: connector for connector in _KNOWN}
"""Service -> its connector."""
