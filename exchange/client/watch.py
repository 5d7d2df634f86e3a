"""How long work tells whoever waits how far it is."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Quiet", "Watch"]


class Watch(Protocol):
    """Something that is told about progress. Calls come from one thread."""

    def begin(self, label: str, total: int) -> None:
        """A stretch of `total` units starts; it replaces the one before."""

    def advance(self, amount: int) -> None:
        """So many units of the current stretch are done."""

    def say(self, text: str) -> None:
        """One line worth reading."""


class Quiet:
    """Nobody waits."""

    def begin(self, label: str, total: int) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass

    def say(self, text: str) -> None:
        pass
