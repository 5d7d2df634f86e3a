"""Where a request comes from: its network address, and the networks that whoever has it may have too."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.http import HttpRequest

# One customer gets a whole network of IPv6: 64 bits of it for sure, 56 usually, 48 as a company or with a
# rented server (RIPE-690, section 4.2). A limit by address would be none at all.
_PREFIXES: Final = ((64, 1), (56, 2), (48, 4))


@dataclass(frozen=True, slots=True)
class Network:
    """An IPv4 address, or a network of IPv6. `times` says how many times the limit of one address it has."""

    name: str
    times: int


def address_of(request: HttpRequest) -> str:
    """The address that the connection comes from; behind a proxy the one that our own proxy saw, the last.

    Anybody may write an `X-Forwarded-For`: it is read only when the operator says that there is a proxy.
    """
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def networks_of(address: str) -> tuple[Network, ...]:
    """What is counted as one asker, narrowest first: an IPv4 address, or the /64, /56 and /48 of an IPv6 one.

    IPv4 that comes wrapped in IPv6 counts as what it is. What is no address counts as itself.
    """
    try:
        given = ip_address(address.partition("%")[0])
    except ValueError:
        return (Network(address[:100], 1),)
    if isinstance(given, IPv6Address) and given.ipv4_mapped is not None:
        given = given.ipv4_mapped
    if given.version == 4:
        return (Network(str(given), 1),)
    return tuple(
        Network(str(ip_network((given, length), strict=False)), times) for length, times in _PREFIXES
    )
