"""Where a credential may be used from: a list of networks, and whether an address is in one of them. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from accounts.errors import Invalid

MOST_NETWORKS: Final = 20
_WIDEST: Final = {4: 8, 6: 16}  # wider than this is no limit but a slip of the keyboard


def checked_networks(networks: Iterable[str]) -> list[str]:
    """The networks in their canonical form, once each; a bare address is a network of one.

    Errors: Invalid `credential.network`, `credential.networks_many`.
    """
    found: dict[str, None] = {}
    for text in networks:
        found[str(_network(text.strip()))] = None
    if len(found) > MOST_NETWORKS:
        raise Invalid(
            f"A credential names at most {MOST_NETWORKS} networks.",
            code="credential.networks_many",
            field="networks",
        )
    return list(found)


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether `address` is in one of `networks`; what is no address is in none.

    IPv4 that comes wrapped in IPv6 counts as what it is.
    """
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(given, ipaddress.IPv6Address) and given.ipv4_mapped is not None:
        given = given.ipv4_mapped
    return any(given in ipaddress.ip_network(network) for network in networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or network.prefixlen < _WIDEST[network.version]:
        raise Invalid(
            f"'{text[:60]}' is not a network that a credential can be limited to.",
            code="credential.network",
            field="networks",
            advice="Write one address or network per line, such as 198.51.100.7 or 2001:db8:20::/48.",
        )
    return network
