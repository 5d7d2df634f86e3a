"""Whom the exchange reaches at any hour: an admin names them, and says once a year that they are right."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.membership.models import DutyContact
from accounts.wording import one_line

MOST_CONTACTS = 10
_PHONE = re.compile(r"\+[0-9][0-9 ()./-]{5,30}")


def add_duty_contact(
    *, name: str, email: str, phone: str, language: str, actor: Actor, now: datetime
) -> DutyContact:
    """Name one more contact of the actor's own organisation.

    Errors: NotAllowed `permission.missing`; Invalid `duty_contact.…` or on the name; Conflict
    `duty_contact.exists`, `duty_contact.too_many`.
    """
    actor.require(Permission.MEMBER_MANAGE)
    organisation_id = actor.organisation()
    contact = DutyContact(
        organisation_id=organisation_id,
        name=one_line(name, field="name", limit=300),
        email=_email(email),
        phone=_phone(phone),
        language=_language(language),
        created_at=now,
        checked_at=now,
    )
    with transaction.atomic():
        Organisation.objects.lock(organisation_id)  # so that two at once count each other
        current = DutyContact.objects.filter(organisation_id=organisation_id, ended_at__isnull=True)
        if current.count() >= MOST_CONTACTS:
            raise Conflict(
                f"An organisation names at most {MOST_CONTACTS} duty contacts.",
                code="duty_contact.too_many",
                advice="Remove one first.",
            )
        try:
            with transaction.atomic():
                contact.save(force_insert=True)
        except IntegrityError:
            raise Conflict(
                "This address is a duty contact already.", code="duty_contact.exists", field="email"
            ) from None
        _record(Action.DUTY_CONTACT_ADDED, contact, actor=actor, now=now)
    return contact


def check_duty_contacts(*, actor: Actor, now: datetime) -> int:
    """Say that every contact of the organisation is still right; returns how many there are.

    Errors: NotAllowed `permission.missing`; Conflict `duty_contact.none`.
    """
    actor.require(Permission.MEMBER_MANAGE)
    organisation_id = actor.organisation()
    with transaction.atomic():
        current = DutyContact.objects.filter(organisation_id=organisation_id, ended_at__isnull=True)
        count = current.update(checked_at=now)
        if not count:
            raise Conflict(
                "There is no duty contact to check.", code="duty_contact.none", advice="Add one first."
            )
        record(
            Action.DUTY_CONTACT_CHECKED,
            actor=actor,
            subject_type="organisation",
            subject_id=organisation_id,
            organisation_id=organisation_id,
            now=now,
            facts={"contacts": count},
        )
    return count


def end_duty_contact(contact_id: UUID, *, actor: Actor, now: datetime) -> DutyContact:
    """Stop using a contact of the actor's own organisation.

    Errors: NotFound `duty_contact.not_found`; NotAllowed `permission.missing`.
    """
    missing = NotFound("There is no such duty contact.", code="duty_contact.not_found")
    own = DutyContact.objects.filter(id=contact_id, organisation_id=actor.organisation())
    if not own.exists():
        raise missing
    actor.require(Permission.MEMBER_MANAGE)
    with transaction.atomic():
        if not own.filter(ended_at__isnull=True).update(ended_at=now):
            raise missing
        contact = own.get()
        _record(Action.DUTY_CONTACT_ENDED, contact, actor=actor, now=now)
    return contact


def _record(action: Action, contact: DutyContact, *, actor: Actor, now: datetime) -> None:
    """Without name, address and number: the chain can never forget a person."""
    record(
        action,
        actor=actor,
        subject_type="duty_contact",
        subject_id=contact.id,
        organisation_id=contact.organisation_id,
        now=now,
    )


def _email(text: str) -> str:
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise Invalid("This is not an e-mail address.", code="duty_contact.email", field="email") from None
    return address


def _phone(text: str) -> str:
    number = one_line(text, field="phone", limit=40, required=False)
    if number and not _PHONE.fullmatch(number):
        raise Invalid(
            "This is not a telephone number in the international form.",
            code="duty_contact.phone",
            field="phone",
            advice="Begin with + and the country code, such as +1 613 555 0123.",
        )
    return number


def _language(text: str) -> str:
    if text not in ("en", "fr"):
        raise Invalid("This language is not offered.", code="duty_contact.language", field="language")
    return text
