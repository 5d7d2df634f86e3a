"""What an applicant is asked, a question per page, and when an answer can be kept. Pure.

The words of the questions are the pages' (exchange/web/vetting); here are their fields, limits and order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from accounts.domains.names import known_domain
from accounts.errors import Invalid
from accounts.identity.jurisdictions import known_jurisdiction
from accounts.wording import one_line, paragraphs

KINDS: Final = ("company", "ngo", "government")
ROLES_WANTED: Final = ("subscribe", "publish", "both")
_PHONE = re.compile(r"\+[0-9][0-9 ()./-]{5,30}")
_ADDRESS = re.compile(r"https://[^\s\"'<>]{3,1900}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One field: how it is checked, and how long it may be."""

    name: str
    check: str = "line"
    limit: int = 300
    required: bool = True
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One page of the application; `kinds` are those that are asked it (empty: all)."""

    name: str
    fields: tuple[Asked, ...]
    kinds: tuple[str, ...] = ()


QUESTIONS: Final[tuple[Question, ...]] = (
    Question("kind", (Asked("kind", "choice", choices=KINDS),)),
    Question("name", (Asked("name"),)),
    Question("jurisdiction", (Asked("jurisdiction", "jurisdiction"),)),
    Question("registration", (Asked("register"), Asked("register_number", limit=100)), ("company", "ngo")),
    Question("authority", (Asked("authority", "text", 1_000),), ("government",)),
    Question("domain", (Asked("domain", "domain", 253),)),
    Question("contact", (Asked("contact_name"), Asked("contact_role"), Asked("phone", "phone", 40))),
    Question(
        "purpose",
        (Asked("wanted", "choice", choices=ROLES_WANTED), Asked("purpose", "text", 2_000)),
    ),
    Question(
        "policies",
        (Asked("terms", "address", 2_000), Asked("transparency", "address", 2_000, required=False)),
        ("company", "ngo"),
    ),
    Question("interests", (Asked("interests", "text", 1_000, required=False),)),
)
BY_NAME: Final[Mapping[str, Question]] = {question.name: question for question in QUESTIONS}


def questions_for(answers: Mapping[str, str]) -> tuple[Question, ...]:
    """The questions that this applicant is asked, in order; the kind decides on some of them."""
    kind = answers.get("kind", "")
    return tuple(one for one in QUESTIONS if not one.kinds or kind in one.kinds)


def is_answered(question: Question, answers: Mapping[str, str]) -> bool:
    """Whether every field was seen; an optional one may have been left empty on purpose."""
    return all(answers.get(field.name) is not None for field in question.fields) and all(
        answers[field.name] for field in question.fields if field.required
    )


def unanswered(answers: Mapping[str, str]) -> list[Question]:
    return [one for one in questions_for(answers) if not is_answered(one, answers)]


def checked_answers(question: Question, given: Mapping[str, str]) -> dict[str, str]:
    """The values of one question as they are kept.

    Errors: Invalid on the field, `answer.…`, `text.…`, `jurisdiction.unknown` or `domain.…`.
    """
    return {field.name: _checked(field, given.get(field.name, "")) for field in question.fields}


def _checked(field: Asked, value: str) -> str:
    if field.check == "choice":
        return _chosen(field, value)
    if field.check == "text":
        return paragraphs(value, field=field.name, limit=field.limit, required=field.required)
    line = one_line(value, field=field.name, limit=field.limit, required=field.required)
    if not line:
        return line
    if field.check == "jurisdiction":
        return known_jurisdiction(line, field=field.name)
    if field.check == "domain":
        return known_domain(line, field=field.name)
    if field.check == "phone" and not _PHONE.fullmatch(line):
        raise Invalid(
            "This is not a telephone number in the international form.",
            code="answer.phone",
            field=field.name,
            advice="Begin with + and the country code, such as +1 613 555 0123.",
        )
    if field.check == "address" and not _ADDRESS.fullmatch(line):
        raise Invalid("This is not an address with https:// in front.", code="answer.url", field=field.name)
    return line


def _chosen(field: Asked, value: str) -> str:
    if value not in field.choices:
        raise Invalid("Choose one of the answers.", code="answer.choice", field=field.name)
    return value


def fields_of(questions: Iterable[Question]) -> tuple[str, ...]:
    return tuple(field.name for question in questions for field in question.fields)
