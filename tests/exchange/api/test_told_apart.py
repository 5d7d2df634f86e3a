"""What another organisation has and what does not exist cannot be told apart: not by the answer, and not by
the time it takes, because the very same work is done for both.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exchange.http import permissions
from tests.exchange.api.conftest import Private
from tests.exchange.api.test_strangers import Ask, operations, strangers

LIST: Final = re.compile(r"\b[a-z2-7]{26}\b")
UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
ATTEMPT: Final = re.compile(r"(?<=/attempts/)\d+")
VALUE: Final = re.compile(r"'(?:[^']|'')*'|\b[0-9a-f]{32}\b|\b\d+(?:\.\d+)?\b")
SAVEPOINT: Final = re.compile(r'(?<=SAVEPOINT )"[^"]*"')


def nobodys(text: str) -> str:
    """The same request for things that there are not."""
    made: dict[str, str] = {}
    text = LIST.sub(lambda found: made.setdefault(found[0], "a" * 26), text)
    text = UUID.sub(lambda found: made.setdefault(found[0], str(uuid.uuid4())), text)
    return ATTEMPT.sub("987654321", text)


def without_ids(text: str) -> str:
    return ATTEMPT.sub("<id>", UUID.sub("<id>", LIST.sub("<id>", text)))


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a stranger can see of an answer, and the work behind it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    queries: tuple[str, ...]

    def other_than(self, twin: Seen) -> Iterator[str]:
        for name in ("status", "headers", "body", "queries"):
            ours, theirs = getattr(self, name), getattr(twin, name)
            if name == "queries" and ours != theirs:
                lines = unified_diff(theirs, ours, "for nothing", "for theirs", n=0, lineterm="")
                yield "\n    ".join(line[:400] for line in lines)
            elif ours != theirs:
                yield f"{name}: {ours} instead of {theirs}"


def asked(ask: Ask, method: str, path: str, body: dict[str, Any]) -> Seen:
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = ask(method, path, body)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "x-request-id"}
    text = without_ids(content.decode("utf-8", "replace"))
    return Seen(
        answer.status_code,
        tuple(sorted((name, without_ids(value)) for name, value in headers.items())),
        text,
        tuple(SAVEPOINT.sub("?", VALUE.sub("?", query["sql"])) for query in captured.captured_queries),
    )


@pytest.mark.parametrize("who", [0, 1], ids=["with a key", "in a browser"])
def test_what_others_have_is_answered_by_the_same_work_as_what_there_is_not(
    private: Private, monkeypatch: pytest.MonkeyPatch, who: int
) -> None:
    # A stranger's calls are written down at every tenth of them, whatever was asked for.
    monkeypatch.setattr(permissions, "count", lambda request, reader: None)
    ask, told, tried = strangers()[who], [], 0
    ask("get", "/api/v1/lists", {})  # what the first call of a stranger makes is there
    for method, path, body in operations(private):
        nowhere, nothing = nobodys(path), json.loads(nobodys(json.dumps(body)))
        assert (nowhere, nothing) != (path, body), path
        theirs, none = asked(ask, method, path, body), asked(ask, method, nowhere, nothing)
        told += [f"{method} {without_ids(path)} {difference}" for difference in theirs.other_than(none)]
        assert theirs.queries, path
        tried += 1
    assert tried > 60
    assert not told, "\n".join(told)
