"""Classification schemes as data: the labels that publishers already use. Code 0 always means "not classified".

A list starts from a scheme and may append its own labels; codes are per list and append-only, and the manifest states
them, so nobody needs this table to read a list.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SCHEMES", "Label", "Scheme", "scheme"]


@dataclass(frozen=True, slots=True)
class Label:
    """`code` is the number stored in segments, `name` what people write in a file, `title` what it means."""

    code: int
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Scheme:
    slug: str
    title: str
    labels: tuple[Label, ...]
    source: str = ""

    @property
    def codes(self) -> dict[str, int]:
        """Name -> code."""
        return {label.name: label.code for label in self.labels}


SCHEMES: dict[str, Scheme] = {}


def scheme(slug: str) -> Scheme:
    """The scheme called `slug`; Invalid `scheme.unknown`."""
    raise NotImplementedError
