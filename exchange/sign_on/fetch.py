"""Asks an organisation's identity provider: bounded in time and bytes, never inside our own walls.

The URL was typed by a member, so this is guarded like a push: the address is checked at the moment it is
dialled, the connection goes to that very address, nothing is redirected and no proxy is asked.
"""

from __future__ import annotations

import base64
import http.client
import json
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import SplitResult, quote_plus, urlencode, urlsplit

from django.conf import settings

from accounts.errors import Invalid
from exchange.sharing.addresses import AddressRules, checked_url, denied

SECONDS: Final = 10.0
"""For everything together: looking the name up, every address that it has, the handshake, the answer."""
MOST_BYTES: Final = 256 * 1024


class Unanswered(Exception):
    """The provider could not be asked, or did not answer in JSON; the message is for our log alone."""


def issuer_rules() -> AddressRules:
    return AddressRules(ports=frozenset(settings.HX_ENDPOINT_PORTS), loopback=settings.HX_LOOPBACK_ENDPOINTS)


def checked_issuer(url: str) -> str:
    """Return `url` when it may be an issuer. Errors: Invalid `sign_on.issuer`."""
    try:
        checked_url(url, rules=issuer_rules())
    except Invalid:
        raise _not_an_issuer() from None
    if urlsplit(url).query:
        raise _not_an_issuer()
    return url


def fetch_json(
    url: str, *, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None
) -> dict[str, Any]:
    """GET `url`, or POST `form` to it, and read one JSON object. Errors: Unanswered."""
    try:
        checked_url(url, rules=issuer_rules())
    except Invalid as refusal:
        raise Unanswered(f"a URL that is not asked: {refusal.code}") from None
    parts = urlsplit(url)
    headers = {"Accept": "application/json", "User-Agent": "Hash-Exchange/1"}
    body = None
    if form is not None:
        body = urlencode(form)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if basic is not None:
        headers["Authorization"] = _basic(*basic)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    deadline = time.monotonic() + SECONDS
    line = _Pinned(parts, deadline)
    # Socket time-outs count from one byte to the next: who sends a head drop by drop is cut off here.
    patience = threading.Timer(SECONDS, line.cut)
    patience.daemon = True
    patience.start()
    try:
        line.request("GET" if body is None else "POST", target, body=body, headers=headers)
        with line.getresponse() as answer:
            content = _read(answer, deadline)
    except (OSError, http.client.HTTPException, ValueError) as failure:
        raise Unanswered(type(failure).__name__) from failure
    finally:
        patience.cancel()
        line.close()
    if answer.status != http.client.OK:
        raise Unanswered(f"status {answer.status}")
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        raise Unanswered("no JSON") from None
    if not isinstance(told, dict):
        raise Unanswered("no JSON object")
    return told


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was looked up once and found fit to be dialled."""

    def __init__(self, parts: SplitResult, deadline: float) -> None:
        secure = parts.scheme == "https"
        super().__init__(str(parts.hostname), parts.port or (443 if secure else 80), timeout=SECONDS / 2)
        self._secure, self._deadline = secure, deadline

    def connect(self) -> None:
        """To the first address that takes the connection. Whoever owns the name may give it many silent ones:
        what is left of the time is shared out evenly, with one part for what comes after.
        """
        failure: OSError = OSError("no address")
        found = _looked_up(self.host, self.port, seconds=self._left())
        fit = [address for address in found if denied(*address, rules=issuer_rules()) is None]
        if len(fit) < len(found):
            failure = OSError("an address that is not dialled")
        for others, address in zip(reversed(range(len(fit))), fit, strict=True):
            share = self._left() / (others + 2)
            try:
                # The numeric address, so that no second look-up can give another one.
                self.sock = socket.create_connection(address, timeout=share)
            except OSError as refused:
                failure = refused
                continue
            self.sock.settimeout(self.timeout)
            if self._secure:
                context = ssl.create_default_context()
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                # In two steps, so that `cut` finds the socket during the handshake too.
                self.sock = context.wrap_socket(
                    self.sock, server_hostname=self.host, do_handshake_on_connect=False
                )
                self.sock.do_handshake()
            return
        raise failure

    def _left(self) -> float:
        """Seconds until the deadline. Errors: TimeoutError when there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no time left")
        return left

    def cut(self) -> None:
        """End whatever waits on this connection, from another thread."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _looked_up(host: str, port: int, *, seconds: float) -> list[tuple[str, int]]:
    """The numeric addresses of a name. A name server that is silent holds up a thread and not the asker.

    Errors: OSError.
    """
    found: queue.Queue[list[tuple[str, int]] | OSError] = queue.Queue()

    def ask() -> None:
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put([(str(where[0]), int(where[1])) for *_, where in told])
        except (OSError, UnicodeError) as failure:
            found.put(OSError(type(failure).__name__))

    threading.Thread(target=ask, name="sign-on-dns", daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("the name was not looked up in time") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    content = b""
    while chunk := answer.read1(16 * 1024):
        content += chunk
        if len(content) > MOST_BYTES or time.monotonic() > deadline:
            raise ValueError("too much, or too slow")
    return content


def _basic(user: str, password: str) -> str:
    """RFC 6749, section 2.3.1: both parts are form-encoded before they are joined."""
    joined = f"{quote_plus(user)}:{quote_plus(password)}"
    return "Basic " + base64.b64encode(joined.encode()).decode()


def _not_an_issuer() -> Invalid:
    return Invalid(
        "This is not the address of an identity provider that we can ask.",
        code="sign_on.issuer",
        field="issuer",
        advice="Give its issuer as it stands in the provider's settings; it starts with https://.",
    )
