"""A listener that must never be reached, and the addresses that try to lead to it."""

from __future__ import annotations

import socket
import threading


class Canary:
    """Listens on every address of this machine and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self._sockets = [socket.create_server(("0.0.0.0", 0))]
        self.port: int = self._sockets[0].getsockname()[1]
        if socket.has_dualstack_ipv6():
            self._sockets.append(socket.create_server(("::", self.port), family=socket.AF_INET6))
        for one in self._sockets:
            threading.Thread(target=self._count, args=(one,), daemon=True).start()

    def _count(self, listening: socket.socket) -> None:
        while True:
            try:
                visitor, _ = listening.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        for one in self._sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()


# Everything here leads to this machine, or would where such a route exists: addresses as they stand,
# spellings that resolvers read as an address, and names.
_HOSTILE_HOSTS = """
127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 0.0.0.0 0.0.0.1 10.0.0.1 172.16.0.1 192.168.0.1
169.254.169.254 100.64.0.1 192.0.0.1 192.88.99.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 [::1] [::]
[0:0:0:0:0:0:0:1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:0.0.0.0] [64:ff9b::127.0.0.1]
[64:ff9b:1::7f00:1] [2002:7f00:1::] [2001::1] [fec0::1] [fe80::1] [fc00::1] [ff02::1] [3fff::1] [100::1]
2130706433 0x7f000001 0x7f.1 127.1 127.0.1 0177.0.0.1 017700000001 0 0x0 127.0.0.1. 127.000.000.001
①②⑦.0.0.1 １２７.0.0.1 127。0。0。1 127.0.0.1%00 [::1%25lo] localhost LOCALHOST localhost. ip6-localhost
"""
HOSTILE_HOSTS = _HOSTILE_HOSTS.split()
