"""Which URLs may be an endpoint and which addresses may be dialled: the guard against being sent inwards.
Pure.

A member chooses the URL and an attacker may control its name server, so a URL is checked when it is
registered (for a clear refusal) and every address again at the moment it is dialled (for safety: see
`exchange.push.transport`). `ipaddress.is_global` alone is no guard: Python 3.11 calls several spellings of
127.0.0.1 global, among them its NAT64 and 6to4 forms. Hence an own list of denied networks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from accounts.errors import Invalid

MAX_URL = 2_000
_MAX_HOST = 253
_PORTS = {"https": 443, "http": 80}
# Denied beyond what `ipaddress` calls non-global, multicast or reserved (IANA special-purpose registries).
_DENIED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; 100.100.100.200 is a metadata service
        "168.63.129.16/32",  # a public address that in one cloud is the host's own agent, for every guest
        "169.254.0.0/16",  # link-local, where clouds keep their metadata service
        "192.0.0.0/24",  # protocol assignments, and another cloud's metadata service (192.0.0.192)
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64: reaches any IPv4 address behind a translator
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",  # private; fd00:ec2::254 and fd20:ce::254 are metadata services
        "fe80::/10",
        "fec0::/10",  # the former site-local range
    )
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# A last label that is a number makes resolvers read the whole name as an IPv4 address (127.1, 0x7f000001).
_NUMERIC_END = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$")
_DOTTED_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What this installation allows: ports for everyone; in the demo also loopback, on any port and without
    TLS."""

    ports: frozenset[int]
    loopback: bool = False


@lru_cache(maxsize=4_096)
def denied(address: str, port: int, *, rules: AddressRules) -> str | None:
    """Say why the numeric `address` and `port` must not be dialled, or return None when they may."""
    try:
        dialled = ip_address(address.partition("%")[0])
    except ValueError:
        return "not a numeric address"
    if isinstance(dialled, IPv6Address) and dialled.ipv4_mapped is not None:
        dialled = dialled.ipv4_mapped
    if rules.loopback and dialled.is_loopback:
        return None
    if not _is_public(dialled):
        return "not a public address"
    if port not in rules.ports:
        return "a port that is not allowed"
    return None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if any(address.version == network.version and address in network for network in _DENIED):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_loopback)


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """A checked URL; `host` is host and port in lower case, the unit of fairness between endpoints."""

    url: str
    host: str


def checked_url(url: str, *, rules: AddressRules) -> EndpointUrl:
    """Return `url` when it is one that notices may be posted to.

    Only plain ASCII host names and canonical literals pass: every other spelling is read differently by one
    library or another. Errors: Invalid, field `url`, with codes `endpoint.url`, `endpoint.scheme`,
    `endpoint.host`, `endpoint.port`, `endpoint.address`.
    """
    if not 1 <= len(url) <= MAX_URL or not url.isascii() or re.search(r"[\x00-\x20\x7f\\\"<>^`{|}]", url):
        raise _refused("This is not a URL that notices can be sent to.", "endpoint.url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("This is not a URL that notices can be sent to.", "endpoint.url") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in _PORTS:
        raise _refused("An endpoint's URL starts with https://.", "endpoint.scheme")
    if parts.username is not None or parts.password is not None or parts.fragment or "#" in url:
        raise _refused("An endpoint's URL has no user name, password or fragment.", "endpoint.url")
    if port == 0:
        raise _refused("Port 0 is not a port.", "endpoint.port")
    port = port or _PORTS[parts.scheme]
    _check_host(host, port, scheme=parts.scheme, rules=rules)
    shown = f"[{host}]" if ":" in host else host
    return EndpointUrl(url=url, host=f"{shown}:{port}")


def _check_host(host: str, port: int, *, scheme: str, rules: AddressRules) -> None:
    literal = _literal(host)
    if literal is None and (
        len(host) > _MAX_HOST or not _NAME.fullmatch(host) or _NUMERIC_END.search(host) is not None
    ):
        raise _refused(
            "The host of this URL is neither a plain host name nor a plain address.", "endpoint.host"
        )
    name_of_loopback = literal is None and host.rstrip(".").rpartition(".")[2] == "localhost"
    inwards = name_of_loopback or (literal is not None and literal.is_loopback)
    if inwards and rules.loopback:
        return
    if name_of_loopback:
        raise _refused("Notices are not sent to this address: not a public address.", "endpoint.address")
    if scheme != "https":
        raise _refused("An endpoint's URL starts with https://.", "endpoint.scheme")
    if port not in rules.ports:
        allowed = ", ".join(str(number) for number in sorted(rules.ports))
        raise _refused(f"Notices are sent to these ports only: {allowed}.", "endpoint.port")
    if literal is not None and (reason := denied(str(literal), port, rules=rules)) is not None:
        raise _refused(f"Notices are not sent to this address: {reason}.", "endpoint.address")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address when `host` is one in canonical dotted-quad or colon form, without a zone."""
    if ":" in host and "%" not in host:
        try:
            return IPv6Address(host)
        except ValueError:
            return None
    if _DOTTED_QUAD.fullmatch(host):
        try:
            return IPv4Address(host)
        except ValueError:
            return None
    return None


def _refused(message: str, code: str) -> Invalid:
    return Invalid(message, code=code, field="url")
