"""A refusal in the reader's language. The rooms below speak English; the code says which sentence it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.errors import Refusal
from exchange.web.phrases import PROBLEMS, REFUSALS, Phrase


@dataclass(frozen=True, slots=True)
class Told:
    """`detail` is the room's own English sentence where it says more than the translated one, else empty."""

    code: str
    message: str
    advice: str = ""
    detail: str = ""
    field: str = ""


def told(refusal: Refusal) -> Told:
    return _say(REFUSALS, refusal.code, refusal.message, refusal.advice or "", field=refusal.field or "")


def refused(code: str, message: str) -> Told:
    """The stored outcome of a check, whose advice is part of the message already."""
    if _is_english():
        return Told(code=code, message=message)
    return _say(REFUSALS, code, message, "")


def problem(code: str, message: str, advice: str) -> Told:
    return _say(PROBLEMS, code, message, advice)


def _say(table: Mapping[str, Phrase], code: str, message: str, advice: str, *, field: str = "") -> Told:
    phrase = table.get(code)
    if phrase is None or (_is_english() and not phrase.plainer):
        return Told(code=code, message=message, advice=advice, field=field)
    return Told(
        code=code,
        message=_(phrase.message),
        advice=_(phrase.advice) if phrase.advice else "",
        detail=message if phrase.particular else "",
        field=field,
    )


def _is_english() -> bool:
    return (get_language() or "en").startswith("en")
