"""No private address is ever asked, however it is written, and the connection goes to the address that was judged."""

from __future__ import annotations

import ipaddress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import NotPermitted, ServiceUnavailable
from barometer.ingest.live.address import Gate, allowed_hosts, connect, host_and_port, is_public, look_up, pinned

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::6810:84e5"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_asked(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_all_others_may_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_a_mapped_one_counts_as_itself(inner: ipaddress.IPv4Address) -> None:
    wrapped = (f"::ffff:{inner}", str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(inner))))
    if not is_public(str(inner)):
        assert not any(map(is_public, wrapped))


def gate(*addresses: str, **values: object) -> Gate:
    return Gate(look_up=lambda host, port: addresses, **values)  # type: ignore[arg-type]


class TestTheGate:
    def test_lets_public_hosts_through(self) -> None:
        assert gate(*PUBLIC).addresses(httpx.URL("https://forum.example/x")) == PUBLIC

    def test_refuses_a_host_with_any_private_address(self) -> None:
        with pytest.raises(NotPermitted, match=r"forum\.example:443 to BAROMETER_ALLOW_HOSTS") as failed:
            gate(PUBLIC[0], "10.0.0.1").addresses(httpx.URL("https://forum.example/x"))
        assert failed.value.status == "unsafe_address"

    def test_lets_through_what_an_operator_named_with_its_port(self) -> None:
        allowed = gate("10.0.0.1", allowed=allowed_hosts("odk.city.example:8443, other:1"))
        assert allowed.addresses(httpx.URL("https://ODK.city.example:8443/v1")) == ["10.0.0.1"]
        with pytest.raises(NotPermitted):
            allowed.addresses(httpx.URL("https://odk.city.example/v1"))

    def test_says_when_nobody_knows_the_host(self) -> None:
        def unknown(host: str, port: int) -> list[str]:
            raise OSError("no such host")

        with pytest.raises(ServiceUnavailable, match="not known"):
            Gate(look_up=unknown).addresses(httpx.URL("https://nobody.example"))

    @pytest.mark.parametrize(
        "url",
        [
            "http://forum.example",
            "ftp://forum.example",
            "file:///etc/passwd",
            "https://user:pass@forum.example",
            "https:///x",
        ],
    )
    def test_refuses_other_schemes_and_credentials_in_addresses(self, url: str) -> None:
        with pytest.raises(NotPermitted) as failed:
            gate(*PUBLIC).addresses(httpx.URL(url))
        assert "pass" not in str(failed.value).replace("passwd", "")

    def test_lets_plain_http_through_where_the_city_says_so(self) -> None:
        assert gate(*PUBLIC, allows_http=True).addresses(httpx.URL("http://forum.example")) == PUBLIC

    @pytest.mark.parametrize("url", ["https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://[::1]/"])
    def test_is_not_fooled_by_other_ways_to_write_an_address(self, url: str) -> None:
        with pytest.raises((NotPermitted, ServiceUnavailable)):
            Gate().addresses(httpx.URL(url))


def test_a_judged_connection_keeps_the_name_for_tls_and_the_server() -> None:
    url, headers, extensions = pinned(httpx.URL("https://forum.example:8443/a?b=1"), "2606:4700::1")
    assert (url.host, url.port, url.path, url.params["b"]) == ("2606:4700::1", 8443, "/a", "1")
    assert headers == {"Host": "forum.example:8443"}
    assert extensions == {"sni_hostname": "forum.example"}


def test_the_usual_port_is_not_named() -> None:
    assert pinned(httpx.URL("https://forum.example/"), "8.8.8.8")[1] == {"Host": "forum.example"}
    assert host_and_port(httpx.URL("wss://forum.example/")) == "forum.example:443"


def test_what_a_name_means_is_asked_once_a_connection() -> None:
    """A name that first means a public address and then a private one gains nothing."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    asked = Gate(look_up=lambda host, port: next(answers)).addresses(httpx.URL("https://forum.example"))
    assert pinned(httpx.URL("https://forum.example"), asked[0])[0].host == "93.184.216.34"


def test_this_machine_is_found_by_its_name() -> None:
    assert set(look_up("localhost", 80)) <= {"127.0.0.1", "::1"}


def test_no_address_at_all_is_an_error() -> None:
    with pytest.raises(OSError):
        connect([], 80, timeout=0.1)
