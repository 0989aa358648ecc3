"""The services that are known, by the name `city.yaml` gives them."""

from __future__ import annotations

from barometer.ingest.live import kobo, limesurvey, odk, open311, police_uk
from barometer.ingest.live.connector import Connector

# One line each, in the alphabet's order.
_KNOWN: tuple[Connector, ...] = (
    kobo.CONNECTOR,
    limesurvey.CONNECTOR,
    odk.CONNECTOR,
    open311.CONNECTOR,
    police_uk.CONNECTOR,
)

CONNECTORS: dict[str, Connector] = {connector.service: connector for connector in _KNOWN}
"""Service -> its connector."""
