"""Whatever a signal interrupts, its handler only makes a note: no lock, no condition, no event.

The lock that a handler asks for may be held by the very line that it interrupts, and a request to end that
comes just before a wait is not heard until the wait is over.
"""

from __future__ import annotations

import ast
from pathlib import Path

from tests.services import ROOT

NOTES = {"stop": ("exchange/client/listen.py", "exchange/supervise.py")}


def handlers() -> list[tuple[str, ast.expr]]:
    """Every second argument of `signal.signal` in the product, with its file."""
    found = []
    for floor in ("accounts", "hashsets", "exchange"):
        for path in sorted((ROOT / floor).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "signal.signal":
                    found.append((str(path.relative_to(ROOT)), node.args[1]))
    return found


def test_handlers_of_signals_append_to_a_list_or_set_an_attribute() -> None:
    found = handlers()
    assert len(found) >= 4
    for path, handler in found:
        if isinstance(handler, ast.Name | ast.Attribute):
            assert ast.unparse(handler) in ("handler", "self._on_signal"), (path, ast.unparse(handler))
            continue
        assert isinstance(handler, ast.Lambda), path
        assert isinstance(handler.body, ast.Call), path
        called = handler.body.func
        assert isinstance(called, ast.Attribute), path
        assert called.attr in ("append", *NOTES), (path, ast.unparse(handler))


def test_what_they_call_is_one_assignment_of_a_constant() -> None:
    for name, paths in NOTES.items():
        for path in paths:
            tree = ast.parse((Path(ROOT) / path).read_text())
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.FunctionDef)
                    and node.name == name
                    and "signal handler" in (ast.get_docstring(node) or "")
                ):
                    (statement,) = node.body[1:]
                    assert isinstance(statement, ast.Assign), path
                    assert isinstance(statement.value, ast.Constant), path
                    break
            else:
                raise AssertionError(f"{path}: no {name}() says that it is safe in a signal handler")
