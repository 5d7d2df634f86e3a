"""Looks for a domain's token where its owner was asked to put it: in the name server, or on the website.

The domain was typed by a stranger, so the look is guarded like a push: the website's address is checked at
the moment it is dialled, nothing is redirected, and neither a name server nor a website can make it take
longer or more than the bounds below. What the other side says is never kept, only one of five words about it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import aiohttp
import dns.exception
import dns.resolver
from django.conf import settings
from yarl import URL

from accounts.domains.models import DomainProof, ProofMethod
from accounts.domains.prove import FILE_PATH, RECORD_PREFIX, Look, claim_look, looks_due, note_look
from exchange.sharing.addresses import AddressRules, denied

DNS_SECONDS: Final = 6.0
WEB_SECONDS: Final = 10.0
MOST_RECORDS: Final = 50
MOST_BYTES: Final = 4_096
PREFIX: Final = "hash-exchange="
_RULES: Final = AddressRules(ports=frozenset({443}))


@dataclass(frozen=True, slots=True)
class Seen:
    """What one place said: its lines, or a word why there are none."""

    lines: tuple[str, ...] = ()
    trouble: str = "absent"


Ask = Callable[[str], Seen]


def due(now: datetime, limit: int) -> Sequence[UUID]:
    """Proofs that wait for a look."""
    return looks_due(now, limit)


def look_at(proof_id: UUID, *, now: datetime) -> DomainProof | None:
    """One look at one proof: claim, ask outside of any transaction, hand in the verdict."""
    proof = claim_look(proof_id, now=now)
    if proof is None:
        return None
    return note_look(proof, look_for(proof.domain, proof.token), now=now)


def look_for(domain: str, token: str, *, records: Ask | None = None, page: Ask | None = None) -> Look:
    """Ask the name server, then the website; whichever has the token settles it."""
    troubles = []
    for method, ask in ((ProofMethod.DNS, records or txt_records), (ProofMethod.FILE, page or web_file)):
        seen = ask(domain)
        if any(line.strip() == f"{PREFIX}{token}" for line in seen.lines):
            return Look("found", method.value)
        other = any(line.strip().startswith(PREFIX) for line in seen.lines)
        troubles.append("other_token" if other else seen.trouble)
    for word in ("other_token", "refused_address", "absent"):
        if word in troubles:
            return Look(word)
    return Look("unreachable")


def txt_records(domain: str) -> Seen:
    """The TXT records of `_hash-exchange.<domain>`."""
    servers: list[str] = settings.HX_DNS_SERVERS
    try:
        resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            resolver.nameservers = [server.partition("#")[0] for server in servers]
            resolver.port = int(servers[0].partition("#")[2] or 53)
        answer = resolver.resolve(
            f"{RECORD_PREFIX}.{domain}.", "TXT", lifetime=DNS_SECONDS, search=False, raise_on_no_answer=False
        )
    except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN):
        return Seen()
    except (dns.exception.DNSException, OSError, ValueError):
        return Seen(trouble="unreachable")
    found = list(answer.rrset or ())[:MOST_RECORDS]
    return Seen(tuple(b"".join(record.strings).decode(errors="replace")[:300] for record in found))


def web_file(domain: str) -> Seen:
    """The lines of `https://<domain>/.well-known/hash-exchange.txt`, never from inside our own walls."""
    # In a thread of its own, because whoever asks may have a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as own:
        return own.submit(lambda: asyncio.run(_fetched(f"https://{domain}{FILE_PATH}"))).result()


class _RefusedAddress(OSError):
    """The domain led to an address that must not be dialled."""


def _guarded(address_info: Any) -> socket.socket:
    """Open the socket for one address, or refuse: on the very address about to be dialled, as push does."""
    family, kind, protocol, _, where = address_info
    # Public addresses on 443 alone, in the demo too: no domain of anybody's is this machine.
    if denied(str(where[0]), int(where[1]), rules=_RULES) is not None:
        raise _RefusedAddress("not a public address")
    return socket.socket(family=family, type=kind, proto=protocol)


async def _fetched(url: str) -> Seen:
    timeout = aiohttp.ClientTimeout(total=WEB_SECONDS, connect=WEB_SECONDS / 2)
    connector = aiohttp.TCPConnector(
        force_close=True, use_dns_cache=False, resolver=aiohttp.ThreadedResolver(), socket_factory=_guarded
    )
    session = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
        headers={"User-Agent": "Hash-Exchange/1", "Accept-Encoding": "identity"},
    )  # fmt: skip
    try:
        async with session, session.get(URL(url), timeout=timeout, allow_redirects=False) as response:
            if response.status != 200:
                return Seen(trouble="absent" if response.status < 500 else "unreachable")
            body = await response.content.read(MOST_BYTES)
    except aiohttp.ClientConnectorError as error:
        blocked = isinstance(getattr(error, "os_error", None), _RefusedAddress)
        return Seen(trouble="refused_address" if blocked else "unreachable")
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
        return Seen(trouble="unreachable")
    return Seen(tuple(body.decode(errors="replace").splitlines()))
