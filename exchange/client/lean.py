"""Loads two libraries without what they would load only for uses that `hashx` does not have.

httpx loads rich, click and pygments for a command line of its own, and securesystemslib loads boto3, where it
is installed, for keys in AWS. Both go on without; together they are a third of the time that `hashx` takes to
find nothing new. Call these before the libraries are loaded by anything else.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["load_httpx", "load_tuf"]


def load_httpx() -> None:
    with _absent("httpx._main"):
        importlib.import_module("httpx")


def load_tuf() -> None:
    with _absent("boto3"):
        importlib.import_module("securesystemslib.signer")


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Have importing these raise ImportError for a while, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python spells "absent"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
