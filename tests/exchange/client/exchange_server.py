"""A loopback HTTP server with an exchange's addresses: TUF files from a folder with ranges, and the API's
answers.

It can be told to break: to answer with other bytes, with a status, to break off, or to say nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "hx_live_member"

Answer = tuple[int, bytes]


class ExchangeServer:
    """`answers` overrides a path (without the leading slash) by status and body, a function, or a
    break-off."""

    def __init__(self, served: Path) -> None:
        self.served = served
        self.answers: dict[str, Answer | Callable[[], Answer]] = {}
        self.cut_after: dict[str, int] = {}
        self.endless: set[str] = set()
        self.redirects: dict[str, str] = {}
        self.lists: list[dict[str, Any]] = []
        self.subscribed: set[str] = set()
        self.policies: dict[str, Any] = {}
        self.confirmations: list[dict[str, Any]] = []
        self.uploads: list[tuple[str, bytes]] = []
        self.submission: dict[str, Any] = {}
        self.endpoint: dict[str, Any] = {}
        self.permissions = ["list.view", "release.confirm"]
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bytes_sent = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]


def _handler_of(exchange: ExchangeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10
        # Or the answers to small requests on one connection wait 40 ms for an acknowledgement.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = self._noted()
            if path in exchange.redirects:
                self._send(302, b"", {"Location": exchange.redirects[path]})
            elif path in exchange.answers:
                told = exchange.answers[path]
                self._send(*(told() if callable(told) else told))
            elif path in exchange.endless:
                self._endless()
            elif path.startswith("tuf/"):
                self._file(path)
            elif path == ".well-known/hash-exchange.json":
                self._json(200, {})
            elif not self._authorised():
                self._problem(401, "credential.unknown", "This key is not known.")
            else:
                self._get_api(path)

        def do_POST(self) -> None:
            path = self._noted()
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if path in exchange.answers:
                told = exchange.answers[path]
                self._send(*(told() if callable(told) else told))
            elif not self._authorised():
                self._problem(401, "credential.unknown", "This key is not known.")
            elif path == "api/v1/subscriptions":
                list_id = json.loads(body)["list_id"]
                exchange.subscribed.add(list_id)
                self._json(201, self._subscription(list_id))
            elif path.endswith("/confirmations"):
                exchange.confirmations.append(json.loads(body))
                self._json(201, {})
            elif path.endswith("/submissions"):
                exchange.uploads.append((self.path.partition("?")[2], body))
                self._json(202, exchange.submission)
            else:
                self._problem(404, "not_found", "There is nothing at this address.")

        def do_PATCH(self) -> None:
            list_id = self._noted().rpartition("/")[2]
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            exchange.policies[list_id] = body["policy"]
            self._json(200, self._subscription(list_id))

        def _subscription(self, list_id: str) -> dict[str, Any]:
            return {"id": list_id, "list_id": list_id, "policy": exchange.policies.get(list_id, {})}

        def _noted(self) -> str:
            path = self.path.partition("?")[0].lstrip("/")
            exchange.requests.append((self.command, path, dict(self.headers.items())))
            return path

        def _authorised(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {KEY}"

        def _get_api(self, path: str) -> None:
            listed = [{**one, "subscribed": one["id"] in exchange.subscribed} for one in exchange.lists]
            if path == "api/v1/who":
                self._json(200, {"organisation": "Lumen", "permissions": exchange.permissions})
            elif path == "api/v1/subscriptions":
                self._json(200, {"items": [self._subscription(one) for one in exchange.subscribed]})
            elif path == "api/v1/lists":
                # One to a page, so that every test walks the pages.
                asked = re.search(r"cursor=(\d+)", self.path)
                at = int(asked[1]) if asked else 0
                following = str(at + 1) if at + 1 < len(listed) else None
                self._json(200, {"items": listed[at : at + 1], "next": following})
            elif found := [one for one in listed if path == f"api/v1/lists/{one['id']}"]:
                self._json(200, found[0])
            elif path == f"api/v1/endpoints/{exchange.endpoint.get('id')}":
                self._json(200, exchange.endpoint)
            else:
                self._problem(404, "list.not_found", "There is no such list.")

        def _file(self, path: str) -> None:
            file = exchange.served / path
            if not file.is_file():
                self._problem(404, "not_found", "There is nothing at this address.")
                return
            content = file.read_bytes()
            start, status, headers = 0, 200, {}
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and int(asked[1]) < len(content):
                start, status = int(asked[1]), 206
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            cut = exchange.cut_after.pop(path, None)
            self._send(status, content[start:], headers, cut=cut)

        def _endless(self) -> None:
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"0" * 65536)

        def _json(self, status: int, document: object) -> None:
            self._send(status, json.dumps(document).encode())

        def _problem(self, status: int, code: str, detail: str) -> None:
            self._json(status, {"status": status, "code": code, "detail": detail})

        def _send(
            self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: int | None = None
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if cut is None else body[:cut])
            exchange.bytes_sent += len(body)
            if cut is not None:
                self.close_connection = True

        def handle(self) -> None:
            # The client hangs up on what it refuses, which is what some tests are about.
            with contextlib.suppress(ConnectionError, TimeoutError):
                super().handle()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler
