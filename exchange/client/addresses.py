"""Which addresses a member's key may be sent to: https, or this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urljoin, urlsplit

from exchange.client.refusals import NetworkDown, Usage

__all__ = ["checked_redirect", "checked_url", "is_loopback", "origin"]


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's."""
    return _is_loopback(urlsplit(url).hostname)


def checked_url(url: str) -> str:
    """`url` without a trailing slash. Usage `usage.url` unless it is https, or http to this machine."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise Usage(f"'{url}' is not the address of an exchange.", code="usage.url", field="url")
    if parts.username or parts.password:
        raise Usage("Put no name or password into the address.", code="usage.url", field="url")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise Usage(
            "Your key would travel unencrypted: use https.",
            code="usage.url",
            field="url",
            advice="http is accepted for an exchange on this machine only.",
        )
    return url.strip().rstrip("/")


def checked_redirect(url: str, location: str) -> str:
    """Where a redirect leads; never from https to http."""
    target = urljoin(url, location)
    parts = urlsplit(target)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise NetworkDown("The exchange redirects to an unencrypted address.", code="network.redirects")
    return target


def origin(url: str) -> str:
    """Scheme, host and port: what a key belongs to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
