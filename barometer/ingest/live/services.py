"""The services that are known, by the name `city.yaml` gives them."""

from __future__ import annotations

from barometer.ingest.live.connector import Connector

# One line each, in the alphabet's order.
_KNOWN: tuple[Connector, ...] = ()

CONNECTORS: dict[str, Connector] = {connector.service: connector for connector in _KNOWN}
"""Service -> its connector."""
