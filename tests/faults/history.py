"""What happened, as JSON lines: every request with its answer, every blow, every notice, every applied state.

Written while it happens, by many threads; read back once by the rules. Hash values do not go in: of what was
sent it keeps the seed and the count.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """`what` happened `at` (seconds since 1970), and its facts."""

    at: float
    what: str
    facts: dict[str, Any]


class History:
    """A file of events."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._writing = threading.Lock()
        file.touch()

    def note(self, what: str, **facts: Any) -> None:
        """From any thread; a line is whole or not there."""
        line = json.dumps({"at": time.time(), "what": what, **facts})
        with self._writing, self.file.open("a") as file:
            file.write(line + "\n")

    def events(self) -> list[Event]:
        """Everything so far, in the order in which it was written."""
        return list(self._read())

    def count(self) -> Counter[str]:
        return Counter(event.what for event in self._read())

    def _read(self) -> Iterator[Event]:
        for line in self.file.read_text().splitlines():
            facts = json.loads(line)
            yield Event(facts.pop("at"), facts.pop("what"), facts)
