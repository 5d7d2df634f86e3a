"""What a command says: one JSON document on stdout with `--json`, else plain text; people's progress goes to
stderr.

`rich` is imported only where a person looks: on a pipe it would cost more than a small sync.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from accounts.errors import Refusal
from exchange.client.refusals import exit_for
from exchange.client.watch import Quiet, Watch

__all__ = ["Output", "size_of"]


def size_of(length: int) -> str:
    """Bytes for people."""
    amount = float(length)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def _printable(text: str) -> str:
    """Text of strangers without what a terminal would obey."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


class Output:
    """How one run of `hashx` speaks."""

    def __init__(self, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def say(self, text: str = "") -> None:
        """A line for people; on stderr when stdout carries JSON."""
        print(_printable(text), file=self._err if self.as_json else self._out, flush=True)

    def warn(self, text: str) -> None:
        print(_printable(text), file=self._err, flush=True)

    def document(self, document: Mapping[str, Any]) -> None:
        """The one JSON document of this run; nothing without `--json`."""
        if self.as_json:
            print(json.dumps(document, ensure_ascii=False), file=self._out, flush=True)

    def event(self, document: Mapping[str, Any]) -> None:
        """One of many documents, a line each: for commands that run until they are stopped."""
        self.document(document)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Aligned columns."""
        if self.as_json:
            return
        cells = [[_printable(cell) for cell in row] for row in (heads, *rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
        for row in cells:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print(line.rstrip(), file=self._out)

    def refusal(self, error: BaseException) -> None:
        """Why it stopped: message, advice and code."""
        self.document({"error": refusal_document(error)})
        self.warn(f"hashx: {_message(error)}")
        if isinstance(error, Refusal) and error.advice:
            self.warn(f"       {error.advice}")

    def watch(self) -> Watch:
        """A progress bar when a person is looking, silence otherwise."""
        if self._err.isatty() and os.environ.get("TERM") != "dumb":
            from exchange.client.bar import Bar

            return Bar(self._err)
        return _Spoken(self)


def refusal_document(error: BaseException) -> dict[str, Any]:
    """An error as `--json` shows it."""
    code = error.code if isinstance(error, Refusal) else type(error).__name__
    document: dict[str, Any] = {"code": code, "message": _message(error), "exit": int(exit_for(error))}
    if isinstance(error, Refusal):
        document |= {
            name: value for name, value in (("field", error.field), ("advice", error.advice)) if value
        }
    return document


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return str(error) or type(error).__name__


class _Spoken(Quiet):
    """No bar, but what is worth reading is still said."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def say(self, text: str) -> None:
        self._output.warn(text)
