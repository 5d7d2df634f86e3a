"""Typed reading of a JSON document that somebody else wrote: what is not there, or of another kind, is
refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from accounts.errors import Invalid

__all__ = ["MAX_INTEGER", "Reader"]

MAX_INTEGER: Final = 2**53 - 1  # what every JSON reader in every language keeps exactly


class Reader:
    """One JSON value and where it stands; keys that nobody asks for are not noticed here."""

    def __init__(self, value: Any, where: str) -> None:
        self._value, self._where = value, where

    def get(self, key: str) -> Reader:
        if not isinstance(self._value, dict) or key not in self._value:
            raise Invalid(f"{self._where}: “{key}” is missing.", code="document.malformed")
        return Reader(self._value[key], f"{self._where}.{key}")

    def has(self, key: str) -> bool:
        """Whether an optional key is there."""
        return isinstance(self._value, dict) and key in self._value

    def items(self) -> Iterator[Reader]:
        if not isinstance(self._value, list):
            raise self._wrong("a list")
        return (Reader(value, f"{self._where}[{at}]") for at, value in enumerate(self._value))

    def keys(self) -> list[str]:
        if not isinstance(self._value, dict):
            raise self._wrong("an object")
        return list(self._value)

    def integer(self, low: int = 0, high: int = MAX_INTEGER) -> int:
        if type(self._value) is not int or not low <= self._value <= high:
            raise self._wrong(f"a whole number from {low} to {high}")
        return self._value

    def text(self, longest: int = 300) -> str:
        if not isinstance(self._value, str) or len(self._value) > longest:
            raise self._wrong(f"text of at most {longest} characters")
        return self._value

    def _wrong(self, wanted: str) -> Invalid:
        return Invalid(f"{self._where} is not {wanted}.", code="document.malformed")
