"""Suspending, lifting and ending a membership: heard first, by two people, and at once where harm goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.identity.acting import Actor, person_acting
from accounts.identity.models import Organisation
from accounts.mail.models import OutgoingMail
from accounts.membership.agreements import accept_agreement, publish_agreement
from accounts.membership.models import Agreement
from accounts.standing.keep import keep_standing, refresh_standing, standings_due
from accounts.standing.measures import carry_out, drop_measure, propose_measure, reply_to_measure
from accounts.standing.models import Measure
from accounts.standing.remind import remind, reminders_due
from accounts.vetting.decide import take_decision
from accounts.vetting.models import Case
from exchange.stations import Seldom
from tests import cast
from tests.accounts import cases as given
from tests.accounts.cases import days
from tests.accounts.test_races import together
from tests.cast import NOW


def member() -> Organisation:
    """Lumen, also when nobody may act for it any more."""
    return Organisation.objects.filter(name="Lumen").first() or cast.lumen().organisation


def propose(kind: str, *, actor: Actor | None = None) -> Measure:
    return propose_measure(
        member().id, kind, reason="Lists were passed on.",
        actor=actor or cast.operator().admin.actor, now=NOW,
    )  # fmt: skip


def second(measure: Measure, *, at: int = 0) -> Measure:
    return carry_out(measure.id, actor=cast.operator().second_admin.actor, now=days(at))


def status() -> str:
    return Organisation.objects.get(name="Lumen").status


@pytest.mark.django_db
def test_a_suspension_waits_for_the_members_word_and_a_second_person() -> None:
    crew, lumen = cast.operator(), cast.lumen()
    measure = propose("suspension")
    assert status() == "active"
    with pytest.raises(NotAllowed) as refused:
        carry_out(measure.id, actor=crew.admin.actor, now=days(20))
    assert refused.value.code == "measure.second_person"
    with pytest.raises(Conflict) as early:
        second(measure)
    assert early.value.code == "measure.hearing"
    reply_to_measure(measure.id, "It was a mistake of ours.", actor=lumen.admin.actor, now=days(1))
    with pytest.raises(Conflict):
        reply_to_measure(measure.id, "Again.", actor=lumen.second_admin.actor, now=days(1))
    second(measure, at=1)
    assert status() == "suspended"
    assert person_acting(lumen.admin.user, lumen.organisation) is None
    assert {mail.kind for mail in OutgoingMail.objects.all()} == {"vetting.hearing", "vetting.suspended"}


@pytest.mark.django_db
def test_without_a_word_the_suspension_may_come_after_fourteen_days() -> None:
    second(propose("suspension"), at=14)
    assert status() == "suspended"


@pytest.mark.django_db
def test_at_once_is_one_persons_act_and_lifting_is_two_peoples() -> None:
    crew = cast.operator()
    propose("emergency")
    assert status() == "suspended"
    lifting = propose("lifting")
    with pytest.raises(NotAllowed):
        carry_out(lifting.id, actor=crew.admin.actor, now=NOW)
    second(lifting)
    assert status() == "active"


@pytest.mark.django_db
def test_a_dropped_measure_leaves_everything_as_it_was() -> None:
    measure = propose("offboarding")
    with pytest.raises(Conflict) as refused:
        propose("suspension")
    assert refused.value.code == "measure.waits"
    drop_measure(measure.id, note="Settled.", actor=cast.operator().admin.actor, now=NOW)
    with pytest.raises(Conflict):
        second(measure, at=20)
    assert status() == "active"


@pytest.mark.django_db
def test_members_and_strangers_take_no_measures() -> None:
    measure = propose("suspension")
    for actor in (cast.stranger().actor, cast.lumen().admin.actor, cast.operator().officer.actor):
        with pytest.raises(NotFound):
            propose("emergency", actor=actor)
        with pytest.raises(NotFound):
            carry_out(measure.id, actor=actor, now=days(20))
        with pytest.raises(NotFound):
            drop_measure(measure.id, note="x", actor=actor, now=NOW)
    with pytest.raises(NotFound):
        reply_to_measure(measure.id, "x", actor=cast.stranger().actor, now=NOW)
    with pytest.raises(NotAllowed):
        reply_to_measure(measure.id, "x", actor=cast.lumen().viewer.actor, now=NOW)


@pytest.mark.django_db
def test_the_operator_itself_is_not_suspended() -> None:
    crew = cast.operator()
    with pytest.raises(NotAllowed):
        propose_measure(crew.organisation.id, "emergency", reason="x", actor=crew.admin.actor, now=NOW)


@pytest.mark.django_db
def test_suspension_ends_a_live_session_at_its_next_request() -> None:
    from tests.exchange.web.stage import signed_in

    lumen = cast.lumen()
    client: Client = signed_in(lumen.admin.user)
    assert client.get("/lists").status_code == 200
    assert "Sign out" in client.get("/").content.decode()
    propose("emergency")
    assert "Sign out" not in client.get("/").content.decode()


# Agreements


def publish(number: int) -> Agreement:
    return publish_agreement(
        text_en=f"Text {number}", text_fr=f"Texte {number}", changes_en="New.", changes_fr="Nouveau.",
        grace_days=30, actor=cast.operator().admin.actor, now=NOW,
    )  # fmt: skip


@pytest.mark.django_db
def test_a_new_version_asks_again_and_unaccepted_makes_read_only_after_the_grace() -> None:
    lumen = cast.lumen()
    publish(1)
    accept_agreement(1, actor=lumen.admin.actor, now=NOW)
    publish(2)
    with pytest.raises(Conflict) as refused:
        accept_agreement(1, actor=lumen.admin.actor, now=NOW)
    assert refused.value.code == "agreement.not_newest"
    with pytest.raises(NotAllowed):
        accept_agreement(2, actor=lumen.viewer.actor, now=NOW)
    assert list(standings_due(days(29), 10)) == []
    assert list(standings_due(days(30), 10)) == [lumen.organisation.id]
    keep_standing(lumen.organisation.id, now=days(30))
    assert Organisation.objects.get(id=lumen.organisation.id).read_only_since == days(30)
    accept_agreement(2, actor=lumen.admin.actor, now=days(31))
    refresh_standing(lumen.organisation.id, actor=lumen.admin.actor, now=days(31))
    assert Organisation.objects.get(id=lumen.organisation.id).read_only_since is None
    assert list(standings_due(days(31), 10)) == []


@pytest.mark.django_db
def test_reminders_come_once_each_before_the_review() -> None:
    given.decided()
    told = []
    for day in (300, 338, 338, 369, 392, 392, 399):
        for one in reminders_due(days(day), 10):
            remind(one, now=days(day))
            told.append((day, one.kind, one.days))
        assert list(reminders_due(days(day), 10)) == []
    assert told == [
        (338, "vetting.review_due", 60), (369, "vetting.review_due", 29), (392, "vetting.review_due", 6),
    ]  # fmt: skip


# Two at once


@pytest.mark.django_db(transaction=True)
def test_two_deciders_at_once_decide_once() -> None:
    crew = cast.operator()
    third = cast.person(crew.organisation, "Otto Admin", ("exchange-admin",))
    decision = given.proposed(given.prepared())
    refusals = together(
        *(
            lambda who=who: take_decision(decision.id, unconflicted=True, actor=who.actor, now=NOW)
            for who in (crew.second_admin, third)
        )
    )
    assert [type(refusal) for refusal in refusals if refusal] == [Conflict]
    assert Organisation.objects.filter(name="Brightwater Video").count() == 1
    assert Case.objects.get().parts.filter(kind="d").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_person_cannot_decide_and_collect_at_the_same_moment() -> None:
    crew = cast.operator()
    case = given.prepared()
    decision = given.proposed(case)
    refusals = together(
        lambda: take_decision(decision.id, unconflicted=True, actor=crew.second_admin.actor, now=NOW),
        lambda: given.evidence(case, "registry", by=crew.second_admin),
    )
    assert len([refusal for refusal in refusals if refusal]) == 1
    assert case.parts.filter(person=crew.second_admin.user).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_measure_is_carried_out_or_dropped_but_not_both() -> None:
    crew = cast.operator()
    measure = propose("suspension")
    refusals = together(
        lambda: second(measure, at=20),
        lambda: drop_measure(measure.id, note="x", actor=crew.admin.actor, now=days(20)),
    )
    assert len([refusal for refusal in refusals if refusal]) == 1
    measure.refresh_from_db()
    assert (status() == "suspended") == (measure.state == "done")


def test_a_station_of_days_is_not_asked_every_second_and_never_stops_half_way() -> None:
    asked: list[datetime] = []
    waiting = [["one"], ["two"], []]

    def due(now: datetime, _limit: int) -> list[str]:
        asked.append(now)
        return waiting.pop(0) if waiting else []

    seldom = Seldom(due, every=timedelta(minutes=10))
    assert [seldom(NOW, 20) for _ in range(4)] == [["one"], ["two"], [], []]
    assert len(asked) == 3
    seldom(NOW + timedelta(minutes=10), 20)
    assert len(asked) == 4
