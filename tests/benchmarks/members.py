"""Ten thousand members' servers in one process, over TLS, cheap enough not to starve what is measured.

One loop over epoll with OpenSSL's own non-blocking handshakes: no framework, no threads. It listens on every
address of 127.0.0.0/8, so that each endpoint has its own; certificates are made by a test authority for
blocks of addresses. The path of a URL says how an endpoint behaves: `/delay/<seconds>`, `/status/<code>`,
`/hang`.

`python -m tests.benchmarks.members FOLDER N` makes certificates for N addresses, writes the authority to
FOLDER/ca.pem, prints its port, serves until its standard input closes, and then prints what arrived:
{"first": {host: seconds}, "cpu_s": …}.
"""

from __future__ import annotations

import heapq
import ipaddress
import json
import resource
import selectors
import socket
import ssl
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BLOCK = 250
SHARING = 25
"""Addresses that share a certificate: with one each, the contexts alone would be a gigabyte."""


def address_of(number: int) -> str:
    """The loopback address of the `number`-th endpoint, from 0: 127.<1…>.<1…250>.<1…250>."""
    return f"127.{1 + number // 62_500}.{1 + number // BLOCK % BLOCK}.{1 + number % BLOCK}"


class Authority:
    """A test certificate authority, and a TLS context for each block of addresses, made when first met."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._contexts = folder, dict[str, ssl.SSLContext]()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        own = self._certificate(self._name, self._key, [], is_authority=True)
        (folder / "ca.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def context_for(self, address: str) -> ssl.SSLContext:
        block, _, last = address.rpartition(".")
        first = (int(last) - 1) // SHARING * SHARING + 1
        name_of_block = f"{block}.{first}"
        if name_of_block not in self._contexts:
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"members of {name_of_block}")])
            certificate = self._certificate(
                name, key, [f"{block}.{one}" for one in range(first, first + SHARING)], is_authority=False
            )
            path = self._folder / f"{name_of_block}.pem"
            path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                + certificate.public_bytes(serialization.Encoding.PEM)
            )
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path)
            self._contexts[name_of_block] = context
        return self._contexts[name_of_block]

    def _certificate(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, addresses: list[str], *, is_authority: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if addresses:
            names = [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


@dataclass(slots=True)
class Visit:
    """One connection, and what came over it so far."""

    tls: ssl.SSLSocket
    address: str
    shaken: bool = False
    received: bytearray = field(default_factory=bytearray)


class Members:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._selector = selectors.DefaultSelector()
        self._listening = socket.create_server(("0.0.0.0", 0), backlog=4_096)
        self._listening.setblocking(False)
        self._later: list[tuple[float, int, Visit, bytes]] = []
        self._numbers = 0
        self.port = int(self._listening.getsockname()[1])
        self.first: dict[str, float] = {}

    def serve_until_input_ends(self) -> None:
        self._selector.register(self._listening, selectors.EVENT_READ, "door")
        self._selector.register(sys.stdin, selectors.EVENT_READ, "end")
        while True:
            wait = max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
            for ready, _ in self._selector.select(wait):
                if ready.data == "end":
                    return
                if ready.data == "door":
                    self._open()
                else:
                    self._go_on(ready.data)
            while self._later and self._later[0][0] <= time.monotonic():
                _, _, visit, answer = heapq.heappop(self._later)
                self._answer(visit, answer)

    def _open(self) -> None:
        for _ in range(64):
            try:
                plain, _ = self._listening.accept()
            except BlockingIOError:
                return
            plain.setblocking(False)
            address = str(plain.getsockname()[0])
            tls = self._authority.context_for(address).wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            )
            visit = Visit(tls, address)
            self._selector.register(tls, selectors.EVENT_READ, visit)

    def _go_on(self, visit: Visit) -> None:
        try:
            if not visit.shaken:
                visit.tls.do_handshake()
                visit.shaken = True
            while part := visit.tls.recv(16_384):
                visit.received += part
                if self._is_whole(visit):
                    self._behave(visit)
            self._close(visit)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self._close(visit)

    @staticmethod
    def _is_whole(visit: Visit) -> bool:
        head, found, body = bytes(visit.received).partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return bool(found) and len(body) >= int(length or b"0")

    def _behave(self, visit: Visit) -> None:
        now = time.monotonic()
        self.first.setdefault(visit.address, now)
        path = bytes(visit.received).split(b" ", 2)[1].decode()
        visit.received.clear()
        behaviour, _, rest = path.strip("/").partition("/")
        if behaviour == "hang":
            return
        status = b"204 No Content" if behaviour == "delay" else rest.encode() + b" Told"
        answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
        if behaviour == "delay":
            self._numbers += 1
            heapq.heappush(self._later, (now + float(rest), self._numbers, visit, answer))
        else:
            self._answer(visit, answer)

    def _answer(self, visit: Visit, answer: bytes) -> None:
        try:
            visit.tls.send(answer)
        except OSError:
            self._close(visit)

    def _close(self, visit: Visit) -> None:
        if visit.tls.fileno() != -1:
            self._selector.unregister(visit.tls)
            visit.tls.close()


def main() -> None:
    """Serve as a process; see the module's first lines."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    authority = Authority(Path(sys.argv[1]))
    for number in range(0, int(sys.argv[2]), SHARING):
        authority.context_for(address_of(number))
    members = Members(authority)
    print(members.port, flush=True)
    members.serve_until_input_ends()
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"first": members.first, "cpu_s": used.ru_utime + used.ru_stime}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
