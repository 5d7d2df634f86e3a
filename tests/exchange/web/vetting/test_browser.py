"""Applying and vetting in a real Chromium: every page accessible in every state, and one way through them
all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.identity.models import Organisation, User
from accounts.membership.agreements import publish_agreement
from accounts.membership.duty_contacts import add_duty_contact
from accounts.membership.models import DutyContact
from accounts.standing.keep import keep_standing
from accounts.standing.measures import propose_measure
from accounts.standing.models import Condition, Measure, Standing
from accounts.vetting.apply import answer_question
from accounts.vetting.cases import add_note, ask_for_information, declare_conflict
from accounts.vetting.codes import code_digest, new_code
from accounts.vetting.decide import ProposedCondition, take_decision
from accounts.vetting.models import Case
from accounts.vetting.review import open_review
from tests import cast
from tests.accounts import cases as given
from tests.exchange.web.hands import BOTH_HANDS, Hands, Mouse, NewHands
from tests.exchange.web.looking import LOOKS, Look, Sight, walk
from tests.exchange.web.stage import HOSTILE_NAME

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def browser_of(case: Case) -> Client:
    """A browser that came back to a case by the code of a letter."""
    code, client = new_code(), Client()
    Case.objects.filter(id=case.id).update(code_digest=code_digest(code))
    assert client.post("/apply/resume", {"code": code}).status_code == HTTPStatus.FOUND
    return client


def email(number: int) -> str:
    return f"a{number}@brightwater.example"


def applicant_sights() -> list[Sight]:
    now = timezone.now()
    draft = given.started(email=email(1), now=now)
    half = given.started(email=email(2), now=now)
    for question in ("kind", "name", "domain"):
        half = answer_question(half.id, question, given.ANSWERS[question], now=now)
    whole = given.filled(email=email(3), now=now)
    asked = given.submitted(email=email(4), now=now, name="Asked")
    olive = cast.operator().admin.actor
    ask_for_information(asked.id, "Which register is it?", actor=olive, now=now)
    waiting = given.submitted(email=email(5), now=now, name="Waiting")
    given.proven(waiting, now=now)
    declined = given.decided(outcome="decline", now=now)
    Case.objects.filter(id=declined.id).update(name="Declined")
    approved = given.prepared(email=email(6), now=now, name="Approved")
    decision = given.proposed(approved, now=now)
    take_decision(decision.id, unconflicted=True, actor=cast.operator().second_admin.actor, now=now)
    new, halfway, full = browser_of(draft), browser_of(half), browser_of(whole)
    open_, told, no, yes = browser_of(waiting), browser_of(asked), browser_of(declined), browser_of(approved)
    questions = [Sight(f"question-{name}", full, f"/apply/questions/{name}") for name in given.ANSWERS]
    return [
        Sight("apply", None, "/apply"),
        Sight("begin", None, "/apply/begin"),
        Sight("begin-wrong", None, "/apply/begin", press="main .button"),
        Sight("resume", None, "/apply/resume?sent=yes"),
        Sight("resume-wrong", None, "/apply/resume", press="main .button"),
        Sight("new-code", None, "/apply/new-code"),
        Sight("apply-underway", new, "/apply"),
        Sight("tasks-empty", new, "/apply/tasks"),
        Sight("tasks-half", halfway, "/apply/tasks"),
        Sight("tasks-whole", full, "/apply/tasks"),
        *questions,
        Sight("question-wrong", new, "/apply/questions/contact", press="main .button"),
        Sight("domain-proof", full, "/apply/domain-proof"),
        Sight("domain-proof-looking", full, "/apply/domain-proof", press="main .button"),
        Sight("domain-proof-proven", open_, "/apply/domain-proof"),
        Sight("check", full, "/apply/check"),
        Sight("check-wrong", full, "/apply/check", press="main .button"),
        Sight("done", open_, "/apply/status?done=yes"),
        Sight("status-open", open_, "/apply/status"),
        Sight("status-asked", told, "/apply/status"),
        Sight("reply", told, "/apply/reply"),
        Sight("status-declined", no, "/apply/status"),
        Sight("appeal", no, "/apply/appeal"),
        Sight("withdraw", open_, "/apply/withdraw"),
        Sight("status-approved", yes, "/apply/status"),
        Sight("password", yes, "/apply/password"),
        Sight("password-wrong", yes, "/apply/password", press="main .button"),
    ]


def staff_sights() -> list[Sight]:
    now, crew = timezone.now(), cast.operator()
    olive, oscar, third = crew.admin.user, crew.second_admin.user, "Otto Admin"
    otto = cast.person(crew.organisation, third, ("exchange-admin",)).user
    fresh = given.submitted(email=email(1), now=now, name=HOSTILE_NAME)
    given.evidence(
        fresh, "registry", by=crew.admin, result="failed", finding="Struck off.\nSee the extract.", now=now
    )
    add_note(fresh.id, "Their chair is known to us.", to_applicant=False, actor=crew.admin.actor, now=now)
    declare_conflict(fresh.id, "My brother works there.", actor=cast.acting(otto, crew.organisation), now=now)
    due = now + timedelta(days=30)
    condition = ProposedCondition("Publish a report.", olive.id, due, ("credential.manage",))
    proposal = given.prepared(email=email(2), now=now, name="Proposed")
    given.proposed(
        proposal, now=now, conditions=(condition,), probation_until=due, message="Welcome.", note="Fine."
    )
    member = given.decided(now=now, conditions=(condition,))
    lumen = cast.lumen().organisation
    measure = propose_measure(
        lumen.id, "suspension", reason="Lists were passed on.", actor=crew.admin.actor, now=now
    )
    late = given.prepared(email=email(7), now=now - timedelta(days=300), name="Late")
    owed = Condition.objects.get(organisation__isnull=False)
    case, whole, joined = (f"/applications/{one.id}" for one in (fresh, proposal, member))
    return [
        Sight("queue", olive, "/applications"),
        Sight("queue-decided", olive, "/applications?show=decided"),
        Sight("case", olive, case),
        Sight("case-conflicted", otto, case),
        Sight("case-proposed", oscar, whole),
        Sight("case-approved", oscar, joined),
        Sight("case-late", olive, f"/applications/{late.id}"),
        Sight("evidence", oscar, f"{case}/evidence/sanctions"),
        Sight("evidence-wrong", oscar, f"{case}/evidence/sanctions", press="main .button"),
        Sight("note", olive, f"{case}/note"),
        Sight("ask", olive, f"{case}/ask"),
        Sight("conflict", olive, f"{case}/conflict"),
        Sight("propose", olive, f"{case}/propose"),
        Sight("propose-wrong", olive, f"{case}/propose", press="main .button"),
        Sight("decide", oscar, f"{whole}/decide"),
        Sight("decide-wrong", oscar, f"{whole}/decide", press="main .button"),
        Sight("give-back", oscar, f"{whole}/give-back"),
        Sight("export", olive, f"{joined}/export"),
        Sight("checklists", olive, "/applications/checklists"),
        Sight("checklist", olive, "/applications/checklists/company"),
        Sight("members", olive, "/members"),
        Sight("members-none", olive, "/members?status=closed"),
        Sight("member", olive, f"/members/{Organisation.objects.get(name='Brightwater Video').id}"),
        Sight("member-measure", oscar, f"/members/{lumen.id}"),
        Sight("measure", olive, f"/members/{lumen.id}/measure"),
        Sight("measure-wrong", olive, f"/members/{lumen.id}/measure", press="main .button"),
        Sight("carry-out", oscar, f"/members/measures/{measure.id}/carry-out"),
        Sight("carry-out-early", oscar, f"/members/measures/{measure.id}/carry-out", press="main .button"),
        Sight("drop", oscar, f"/members/measures/{measure.id}/drop"),
        Sight(
            "condition",
            olive,
            f"/members/conditions/{owed.id}",
        ),
        Sight("calendar", olive, "/calendar"),
        Sight("agreement-operator", olive, "/organisation/agreements"),
        Sight("agreement-new", olive, "/organisation/agreements/new"),
    ]


def member_sights() -> list[Sight]:
    now, crew, lumen = timezone.now(), cast.operator(), cast.lumen()
    harbor, northland = cast.harbor(), cast.northland()
    publish_agreement(
        text_en="Be good.\n" * 40, text_fr="Soyez sages.\n" * 40, changes_en="All.", changes_fr="Tout.",
        grace_days=30, actor=crew.admin.actor, now=now - timedelta(days=31),
    )  # fmt: skip
    for actor in (lumen.admin.actor, harbor.admin.actor):
        add_duty_contact(
            name="Night desk", email="night@lumen.example", phone="+1 613 555 0123", language="fr",
            actor=actor, now=now,
        )  # fmt: skip
    DutyContact.objects.filter(organisation=harbor.organisation).update(checked_at=now - timedelta(days=400))
    Standing.objects.create(
        organisation=lumen.organisation, vetted_at=now, review_due_at=now - timedelta(days=1)
    )
    open_review(lumen.organisation.id, now=now)
    keep_standing(lumen.organisation.id, now=now)
    propose_measure(lumen.organisation.id, "suspension", reason="Passed on.", actor=crew.admin.actor, now=now)
    measure = Measure.objects.get()
    ada = lumen.admin.user
    return [
        Sight("review", ada, "/organisation/review"),
        Sight("review-none", northland.viewer.user, "/organisation/review"),
        Sight("review-question", ada, "/organisation/review/questions/contact"),
        Sight("review-measure", ada, f"/organisation/review/measures/{measure.id}"),
        Sight("agreement", ada, "/organisation/agreements"),
        Sight("agreement-viewer", lumen.viewer.user, "/organisation/agreements"),
        Sight("contacts", ada, "/organisation/duty-contacts"),
        Sight("contacts-late", harbor.admin.user, "/organisation/duty-contacts"),
        Sight("contacts-none", northland.viewer.user, "/organisation/duty-contacts"),
        Sight("contact-new", ada, "/organisation/duty-contacts/new"),
        Sight("contact-wrong", ada, "/organisation/duty-contacts/new", press="main .button"),
    ]


def empty_sights() -> list[Sight]:
    olive = cast.operator().admin.user
    return [
        Sight("queue-empty", olive, "/applications"),
        Sight("calendar-empty", olive, "/calendar"),
        Sight("agreement-none", olive, "/organisation/agreements"),
        Sight("case-missing", olive, "/applications/AP-0000-0000"),
    ]


def come_back(hands: Hands, url: str, code: str) -> None:
    """By the link of the mail: a script reads its code, which no address has. Without scripts it is typed."""
    page = hands.page
    page.goto(f"{url}/apply/resume#{code}")
    if isinstance(hands, Mouse):
        expect(page.locator("#code")).to_have_value(code)
        assert "#" not in page.url
    else:
        hands.write("#code", code)
    hands.send()
    expect(page.locator("#code")).to_have_count(0)


@LOOKS
@pytest.mark.parametrize("sights", [applicant_sights, staff_sights, member_sights, empty_sights])
def test_every_page_is_accessible_in_every_state(
    live_server: Any, browser: Browser, sights: Callable[[], list[Sight]], look: Look
) -> None:
    assert walk(browser, live_server.url, sights(), look) == ""


def apply(hands: Hands, url: str) -> Case:
    """Every question in its turn, and the application handed in."""
    page = hands.page
    page.goto(f"{url}/apply")
    hands.press("Begin an application")
    hands.write("#email", "wanda@brightwater.example")
    hands.send()
    come_back(hands, url, given.newest_code("wanda@brightwater.example"))
    for question, typed in given.ANSWERS.items():
        page.goto(f"{url}/apply/questions/{question}")
        for name, value in typed.items():
            if page.locator(f"[name={name}]").first.get_attribute("type") == "radio":
                hands.tick(f"[name={name}][value={value}]")
            else:
                hands.write(f"[name={name}]", value)
        hands.send()
    page.goto(f"{url}/apply/check")
    hands.tick("#declared")
    hands.send()
    case = Case.objects.get()
    expect(page.locator(".done .reference")).to_have_text(case.id)
    return case


def check(hands: Hands, url: str, case: Case) -> None:
    """The first of two admins records what they found, and proposes to approve."""
    page = hands.page
    page.goto(f"{url}/applications")
    hands.press("Brightwater Video")
    for item in ("registry", "sanctions", "call-back", "criteria"):
        page.goto(f"{url}/applications/{case.id}/evidence/{item}")
        hands.tick("[name=result][value=passed]")
        hands.write("#source", "Handelsregister, looked up today")
        hands.write("#reference", "folder 12")
        if page.locator("#unconflicted").count():
            hands.tick("#unconflicted")
        hands.send()
    hands.press("Propose a decision")
    hands.tick("[name=outcome][value=approve]")
    hands.send()
    expect(page.locator("text=Look and decide")).to_have_count(0)


@pytest.mark.slow
@BOTH_HANDS
def test_applicant_to_active_member_with_two_admins(
    live_server: Any, browser: Browser, hands: NewHands
) -> None:
    url, crew = live_server.url, cast.operator()
    wanda, olive, oscar = hands(browser), hands(browser), hands(browser)
    case = apply(wanda, url)
    given.proven(case, now=timezone.now())
    olive.sign_in(url, crew.admin.user)
    check(olive, url, case)
    oscar.sign_in(url, crew.second_admin.user)
    oscar.page.goto(f"{url}/applications/{case.id}")
    oscar.press("Look and decide")
    oscar.tick("#unconflicted")
    oscar.send()
    expect(oscar.page.locator("main .tag").first).to_have_text("Approved")

    wanda.page.goto(f"{url}/apply/status")
    wanda.press("Choose a password")
    wanda.write("#password", cast.PASSWORD)
    wanda.send()
    wanda.sign_in(url, User.objects.get(email="wanda@brightwater.example"))
    expect(wanda.page.locator(".who")).to_contain_text("Brightwater Video")
    for one in (wanda, olive, oscar):
        one.page.context.close()
