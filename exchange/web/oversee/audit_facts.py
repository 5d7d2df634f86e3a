"""What happened, as an auditor looks for it: filters that become one query, and events in words.

An auditor of a member sees what was done in their own organisation's name; the exchange's staff see all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.errors import Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, User
from exchange.web import fields
from exchange.web.fields import Field, Form, Option
from exchange.web.shown import digest, instant, number, short

_LONG_HEX: Final = re.compile(r"[0-9a-fA-F]{32,}")
# Names are looked up in tables of thousands; more than this many hits would say nothing.
_MOST_NAMED: Final = 200


@dataclass(frozen=True, slots=True)
class EventRow:
    number: int
    label: str
    at: SafeString
    action: str
    who: str
    organisation: str
    subject: str


@dataclass(frozen=True, slots=True)
class EventFacts:
    """One event. Digests of files in it are shown by their beginning; the chain's own in full, to compare."""

    row: EventRow
    kind: str
    credential: str
    subject_type: str
    facts: tuple[tuple[str, str], ...]
    digest: SafeString
    previous: SafeString


def filters(actor: Actor) -> tuple[Field, ...]:
    """What one may look for; the organisation only where there are several to see."""
    actions = (Option("", _("All")), *(Option(action.value, action.value) for action in sorted(Action)))
    organisation = fields.text("organisation", _("Organisation"), optional=True)
    return (
        *((organisation,) if actor.is_operator else ()),
        fields.text("who", _("Person (name or e-mail)"), optional=True),
        fields.select("action", _("Act"), actions, optional=True),
        fields.text("subject", _("Reference or identifier"), optional=True, spellcheck=False),
        fields.date("from", _("From (day, UTC)"), optional=True),
        fields.date("until", _("Until (day, UTC)"), optional=True),
    )


def events_for(actor: Actor) -> QuerySet[AuditEvent]:
    rows = AuditEvent.objects.select_related("organisation")
    return rows if actor.is_operator else rows.filter(organisation_id=actor.organisation())


def found(form: Form, actor: Actor) -> QuerySet[AuditEvent]:
    """Errors: Invalid `audit.day` for a day that is none."""
    rows = events_for(actor)
    if actor.is_operator and (name := _text(form, "organisation")):
        named = Organisation.objects.filter(name__icontains=name).values_list("id", flat=True)
        rows = rows.filter(organisation_id__in=list(named[:_MOST_NAMED]))
    if who := _text(form, "who"):
        people = User.objects.filter(Q(name__icontains=who) | Q(email=who.lower()))
        rows = rows.filter(person_id__in=list(people.values_list("id", flat=True)[:_MOST_NAMED]))
    if action := _text(form, "action"):
        rows = rows.filter(action=action)
    if subject := _text(form, "subject"):
        rows = rows.filter(subject_id__in={subject, subject.lower()})
    if (first := _day(form, "from")) is not None:
        rows = rows.filter(at__gte=first)
    if (last := _day(form, "until")) is not None:
        rows = rows.filter(at__lt=last + timedelta(days=1))
    return rows


def one_event(event_number: int, actor: Actor) -> AuditEvent:
    """Errors: NotFound `audit.no_event`, the same for absent and for another organisation's."""
    row = events_for(actor).filter(number=event_number).first()
    if row is None:
        raise NotFound("There is no such event.", code="audit.no_event")
    return row


def event_row(row: AuditEvent) -> EventRow:
    return EventRow(
        number=row.number,
        label=number(row.number),
        at=instant(row.at),
        action=row.action,
        who=row.actor_label,
        organisation=row.organisation.name if row.organisation else "",
        subject=_cut(f"{row.subject_type} {row.subject_id}"),
    )


def event_facts(row: AuditEvent) -> EventFacts:
    return EventFacts(
        row=event_row(row),
        kind=row.actor_kind,
        credential=str(row.credential_id or ""),
        subject_type=row.subject_type,
        facts=tuple((name, _said(value)) for name, value in sorted(row.facts.items())),
        digest=digest(row.digest),
        previous=digest(row.previous_digest),
    )


def csv_row(row: AuditEvent) -> list[str | int]:
    """As a line of the export: times in ISO 8601, facts as `name=value`."""
    facts = "; ".join(f"{name}={_said(value)}" for name, value in sorted(row.facts.items()))
    organisation = row.organisation.name if row.organisation else ""
    return [
        row.number, row.at.astimezone(UTC).isoformat(timespec="seconds"), row.action, row.actor_kind,
        row.actor_label, organisation, row.subject_type, _cut(row.subject_id), facts, row.digest,
    ]  # fmt: skip


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_said(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_said(inner) for inner in value)
    return "–" if value in (None, "") else _cut(str(value))


def _cut(text: str) -> str:
    """No hash value in full on a page, whatever it is the hash of; identifiers keep their dashes."""
    return _LONG_HEX.sub(lambda match: short(match[0]), text)


def _text(form: Form, name: str) -> str:
    # Characters that cannot be stored cannot be found; PostgreSQL would not even take the question.
    return "".join(character for character in form.value(name) if character.isprintable())


def _day(form: Form, name: str) -> datetime | None:
    text = _text(form, name)
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("This is not a day.", code="audit.day", field=name) from None
