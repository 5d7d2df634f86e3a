"""Duty contacts: named by an admin, checked once a year, for the organisation's own people alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.membership.duty_contacts import add_duty_contact, check_duty_contacts, end_duty_contact
from accounts.membership.models import DutyContact
from tests import cast
from tests.cast import NOW

pytestmark = pytest.mark.django_db


def add(actor: Actor, email: str = "night@lumen.example", phone: str = "+1 613 555 0123") -> DutyContact:
    return add_duty_contact(name="Night desk", email=email, phone=phone, language="en", actor=actor, now=NOW)


def test_an_admin_names_contacts_and_checks_them_once_a_year() -> None:
    lumen = cast.lumen()
    contact = add(lumen.admin.actor)
    assert list(DutyContact.objects.current()) == [contact]
    a_year_on = NOW + timedelta(days=365)
    assert list(DutyContact.objects.due(a_year_on)) == [contact]
    assert check_duty_contacts(actor=lumen.admin.actor, now=a_year_on) == 1
    assert not DutyContact.objects.due(a_year_on)
    end_duty_contact(contact.id, actor=lumen.admin.actor, now=a_year_on)
    assert not DutyContact.objects.current()
    with pytest.raises(Conflict, match="no duty contact"):
        check_duty_contacts(actor=lumen.admin.actor, now=a_year_on)
    events = AuditEvent.objects.filter(action__startswith="duty_contact.").order_by("number")
    assert [event.action.partition(".")[2] for event in events] == ["added", "checked", "ended"]
    assert "lumen.example" not in str([event.facts for event in events])


def test_contacts_of_a_suspended_member_are_not_used() -> None:
    lumen = cast.lumen()
    add(lumen.admin.actor)
    Organisation.objects.filter(id=lumen.organisation.id).update(status="suspended")
    assert not DutyContact.objects.current()


def test_strangers_and_people_without_the_right_change_nothing() -> None:
    lumen, stranger = cast.lumen(), cast.stranger()
    contact = add(lumen.admin.actor)
    with pytest.raises(NotFound):
        end_duty_contact(contact.id, actor=stranger.actor, now=NOW)
    for act in (
        lambda: add(lumen.viewer.actor, "other@lumen.example"),
        lambda: check_duty_contacts(actor=lumen.viewer.actor, now=NOW),
        lambda: end_duty_contact(contact.id, actor=lumen.viewer.actor, now=NOW),
    ):
        with pytest.raises(NotAllowed):
            act()


@pytest.mark.parametrize(
    ("email", "phone", "code"),
    [
        ("not an address", "+1 613 555 0123", "duty_contact.email"),
        ("night@lumen.example", "613 555 0123", "duty_contact.phone"),
    ],
)
def test_it_refuses_what_nobody_could_reach(email: str, phone: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        add(cast.lumen().admin.actor, email, phone)
    assert refused.value.code == code


def test_a_contact_is_named_once_and_ten_at_most() -> None:
    actor = cast.lumen().admin.actor
    for number in range(10):
        add(actor, f"night{number}@lumen.example")
        if number == 0:
            with pytest.raises(Conflict, match="already"):
                add(actor, "night0@lumen.example")
    with pytest.raises(Conflict, match="at most 10"):
        add(actor, "night10@lumen.example")
