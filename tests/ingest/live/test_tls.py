"""Who a service is must be proved, for the name that was asked and not for the address."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.server import ServerConnection

from barometer.errors import NotPermitted
from barometer.ingest.live.address import Gate
from barometer.ingest.live.client import PoliteWeb
from tests.ingest.live.stand_in import Reply, StandIn, a_web, scripted, stand_in, ws_stand_in

NAME = "forum.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of the forum's, signed by nobody but itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "forum.pem"
    file.write_bytes(made.public_bytes(form) + private)
    return file


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(certificate)
    return found


@pytest.fixture
def server(context: ssl.SSLContext) -> Iterator[StandIn]:
    with stand_in(scripted(Reply(body="proved")), tls=context) as running:
        yield running


def web_for(server: StandIn, *names: str) -> PoliteWeb:
    """A web that finds these names on this machine."""
    allowed = frozenset(f"{name}:{server.port}" for name in names)
    return a_web(gate=Gate(allowed=allowed, look_up=lambda host, port: ["127.0.0.1"]))


def test_an_unknown_certificate_is_not_trusted_and_nothing_is_sent(server: StandIn) -> None:
    with pytest.raises(NotPermitted, match="certificate cannot be trusted"):
        web_for(server, NAME).get(f"https://{NAME}:{server.port}/", headers={"Authorization": "Bearer hidden"})
    assert not server.asked


def test_a_city_may_have_its_own_authority(server: StandIn, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    answer = web_for(server, NAME).get(f"https://{NAME}:{server.port}/")
    assert answer.body == b"proved"
    assert server.asked[0].headers["host"] == f"{NAME}:{server.port}"


def test_a_certificate_of_another_name_is_none(
    server: StandIn, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(NotPermitted, match="certificate"):
        web_for(server, "other.example").get(f"https://other.example:{server.port}/")


@pytest.mark.parametrize("is_known", [True, False])
def test_streams_are_held_to_the_same(
    context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    def greet(connection: ServerConnection) -> None:
        connection.send("one")

    if is_known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ws_stand_in(greet, tls=context) as server:
        web = web_for(server, NAME)
        url = f"wss://{NAME}:{server.port}/"
        if is_known:
            with web.frames(url) as messages:
                assert list(messages) == [b"one"]
        else:
            with pytest.raises(NotPermitted, match="certificate"), web.frames(url):
                pass
