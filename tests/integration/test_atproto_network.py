"""The search connector against the AT Protocol's own development network, where it is installed.

mkdir network && cd network && npm install @atproto/dev-env
export BAROMETER_ATPROTO=$PWD DB_POSTGRES_URL=postgresql://... REDIS_HOST=127.0.0.1:6379   # both empty and for this
pytest tests/integration/test_atproto_network.py
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from barometer.errors import NotPermitted
from barometer.ingest.live.bluesky_search import CONNECTOR, SearchOptions, _Session
from barometer.ingest.live.connector import Call
from barometer.ingest.posts.bluesky import SEARCH
from barometer.ingest.posts.post import TABLE
from tests.ingest.live.stand_in import StandIn, a_call
from tests.ingest.posts.records import parsed

POSTS = 130
PASSWORD = "invented-for-tests"
NEEDED = ("BAROMETER_ATPROTO", "DB_POSTGRES_URL", "REDIS_HOST")

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Network:
    pds: StandIn
    appview: StandIn

    def call(self, **secrets: str) -> Call:
        options = SearchOptions(terms=("market",), public_server=self.appview.url, account_server=self.pds.url)
        return a_call(self.pds, self.appview, options=options, form="bluesky_search", secrets=secrets)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.skip(f"the AT Protocol's development network is not set up: set {', '.join(missing)}")
    script = Path(__file__).with_name("atproto_network.mjs")
    command = ["node", str(script), os.environ["BAROMETER_ATPROTO"], str(POSTS), PASSWORD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # The network's own log is on the same output.
        ready = next(line for line in process.stdout if line.startswith('{"pds"'))
        ports = json.loads(ready)
        yield Network(StandIn(int(ports["pds"])), StandIn(int(ports["appview"])))
        process.kill()


def records(call: Call) -> list[Any]:
    return [record for page in CONNECTOR.pages(call, None) for record in page.records]


@pytest.mark.parametrize("secrets", [{}, {"username": "city.test", "app_password": PASSWORD}])
def test_every_post_is_found_and_those_not_for_visitors_are_not_kept(network: Network, secrets: dict[str, str]) -> None:
    call = network.call(**secrets)
    found = records(call)
    assert len({json.loads(record)["uri"] for record in found}) == POSTS + 1
    # What this network makes is of today, which is far beyond the tests' night.
    part = parsed(SEARCH, *found, context=replace(call.context, latest=datetime.now(UTC) + timedelta(days=1)))
    assert (part.rows[TABLE]["post"].n_unique(), part.rejected) == (POSTS, [])
    assert part.out_of_scope >= 1


def test_a_wrong_password_is_not_permitted(network: Network) -> None:
    with pytest.raises(NotPermitted):
        records(network.call(username="city.test", app_password="not-it"))


def test_a_session_is_renewed(network: Network) -> None:
    session = _Session(network.call(username="city.test", app_password=PASSWORD))
    session.ask({"q": "market", "limit": 1})
    first = session.access
    session._renew()
    session.ask({"q": "market", "limit": 1})
    assert session.access is not None
    assert session.refresh is not None
    assert first is not None
