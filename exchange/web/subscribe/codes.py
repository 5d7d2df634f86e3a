"""Every code that a refusal can carry, read from the source itself: a catalogue that cannot be out of date.

Read once per process, and only when somebody asks. A code without a sentence of its own (one that is put
together while running) is left out; the machine-readable code in a problem document is what counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from accounts import errors
from accounts.errors import Refusal
from exchange.http.problems import status_of

_ROOT: Final = Path(__file__).resolve().parents[3]
_PLACES: Final = (
    "accounts", "hashsets", "exchange/access", "exchange/api", "exchange/calls", "exchange/http",
    "exchange/push", "exchange/sharing",
)  # fmt: skip
_KINDS: Final[dict[str, type[Refusal]]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Refusal)
}


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    status: int
    message: str
    advice: str


@cache
def codes() -> tuple[Code, ...]:
    """All of them, by code; of several places that say the same code the first with a sentence counts."""
    found: dict[str, Code] = {}
    for place in _PLACES:
        for path in sorted((_ROOT / place).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "code=" in text and "migrations" not in path.parts:
                for code in _in(ast.parse(text)):
                    found.setdefault(code.code, code)
    return tuple(found[name] for name in sorted(found))


def _in(tree: ast.Module) -> Iterator[Code]:
    """Calls like `Conflict("…", code="noun.reason", advice="…")`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        kind = _KINDS.get(node.func.id)
        words = {word.arg: word.value for word in node.keywords}
        code = _text(words.get("code"))
        if kind is not None and "." in code and node.args:
            message = _text(node.args[0])
            yield Code(code, status_of(kind(message, code=code)).value, message, _text(words.get("advice")))


def _text(node: ast.expr | None) -> str:
    """A sentence as it is written; what is filled in while running is shown as '…'."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""
