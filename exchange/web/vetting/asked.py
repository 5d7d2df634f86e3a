"""The words of an application's questions, beside their fields in accounts/vetting/questions.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.vetting.questions import Question
from exchange.web import fields
from exchange.web.fields import Field, options
from exchange.web.parts import Row
from exchange.web.vetting.words import KIND, WANTED
from exchange.web.words import word

TITLE: Final[Mapping[str, Promise]] = {
    "kind": _("What kind of organisation is it?"),
    "name": _("What is it called?"),
    "jurisdiction": _("Under whose law does it stand?"),
    "registration": _("Where is it registered?"),
    "authority": _("What is its legal mandate?"),
    "domain": _("What is its domain?"),
    "contact": _("Whom do we talk to?"),
    "purpose": _("What do you want to do here?"),
    "policies": _("What are your rules?"),
    "interests": _("Is there a conflict of interest?"),
}
_FIELDS: Final[Mapping[str, tuple[Field, ...]]] = {
    "kind": (fields.radios("kind", TITLE["kind"], options(KIND), heading=True),),
    "name": (
        fields.text(
            "name", TITLE["name"], heading=True, autocomplete="organization",
            hint=_("The name in the public register, or of the authority in law."),
        ),
    ),
    "jurisdiction": (
        fields.text(
            "jurisdiction", TITLE["jurisdiction"], heading=True, longest=2, width="tiny", spellcheck=False,
            hint=_("The two letters of the country, such as CA or GB; EU and UN are taken too."),
        ),
    ),
    "registration": (
        fields.text("register", _("Name of the register"), hint=_("For example: Companies House.")),
        fields.text("register_number", _("Number in it"), width="short", longest=100, spellcheck=False),
    ),
    "authority": (
        fields.textarea(
            "authority", TITLE["authority"], heading=True,
            hint=_("Name the act of law and the unit that it names."),
        ),
    ),
    "domain": (
        fields.text(
            "domain", TITLE["domain"], heading=True, longest=253, spellcheck=False,
            hint=_("Of your website and e-mail, such as example.org. You will prove that it is yours."),
        ),
    ),
    "contact": (
        fields.text("contact_name", _("Name"), autocomplete="name"),
        fields.text("contact_role", _("Position"), autocomplete="organization-title"),
        fields.phone(
            "phone", _("Telephone"),
            hint=_("Begin with + and the country code. We also call a number that we find ourselves."),
        ),
    ),
    "purpose": (
        fields.radios("wanted", _("What do you want to do?"), options(WANTED)),
        fields.textarea("purpose", _("Why?"), hint=_("In a few sentences."), longest=2_000),
    ),
    "policies": (
        fields.url("terms", _("Address of your terms"), hint=_("Those that forbid such content.")),
        fields.url("transparency", _("Address of your transparency report"), optional=True),
    ),
    "interests": (
        fields.textarea(
            "interests", TITLE["interests"], heading=True, optional=True,
            hint=_("For example: you work with somebody who decides here. Leave it empty if there is none."),
        ),
    ),
}  # fmt: skip


def fields_of(question: Question) -> tuple[Field, ...]:
    return _FIELDS[question.name]


def answers_to_check(questions: tuple[Question, ...], answers: Mapping[str, str], base: str) -> list[Row]:
    """Every answer with the address where it is changed; none when `base` is empty."""
    rows = []
    for question in questions:
        for field in fields_of(question):
            value = answers.get(field.name, "")
            if field.name == "kind":
                value = word(KIND, value)
            if field.name == "wanted":
                value = word(WANTED, value)
            change = f"{base}/{question.name}" if base else ""
            rows.append(Row(field.label, value, change))
    return rows
