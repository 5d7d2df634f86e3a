"""The small HTTP server behind `hashx listen`: one loop, which slow strangers cannot fill.

A request is short (a head, and a body of `MAX_BODY` at most), so it is collected without a thread and
answered in the loop; each connection carries one. From its first moment to its answer it has
`REQUEST_SECONDS`, however it drips. Nobody is turned away at the door: when there is no place, whoever has
taken longest gives way, since an honest request is here within moments. An address (IPv6: its /64) has few
places, and some are kept for the addresses from which a believed notice came. What is not used for that:
the name of the exchange, because what it sends need not come from where its web answers. Behind a reverse
proxy every visitor has the address of the proxy, and the rule about who has taken longest is what remains;
a proxy that passes on whole requests only, as nginx does, does the rest.
"""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from http import HTTPStatus
from typing import Final

from exchange.client.receive import MAX_BODY

__all__ = ["NoticeServer", "Places", "network_of"]

REQUEST_SECONDS: Final = 10.0
LARGEST_HEAD: Final = 16 * 1024
LOOK_SECONDS: Final = 0.25
RECEIVE: Final = 16 * 1024
LINGER_BYTES: Final = 64 * 1024
PLACES: Final = 512
KEPT: Final = 32
PER_ADDRESS: Final = 8
MOST_KNOWN: Final = 16

# Headers and body of a POST, to status and body of the answer; True when the sender was believed.
Answer = Callable[[Mapping[str, str], bytes], tuple[int, bytes, bool]]


def network_of(host: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one, which one customer has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


class Places:
    """Who is here, in the order of coming, and who gives way. Strangers leave `kept` places to the known."""

    def __init__(self, *, most: int = PLACES, kept: int = KEPT, per_address: int = PER_ADDRESS) -> None:
        self._most, self._kept, self._per_address = most, kept, per_address
        self._visitors: OrderedDict[int, str] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._visitors)

    def come(self, visitor: int, address: str) -> int | None:
        """Note a visitor; returns who has to go for it."""
        leaves = self._who_leaves(address)
        if leaves is not None:
            del self._visitors[leaves]
        self._visitors[visitor] = address
        return leaves

    def go(self, visitor: int) -> None:
        self._visitors.pop(visitor, None)

    def know(self, address: str) -> None:
        """The exchange sends from here."""
        self._known[address] = None
        self._known.move_to_end(address)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _who_leaves(self, address: str) -> int | None:
        if address not in self._known:
            same = [one for one, where in self._visitors.items() if where == address]
            if len(same) >= self._per_address:
                return same[0]
            strangers = [one for one, where in self._visitors.items() if where not in self._known]
            if len(strangers) >= self._most - self._kept:
                return strangers[0]
        if len(self._visitors) < self._most:
            return None
        strangers_first = (one for one, where in self._visitors.items() if where not in self._known)
        return next(strangers_first, next(iter(self._visitors)))


@dataclass(slots=True)
class _Visitor:
    sock: socket.socket
    address: str
    until: float
    content: bytearray = field(default_factory=bytearray)
    headers: Mapping[str, str] | None = None  # once all of them are here
    length: int = 0  # of the body
    answered: bool = False


class NoticeServer:
    """Answers each POST on `host`:`port` with what `answer` says of it. Errors of listening: OSError."""

    def __init__(self, host: str, port: int, answer: Answer, *, places: Places | None = None) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self._listener.setblocking(False)
        self._answer = answer
        self._places = places or Places(most=_affordable())
        self._visitors: dict[int, _Visitor] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End within moments, with every connection closed."""
        self._stopping = True
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()
        for visitor in list(self._visitors):
            self._part(visitor)
        self._selector.close()

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(LOOK_SECONDS):
                if key.fileobj is self._listener:
                    self._welcome()
                elif (visitor := self._visitors.get(key.fd)) is not None:
                    self._read(key.fd, visitor)
            now = time.monotonic()
            for number in [one for one, visitor in self._visitors.items() if visitor.until <= now]:
                self._part(number)

    def _welcome(self) -> None:
        try:
            sock, address = self._listener.accept()
        except OSError:  # it left already; or no descriptor is free, and the next look tries again
            return
        sock.setblocking(False)
        visitor = _Visitor(sock, network_of(str(address[0])), time.monotonic() + REQUEST_SECONDS)
        leaves = self._places.come(sock.fileno(), visitor.address)
        if leaves is not None:
            self._part(leaves)
        self._visitors[sock.fileno()] = visitor
        self._selector.register(sock, selectors.EVENT_READ)

    def _part(self, number: int) -> None:
        visitor = self._visitors.pop(number)
        self._places.go(number)
        self._selector.unregister(visitor.sock)
        visitor.sock.close()

    def _read(self, number: int, visitor: _Visitor) -> None:
        try:
            data = visitor.sock.recv(RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        visitor.content += data
        if not data or (visitor.answered and len(visitor.content) > LINGER_BYTES):
            self._part(number)
            return
        try:
            reply = None if visitor.answered else self._reply(visitor)
        except Exception:
            # As a server with a thread per visitor does: what goes wrong with one is not another's trouble.
            reply = (500, b"")
        if reply is not None:
            self._say(visitor, *reply)

    def _reply(self, visitor: _Visitor) -> tuple[int, bytes] | None:
        """Status and body once the request is here; None: more must come."""
        if visitor.headers is None:
            head, end, rest = bytes(visitor.content).partition(b"\r\n\r\n")
            if not end:
                return (431, b"") if len(head) > LARGEST_HEAD else None
            visitor.content = bytearray(rest)
            if refused := self._read_head(visitor, head):
                return refused, b""
        if visitor.headers is None or len(visitor.content) < visitor.length:
            return None
        status, body, believed = self._answer(visitor.headers, bytes(visitor.content[: visitor.length]))
        if believed:
            self._places.know(visitor.address)
        return status, body

    def _read_head(self, visitor: _Visitor, head: bytes) -> int:
        """Note what the head says; the status of a refusal, or 0."""
        first, _, fields = head.decode("latin-1").partition("\r\n")
        if not first.startswith("POST "):
            return 501
        parsed = HeaderParser().parsestr(fields)
        length = str(parsed.get("Content-Length", "")).strip()
        if not (length.isascii() and length.isdigit()):
            return 411
        if len(length) > 6 or int(length) > MAX_BODY:
            return 413
        visitor.headers, visitor.length = dict(parsed.items()), int(length)
        if "Expect" in parsed and len(visitor.content) < visitor.length:
            with contextlib.suppress(OSError):
                visitor.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return 0

    def _say(self, visitor: _Visitor, status: int, body: bytes) -> None:
        """Answer, and wait for the other side to close: a hard end could cut the answer off."""
        kind = "Content-Type: application/json\r\n" if body else ""
        length = f"Content-Length: {len(body)}\r\n" if status != HTTPStatus.NO_CONTENT else ""
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{kind}{length}Connection: close\r\n\r\n"
        visitor.answered = True
        with contextlib.suppress(OSError):  # whoever does not read does not hear it
            visitor.sock.send(head.encode() + body)
            visitor.sock.shutdown(socket.SHUT_WR)


def _affordable() -> int:
    """As many places as there may be, and no more than half of the files that this process may open."""
    try:
        import resource
    except ImportError:
        return PLACES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return PLACES if soft == resource.RLIM_INFINITY else max(2 * KEPT, min(PLACES, soft // 2))
