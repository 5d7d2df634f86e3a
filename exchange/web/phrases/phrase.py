"""One sentence of a refusal or a problem, where translators find it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """`particular` means that the room's own sentence says more (a line, a name, a number) than this one;
    `plainer` that this one is shown in English too, because the room speaks to engineers there.
    """

    message: str
    advice: str = ""
    particular: bool = False
    plainer: bool = False
