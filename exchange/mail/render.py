"""A letter in its reader's language, as text and as HTML of the same words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from exchange.mail.letters import LETTERS


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


def rendered(kind: str, *, facts: dict[str, Any], path: str, language: str) -> Rendered:
    """Errors: KeyError for a kind that has no words, or a letter that names a fact it was not given."""
    letter = LETTERS[kind]
    with translation.override(language):
        words = {
            "subject": _one_line(_(letter.subject) % facts),
            "says": [_(sentence) % facts for sentence in letter.says],
            "act": _(letter.act) if letter.act and path else "",
            "link": f"{settings.HX_PUBLIC_URL}{path}" if path else "",
            "why": _(letter.why) % facts if letter.why else "",
            "site": settings.HX_NAME,
            "greeting": _("Good day"),
            "instead": _("If the button does not work, copy this address into your browser:"),
            "care": _("This exchange never asks for a password, a code or a key by e-mail."),
            "language": language,
        }
        return Rendered(
            subject=f"{words['subject']} – {settings.HX_NAME}",
            text=render_to_string("mail/letter.txt", words),
            html=render_to_string("mail/letter.html", words),
        )


def _one_line(text: str) -> str:
    """A subject is a header: names in it were checked when they were given, and this is the second lock."""
    return " ".join(text.split())
