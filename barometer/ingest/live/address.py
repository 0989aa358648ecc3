"""Which addresses may be asked: public ones, and those that an operator named in `BAROMETER_ALLOW_HOSTS`.

A host's name is looked up once, every address is judged, and the connection goes to a judged address; what the name
means a moment later does not matter. So no answer of a service can lead a request into the city's own network.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

from barometer.errors import NotPermitted, ServiceUnavailable

ALLOW_HOSTS_VARIABLE = "BAROMETER_ALLOW_HOSTS"
UNSAFE = "unsafe_address"
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PLAIN = ("http", "ws")

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
LookUp: TypeAlias = Callable[[str, int], Iterable[str]]
"""Host and port -> its IP addresses in the order to try them; raises `OSError` where there are none."""

# RFC 6052: an IPv4 address in the last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 4291 2.5.5.1, deprecated but still routed by some stacks.
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")


def look_up(host: str, port: int) -> list[str]:
    """IP addresses of a host by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed_hosts(text: str) -> frozenset[str]:
    """`host:port` entries of a list separated by commas or spaces, in lower case."""
    return frozenset(text.replace(",", " ").lower().split())


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also when it hides an IPv4 address inside an IPv6 one."""
    found: Address = ipaddress.ip_address(address)
    inner = _inner(found)
    return found.is_global and not found.is_multicast and (inner is None or is_public(str(inner)))


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, Teredo, NAT64, compatible)."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64 or address in _V4_COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def port_of(url: httpx.URL) -> int:
    """The port a URL means."""
    return url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def host_and_port(url: httpx.URL) -> str:
    """`host:port` of a URL, as rate budgets and `BAROMETER_ALLOW_HOSTS` name it."""
    return f"{url.host}:{port_of(url)}"


@dataclass(frozen=True)
class Gate:
    """What may be asked by one source."""

    allowed: frozenset[str] = frozenset()
    allows_http: bool = False
    look_up: LookUp = field(default=look_up, repr=False)

    def addresses(self, url: httpx.URL, *, schemes: tuple[str, str] = ("https", "http")) -> list[str]:
        """Addresses the connection may go to. Raises `NotPermitted` (unsafe), `ServiceUnavailable` (unknown host)."""
        self._require_scheme(url, schemes)
        port = port_of(url)
        try:
            found = list(self.look_up(url.host, port))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise ServiceUnavailable(f"the host {url.host} is not known to the name service", status="refused")
        if host_and_port(url) not in self.allowed and not all(map(is_public, found)):
            raise _unsafe(
                f"the host {url.host} lies in a private network, where a service may not lead us: if it is the city's "
                f"own, add {host_and_port(url)} to {ALLOW_HOSTS_VARIABLE}"
            )
        return found

    def _require_scheme(self, url: httpx.URL, schemes: tuple[str, str]) -> None:
        if url.scheme not in schemes or not url.host or url.userinfo:
            raise _unsafe(f"the address of {url.host or 'no host'} is not one of {schemes[0]}: correct it")
        if url.scheme in _PLAIN and not self.allows_http and host_and_port(url) not in self.allowed:
            raise _unsafe(
                f"{url.host} would be asked without encryption: use {schemes[0]}, or set the source's option "
                "allow_http: true where nothing else is to be had"
            )


def _unsafe(message: str) -> NotPermitted:
    return NotPermitted(message, status=UNSAFE)


def connect(addresses: Iterable[str], port: int, *, timeout: float) -> socket.socket:
    """A TCP connection to the first of the judged addresses that answers; raises `OSError`."""
    failure: OSError = ConnectionRefusedError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=timeout)
        except OSError as error:
            failure = error
    raise failure


def tls() -> ssl.SSLContext:
    """Certificates are always verified, by the known authorities or those an operator names in `SSL_CERT_FILE`."""
    return httpx.create_ssl_context(trust_env=True)


def is_distrust(error: BaseException | None) -> bool:
    """Whether an error comes of a certificate that cannot be trusted."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def distrusted() -> NotPermitted:
    """The service does not prove who it is."""
    return NotPermitted(
        "its certificate cannot be trusted, so nothing was sent: check the address; if the city has its own authority, "
        "name its certificate in SSL_CERT_FILE",
        status="refused",
    )


def pinned(url: httpx.URL, address: str) -> tuple[httpx.URL, dict[str, str], dict[str, Any]]:
    """The URL with the judged address in the host's place, the Host header and the TLS name that belong to it."""
    plain = address.partition("%")[0]
    host = f"[{url.host}]" if ":" in url.host else url.host
    header = host if port_of(url) == _DEFAULT_PORTS.get(url.scheme) else f"{host}:{port_of(url)}"
    return url.copy_with(host=plain), {"Host": header}, {"sni_hostname": url.host}
