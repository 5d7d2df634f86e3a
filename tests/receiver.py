"""A member's endpoint for tests: `python -m tests.receiver PORT FOLDER`. Standard library only.

It appends every request to FOLDER/requests.jsonl before it answers, and answers as FOLDER/behaviour.json
says. An ownership challenge is answered with the HMAC of its nonce under FOLDER/secret, if that is not empty.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_RECORDING = threading.Lock()


class Endpoint(BaseHTTPRequestHandler):
    """One request: record, then behave."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self._note(body)
        wish = json.loads((self.folder / "behaviour.json").read_text())
        if wish["hang"]:
            time.sleep(3600)
        time.sleep(wish["delay"])
        answer = self._challenge_answer(body)
        if answer is not None:
            self._send(200, {"content-type": "application/json"}, answer)
        else:
            self._send(wish["status"], wish["headers"], wish["body"].encode())

    do_GET = do_POST  # noqa: N815  (the base class names it so)

    def _note(self, body: bytes) -> None:
        line = json.dumps(
            {
                "at": time.time(),
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": body.decode("utf-8", "replace"),
            }
        )
        # One write to a file opened for appending: a reader sees whole lines only.
        with _RECORDING, (self.folder / "requests.jsonl").open("a") as record:
            record.write(line + "\n")

    def _challenge_answer(self, body: bytes) -> bytes | None:
        secret = (self.folder / "secret").read_text().strip()
        try:
            said = json.loads(body or b"{}")
        except ValueError:
            return None
        nonce = said.get("data", {}).get("nonce") if said.get("type") == "endpoint.challenge" else None
        if not secret or not isinstance(nonce, str):
            return None
        key = base64.b64decode(secret.removeprefix("whsec_"))
        return json.dumps({"answer": hmac.new(key, nonce.encode(), hashlib.sha256).hexdigest()}).encode()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
        """Say nothing: the record says everything."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def main() -> None:
    """Serve until killed."""
    Endpoint.folder = Path(sys.argv[2])
    server = _Server(("127.0.0.1", int(sys.argv[1])), Endpoint)
    # A hanging request must not keep the process from ending.
    import signal

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
