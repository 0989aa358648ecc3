"""Requests a second of estimates that were asked for before: `barometer serve` on this machine, asked over sockets.

An invented release of the sample city is served by two processes; a client of its own process asks over many kept
connections for the same few addresses. Asserts nothing. The aim is 1,000 requests/s on two cores, client included.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from barometer.settings import PROJECT

sys.path.insert(0, str(PROJECT))

CONNECTIONS = 16
SECONDS = 5.0
WORKERS = 2
ADDRESSES = (
    "/v1/estimates?city=sample&indicator=trust_council&limit=100",
    "/v1/estimates?city=sample&geography=city",
    "/v1/estimates?city=sample&indicator=rumour_share&format=csv&limit=100",
)


def make_release(home: Path) -> None:
    """One release of invented numbers."""
    from barometer.release.draft import draft_release
    from barometer.release.publish import publish
    from tests.release.sample_night import sample_night

    night = sample_night(home)
    publish(night, draft_release(night), approved_by="benchmark", is_stand_in=True, approved_at=datetime.now(UTC))


def free_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(home: Path, port: int) -> Iterator[None]:
    """`barometer serve` over the releases of `home`, until the block ends."""
    command = [sys.executable, "-m", "barometer.cli", "serve", "--port", str(port), "--workers", str(WORKERS)]
    settings = os.environ | {"BAROMETER_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    server = subprocess.Popen([*command, "--rate", "0"], env=settings, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/cities", timeout=5).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the server did not come up")


async def ask(port: int, until: float, taken: list[float]) -> None:
    """One kept connection, one request after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    while time.perf_counter() < until:
        began = time.perf_counter()
        address = ADDRESSES[number % len(ADDRESSES)]
        writer.write(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(head.decode())
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
        taken.append(time.perf_counter() - began)
        number += 1
    writer.close()


async def load(port: int, seconds: float) -> list[float]:
    """Seconds each request took."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(ask(port, until, taken) for _ in range(CONNECTIONS)))
    return taken


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        make_release(Path(folder))
        port = free_port()
        with serving(Path(folder), port):
            asyncio.run(load(port, 1.0))
            taken = asyncio.run(load(port, SECONDS))
    hundredths = statistics.quantiles(taken, n=100)
    print(
        f"cached estimates, {WORKERS} workers, {CONNECTIONS} connections: {len(taken) / SECONDS:,.0f} requests/s, "
        f"median {hundredths[49] * 1000:.1f} ms, 99th percentile {hundredths[98] * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
