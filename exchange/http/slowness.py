"""What slow senders are told, where Django has not read who asks, or in which language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

RETRY_AFTER: Final = 5
FOR_PROGRAMS: Final = ("/api/", "/tuf/", "/.well-known/")


@dataclass(frozen=True, slots=True)
class Answer:
    """A problem document for programs; for people two sentences, in both languages of the site."""

    status: HTTPStatus
    code: str
    english: str
    french: str

    def content(self, target: str) -> tuple[str, bytes]:
        """Content type and body for a request to `target`."""
        if not target.startswith(FOR_PROGRAMS):
            return "text/plain; charset=utf-8", f"{self.english}\n\n{self.french}\n".encode()
        facts = {
            "type": f"/api/v1/errors#{self.code}",
            "title": self.status.phrase,
            "status": self.status.value,
            "code": self.code,
            "detail": self.english,
        }
        return "application/problem+json", json.dumps(facts).encode()

    def over_the_wire(self, target: str) -> bytes:
        """The whole answer, for a connection that is closed after it."""
        kind, body = self.content(target)
        again = f"Retry-After: {RETRY_AFTER}\r\n" if self.status is HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n{again}Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


TOO_SLOW: Final = Answer(
    HTTPStatus.REQUEST_TIMEOUT,
    "request.too_slow",
    "The request came too slowly and was given up. Nothing was stored; send it again over a faster line, "
    "a file in smaller parts.",
    "La requête est arrivée trop lentement et a été abandonnée. Rien n'a été enregistré ; renvoyez-la par "
    "une ligne plus rapide, un fichier en parties plus petites.",
)
NO_PLACE: Final = Answer(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "request.no_place",
    "Too many files are being received at the moment. Nothing was stored; send it again in a few seconds.",
    "Trop de fichiers sont reçus en ce moment. Rien n'a été enregistré ; renvoyez-le dans quelques secondes.",
)
