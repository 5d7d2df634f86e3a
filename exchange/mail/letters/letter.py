"""The form of every letter: what it is about, what it says, and what to press."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """English sentences, marked for translation with `gettext_noop`; `%(name)s` stands for a fact.

    `act` is the button's label and needs a path; `why` says why the reader gets this.
    """

    subject: str
    says: tuple[str, ...]
    act: str = ""
    why: str = ""
