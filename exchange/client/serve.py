"""Serves a mirror's folder at the addresses of an exchange, as far as a member's sync needs them.

Read only. It cannot take a confirmation, since it could not pass it on in the member's name, and says so in
`who`, where `hashx init` sees it. Whoever has no key of the mirror learns nothing but that it is one.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from exchange.client.mirror import ANSWERS

__all__ = ["MirrorServer"]

READ_TIME_OUT: Final = 30.0
CHUNK: Final = 256 * 1024
MAX_BODY: Final = 64 * 1024
_FILE: Final = re.compile(
    r"/tuf/(?P<repository>directory|[a-z2-7]{26})/"
    r"(?:metadata/(?:[1-9][0-9]{0,9}\.)?[a-z]+\.json"
    r"|targets/(?:[a-z2-7]{26}/)?[0-9a-f]{64}\.[a-z0-9][a-z0-9.-]{0,120}\.(?:json|parquet))",
    re.ASCII,
)
_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})-", re.ASCII)


class MirrorServer:
    """`key` None: anybody who can reach it may read, which is for lists that are public anyway."""

    def __init__(self, folder: Path, host: str, port: int, *, key: str | None) -> None:
        self._folder = folder
        self._key = key
        self._server = _Server((host, port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, name="mirror", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def admits(self, authorization: str) -> bool:
        if self._key is None:
            return True
        return hmac.compare_digest(authorization.encode(), f"Bearer {self._key}".encode())

    def file(self, path: str) -> Path | None:
        """The served file at `path`, which can name nothing outside `tuf/`."""
        if _FILE.fullmatch(path) is None:
            return None
        found = self._folder / path.lstrip("/")
        return found if found.is_file() else None

    def answer(self, path: str) -> object | None:
        """What the API would say; None: nothing."""
        name = path.removeprefix("/api/v1/")
        if name == "who":
            return {"organisation": "a mirror", "permissions": ["list.view"], "mirror": True}
        kept = self._answers()
        if name in ("lists", "subscriptions"):
            return {"items": kept.get(name, []), "next": None}
        return next((one for one in kept.get("lists", []) if name == f"lists/{one['id']}"), None)

    def _answers(self) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads((self._folder / ANSWERS).read_bytes())
            return kept
        except FileNotFoundError:
            return {}


class _Server(ThreadingHTTPServer):
    """A thread per connection; none of them keeps the process alive."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], mirror: MirrorServer) -> None:
        self.mirror = mirror
        super().__init__(address, _Conversation)


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = READ_TIME_OUT
    server_version = "hashx-mirror"
    sys_version = ""
    disable_nagle_algorithm = True

    @property
    def mirror(self) -> MirrorServer:
        return cast(_Server, self.server).mirror

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/.well-known/hash-exchange.json":
            self._json(200, {"mirror": True})
        elif not path.startswith("/tuf/directory/") and not self._admitted():
            self._problem(401, "credential.unknown", "This key is not known here.")
        elif path.startswith("/api/v1/") and (said := self.mirror.answer(path)) is not None:
            self._json(200, said)
        elif (file := self.mirror.file(path)) is not None:
            self._file(file)
        else:
            self._problem(404, "not_found", "There is nothing at this address.")

    def do_POST(self) -> None:
        # What was sent is not read: the connection ends with the answer.
        self.close_connection = True
        if self._admitted():
            self._problem(403, "mirror.read_only", "A mirror takes nothing: speak to the exchange.")
        else:
            self._problem(401, "credential.unknown", "This key is not known here.")

    def _admitted(self) -> bool:
        return self.mirror.admits(self.headers.get("Authorization", ""))

    def _file(self, path: Path) -> None:
        with path.open("rb") as file:
            length = file.seek(0, 2)
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            start = int(asked[1]) if asked and int(asked[1]) < length else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(length - start))
            self.send_header("Content-Type", "application/octet-stream")
            self.end_headers()
            file.seek(start)
            _copy(file, self.wfile.write)

    def _json(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _problem(self, status: int, code: str, detail: str) -> None:
        self._json(status, {"status": status, "code": code, "detail": detail})

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Silence: what is worth saying is said by the command."""


def _copy(file: BinaryIO, write: Callable[[bytes], object]) -> None:
    while piece := file.read(CHUNK):
        write(piece)
