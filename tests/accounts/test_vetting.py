"""Vetting from application to decision: two people, evidence that ages, conflicts, appeals, and nobody
else.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.issue import issue_credential
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal, Throttled, Unauthenticated
from accounts.identity.acting import Actor, person_acting
from accounts.identity.models import Organisation, User
from accounts.identity.roles import Permission, Role
from accounts.mail.models import OutgoingMail
from accounts.membership.members import add_member
from accounts.standing.keep import keep_standing, meet_condition, standings_due
from accounts.standing.models import Condition
from accounts.vetting import apply, cases
from accounts.vetting.checklists import change_checklist, current_items, items_of
from accounts.vetting.decide import (
    Proposal,
    ProposedCondition,
    propose_decision,
    return_decision,
    take_decision,
)
from accounts.vetting.evidence import checked_items, missing_items
from accounts.vetting.first_admin import awaits_password, choose_password
from accounts.vetting.models import Case, CasePart, Decision
from accounts.vetting.review import answer_review, open_review, own_review, reviews_due, submit_review
from tests import cast
from tests.accounts import cases as given
from tests.accounts.cases import days
from tests.cast import NOW

pytestmark = pytest.mark.django_db


# Applying


def test_the_mailed_code_proves_the_address_and_brings_the_applicant_back() -> None:
    case = apply.start_application(email=" Wanda@Brightwater.example ", language="fr", now=NOW)
    code = given.newest_code("wanda@brightwater.example")
    assert case.email_proven_at is None
    assert code not in str(Case.objects.values().get())
    typed = code.lower().replace("-", " ").replace("0", "o")
    back = apply.resume_application(typed, now=NOW)
    assert (back.id, back.email_proven_at, back.language) == (case.id, NOW, "fr")


@pytest.mark.parametrize("code", ["", "7K3M9-QTD2X-5BN8C-R4WYZ", "\x00", "é" * 30])
def test_a_wrong_code_opens_nothing(code: str) -> None:
    given.started()
    with pytest.raises(Unauthenticated) as refused:
        apply.resume_application(code, now=NOW)
    assert refused.value.code == "application.code"


def test_a_renewed_code_ends_the_old_one_and_tells_nobody_whether_it_fitted() -> None:
    case = given.started()
    old = given.newest_code(case.email)
    later = NOW + timedelta(minutes=2)
    for reference, email in ((case.id, "else@brightwater.example"), ("AP-0000-0000", case.email)):
        apply.renew_code(reference, email, now=later)
    assert OutgoingMail.objects.filter(kind="vetting.code").count() == 1
    apply.renew_code(case.id.lower(), case.email, now=later)
    apply.renew_code(case.id, case.email, now=later)  # within the minute: no second letter
    assert OutgoingMail.objects.filter(kind="vetting.code").count() == 2
    with pytest.raises(Unauthenticated):
        apply.resume_application(old, now=later)
    assert apply.resume_application(given.newest_code(case.email), now=later).id == case.id


def test_one_address_begins_five_applications_a_day() -> None:
    for _ in range(5):
        apply.start_application(email="a@b.example", language="en", now=NOW)
    with pytest.raises(Throttled):
        apply.start_application(email="a@b.example", language="en", now=NOW)


@pytest.mark.parametrize(
    ("question", "field", "value", "code"),
    [
        ("kind", "kind", "operator", "answer.choice"),
        ("name", "name", "", "text.missing"),
        ("jurisdiction", "jurisdiction", "XX", "jurisdiction.unknown"),
        ("domain", "domain", "127.0.0.1", "domain.name"),
        ("domain", "domain", "localhost", "domain.name"),
        ("domain", "domain", "exa mple.org", "domain.name"),
        ("contact", "phone", "555", "answer.phone"),
        ("policies", "terms", "javascript:alert(1)", "answer.url"),
    ],
)
def test_an_answer_that_nobody_could_use_is_refused_at_its_field(
    question: str, field: str, value: str, code: str
) -> None:
    case = given.filled()
    with pytest.raises(Invalid) as refused:
        apply.answer_question(case.id, question, {**given.ANSWERS[question], field: value}, now=NOW)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_it_is_handed_in_when_every_question_of_its_kind_is_answered() -> None:
    case = given.started()
    with pytest.raises(Conflict, match="not answered"):
        apply.submit_application(case.id, declared=True, now=NOW)
    case = given.filled(kind="company")
    with pytest.raises(Invalid, match="Confirm"):
        apply.submit_application(case.id, declared=False, now=NOW)
    case = apply.submit_application(case.id, declared=True, now=NOW)
    assert case.checklist is not None
    assert (case.state, case.checklist.track, case.domain_proof.domain) == (
        "open", "company", "brightwater.example",
    )  # fmt: skip
    with pytest.raises(Conflict, match="being checked"):
        apply.answer_question(case.id, "name", {"name": "Another"}, now=NOW)


def test_a_change_of_domain_makes_another_token() -> None:
    case = given.filled()
    before = case.domain_proof.token
    apply.answer_question(case.id, "domain", {"domain": "brightwater.example"}, now=NOW)
    assert Case.objects.get(id=case.id).domain_proof.token == before
    apply.answer_question(case.id, "domain", {"domain": "bücher.example"}, now=NOW)
    after = Case.objects.get(id=case.id).domain_proof
    assert (after.domain, after.token == before) == ("xn--bcher-kva.example", False)


# The checklist as data


def test_an_edit_is_the_next_version_and_running_cases_keep_theirs() -> None:
    olive = cast.operator().admin
    case = given.submitted()
    items, version = current_items("company")
    changed = change_checklist(
        "company", items[:3], jurisdictions=["fr"], seen_version=version, actor=olive.actor, now=NOW
    )
    assert (version, changed.version) == (1, 2)
    assert len(checked_items(case, now=NOW)) == len(items) == 6
    with pytest.raises(Conflict, match="Somebody else"):
        change_checklist("company", items, jurisdictions=[], seen_version=1, actor=olive.actor, now=NOW)
    elsewhere = given.submitted(email="x@brightwater.example", name="Elsewhere")
    assert elsewhere.checklist is not None
    assert elsewhere.checklist.track == "other"  # Germany's register is not among those known
    assert items_of(changed) == items[:3]


def test_only_people_of_the_exchange_change_a_checklist() -> None:
    items, version = current_items("ngo")
    for actor in (cast.stranger().actor, cast.harbor().admin.actor):
        with pytest.raises(NotAllowed):
            change_checklist("ngo", items, jurisdictions=[], seen_version=version, actor=actor, now=NOW)
    with pytest.raises(NotAllowed):
        change_checklist("ngo", items, jurisdictions=[], seen_version=version, actor=cast.HOST, now=NOW)


# Evidence


def test_people_record_what_people_check_and_the_case_tells_the_rest() -> None:
    crew, case = cast.operator(), given.submitted()
    assert [one.item.code for one in missing_items(case, now=NOW)] == [
        "domain", "email", "registry", "sanctions", "call-back", "criteria",
    ]  # fmt: skip
    with pytest.raises(Invalid, match="finds this out itself"):
        given.evidence(case, "domain", by=crew.admin)
    given.proven(case)
    given.evidence(case, "registry", by=crew.admin)
    assert [one.item.code for one in missing_items(case, now=NOW)] == ["sanctions", "call-back", "criteria"]
    given.evidence(case, "registry", by=crew.admin, result="failed", finding="Struck off in March.")
    assert "registry" in [one.item.code for one in missing_items(case, now=NOW)]
    assert case.evidence.count() == 2  # nothing is overwritten


def test_evidence_is_too_old_after_398_days() -> None:
    case = given.prepared()
    assert missing_items(case, now=days(397)) == []
    assert {one.standing for one in missing_items(case, now=days(398))} == {"expired"}


def test_mail_from_another_domain_is_not_mail_from_the_proven_one() -> None:
    case = given.submitted(email="wanda@freemail.example")
    given.proven(case)
    assert "email" in [one.item.code for one in missing_items(case, now=NOW)]
    given.evidence(
        case, "email", by=cast.operator().admin, result="not_needed", finding="Its own mail moves in March."
    )
    assert "email" not in [one.item.code for one in missing_items(case, now=NOW)]


def test_a_conflict_keeps_a_person_out_and_takes_their_evidence_out() -> None:
    crew, case = cast.operator(), given.prepared()
    decision = given.proposed(case)
    cases.declare_conflict(case.id, "My sister works there.", actor=crew.admin.actor, now=NOW)
    decision.refresh_from_db()
    assert decision.state == "returned"
    assert {one.standing for one in missing_items(case, now=NOW)} == {"tainted"}
    with pytest.raises(NotAllowed) as refused:
        given.evidence(case, "registry", by=crew.admin)
    assert refused.value.code == "case.conflicted"
    cases.declare_conflict(case.id, "I hold shares in it.", actor=crew.second_admin.actor, now=NOW)
    with pytest.raises(NotAllowed) as refused:
        given.evidence(case, "registry", by=crew.second_admin)
    assert refused.value.code == "case.conflicted"


def test_whoever_takes_part_says_first_that_they_have_no_interest() -> None:
    case = given.submitted()
    with pytest.raises(NotAllowed) as refused:
        given.evidence(case, "registry", by=cast.operator().admin, unconflicted=False)
    assert (refused.value.code, refused.value.field) == ("case.conflict_unasked", "unconflicted")
    assert not CasePart.objects.exists()


# Deciding


def test_two_people_make_a_member_and_its_first_admin() -> None:
    case = given.decided()
    organisation = Organisation.objects.get(name="Brightwater Video")
    assert (case.state, case.organisation_id, organisation.status) == ("approved", organisation.id, "active")
    wanda = User.objects.get(email="wanda@brightwater.example")
    actor = person_acting(wanda, organisation)
    assert actor is not None
    assert actor.may(Permission.MEMBER_MANAGE)
    assert organisation.standing.review_due_at == days(398)
    assert organisation.domain_proofs.get().state == "proven"
    told = set(OutgoingMail.objects.values_list("kind", flat=True))
    assert told == {"vetting.code", "vetting.received", "vetting.work", "vetting.approved"}


def test_whoever_proposed_or_collected_does_not_decide() -> None:
    crew = cast.operator()
    case = given.prepared(by=crew.admin)
    third = cast.person(crew.organisation, "Otto Admin", (Role.EXCHANGE_ADMIN,))
    decision = given.proposed(case, by=third)
    for person in (crew.admin, third):
        with pytest.raises(NotAllowed) as refused:
            take_decision(decision.id, unconflicted=True, actor=person.actor, now=NOW)
        assert refused.value.code == "case.other_part"
    take_decision(decision.id, unconflicted=True, actor=crew.second_admin.actor, now=NOW)
    with pytest.raises(Conflict):
        take_decision(decision.id, unconflicted=True, actor=crew.second_admin.actor, now=NOW)


def test_nothing_is_approved_while_a_required_check_is_open_or_has_expired() -> None:
    crew, case = cast.operator(), given.submitted()
    with pytest.raises(Conflict) as refused:
        given.proposed(case)
    assert refused.value.code == "decision.incomplete"
    whole = given.prepared(email="y@brightwater.example", name="Another")
    decision = given.proposed(whole)
    with pytest.raises(Conflict) as refused:
        take_decision(decision.id, unconflicted=True, actor=crew.second_admin.actor, now=days(400))
    assert refused.value.code == "decision.incomplete"
    assert not Organisation.objects.filter(name="Another").exists()


def test_a_proposal_is_given_back_with_a_reason_and_can_be_made_anew() -> None:
    crew, case = cast.operator(), given.prepared()
    decision = given.proposed(case)
    with pytest.raises(Conflict) as refused:
        given.proposed(case)
    assert refused.value.code == "decision.waits"
    return_decision(decision.id, "Call back on the switchboard.", actor=crew.second_admin.actor, now=NOW)
    again = given.proposed(case)
    take_decision(again.id, unconflicted=True, actor=crew.second_admin.actor, now=NOW)
    assert Decision.objects.filter(case=case, state="taken").count() == 1


def test_the_clock_stands_still_while_the_applicant_is_asked() -> None:
    crew, case = cast.operator(), given.submitted()
    cases.ask_for_information(case.id, "Which register?", actor=crew.admin.actor, now=days(2))
    case.refresh_from_db()
    assert case.age_seconds(days(9)) == 2 * 86_400
    case = apply.reply(case.id, "Hamburg.", now=days(9))
    assert case.age_seconds(days(10)) == 3 * 86_400
    assert case.notes.filter(person=None).get().text == "Hamburg."


def test_a_decline_says_why_and_an_appeal_is_decided_by_others() -> None:
    crew = cast.operator()
    case = given.decided(outcome="decline")
    assert case.state == "declined"
    apply.appeal(case.id, "Our terms do forbid it, see section 4.", now=days(1))
    for person in (crew.admin, crew.second_admin):
        with pytest.raises(NotAllowed) as refused:
            given.proposed(case, by=person, outcome="decline", now=days(1))
        assert refused.value.code in ("decision.not_again", "case.decided_part")
    third, fourth = (
        cast.person(crew.organisation, name, (Role.EXCHANGE_ADMIN,)) for name in ("Otto Admin", "Orla Admin")
    )
    decision = given.proposed(case, by=third, now=days(2))
    for person in (crew.admin, crew.second_admin, third):
        with pytest.raises(NotAllowed):
            take_decision(decision.id, unconflicted=True, actor=person.actor, now=days(2))
    take_decision(decision.id, unconflicted=True, actor=fourth.actor, now=days(2))
    case.refresh_from_db()
    assert case.state == "approved"


def test_an_appeal_comes_within_sixty_days() -> None:
    case = given.decided(outcome="decline")
    with pytest.raises(Conflict, match="sixty days"):
        apply.appeal(case.id, "Too late.", now=days(61))


def test_a_condition_blocks_its_rights_until_it_is_met() -> None:
    crew = cast.operator()
    condition = ProposedCondition(
        "Publish a transparency report.", crew.admin.user.id, days(90), ("credential.manage",)
    )
    case = given.decided(conditions=(condition,), probation_until=days(180))
    organisation = Organisation.objects.get(name=case.name)
    wanda = User.objects.get(email=case.email)

    def may() -> bool:
        actor = person_acting(wanda, organisation)
        assert actor is not None
        return actor.may(Permission.CREDENTIAL_MANAGE)

    assert organisation.standing.review_due_at == days(180)
    assert not may()
    row = Condition.objects.get()
    for stranger in (cast.stranger().actor, person_acting(wanda, organisation)):
        assert stranger is not None
        with pytest.raises(NotFound):
            meet_condition(row.id, "seen", actor=stranger, now=NOW)
    meet_condition(row.id, "https link in folder 12", actor=crew.admin.actor, now=NOW)
    assert may()
    with pytest.raises(NotFound):
        meet_condition(row.id, "again", actor=crew.admin.actor, now=NOW)


@pytest.mark.parametrize(
    ("proposal", "code"),
    [
        (Proposal("perhaps"), "decision.outcome"),
        (Proposal("decline"), "decision.reason"),
        (Proposal("decline", reason="criteria"), "text.missing"),
        (Proposal("approve", probation_until=days(-1)), "decision.probation"),
    ],
)
def test_a_proposal_that_says_too_little_is_refused(proposal: Proposal, code: str) -> None:
    case = given.prepared()
    actor = cast.operator().admin.actor
    with pytest.raises(Invalid) as refused:
        propose_decision(case.id, proposal, unconflicted=True, actor=actor, now=NOW)
    assert refused.value.code == code


def test_a_taken_name_is_noticed_at_the_decision_and_nothing_is_half_done() -> None:
    crew = cast.operator()
    case = given.prepared(name="Harbor")
    cast.harbor()
    decision = given.proposed(case)
    with pytest.raises(Conflict) as refused:
        take_decision(decision.id, unconflicted=True, actor=crew.second_admin.actor, now=NOW)
    assert refused.value.code == "organisation.name_taken"
    case.refresh_from_db()
    assert (case.state, case.organisation_id) == ("open", None)
    assert not User.objects.filter(email=case.email).exists()


def test_nobody_but_the_exchange_sees_or_touches_a_case() -> None:
    case = given.prepared()
    decision = given.proposed(case)
    harbor, stranger = cast.harbor(), cast.stranger()

    def tries(actor: Actor) -> list[object]:
        return [
            lambda: cases.case_seen(case.id, actor=actor),
            lambda: cases.own_case(case.id, actor=actor, now=NOW),
            lambda: cases.add_note(case.id, "x", to_applicant=False, actor=actor, now=NOW),
            lambda: cases.ask_for_information(case.id, "x", actor=actor, now=NOW),
            lambda: cases.declare_conflict(case.id, "x", actor=actor, now=NOW),
            lambda: given.evidence(case, "registry", by=cast.Person(stranger.user, actor)),
            lambda: given.proposed(case, by=cast.Person(stranger.user, actor)),
            lambda: return_decision(decision.id, "x", actor=actor, now=NOW),
            lambda: take_decision(decision.id, unconflicted=True, actor=actor, now=NOW),
        ]

    before = AuditEvent.objects.count()
    for actor in (harbor.admin.actor, stranger.actor, cast.operator().officer.actor):
        for act in tries(actor):
            with pytest.raises(NotFound):
                act()  # type: ignore[operator]
    assert AuditEvent.objects.count() == before


def test_a_draft_is_its_applicants_alone() -> None:
    case = given.filled()
    with pytest.raises(NotFound):
        cases.case_seen(case.id, actor=cast.operator().admin.actor)


def test_every_accepted_act_leaves_one_event_and_a_refused_one_none() -> None:
    given.decided()
    told = list(AuditEvent.objects.filter(subject_type="case").order_by("number"))
    names = [event.action for event in told]
    assert names[:3] == ["application.started", "application.resumed", "application.answered"]
    assert names.count("case.evidence_recorded") == 4
    assert names[-2:] == ["case.decision_proposed", "case.decided"]
    before = AuditEvent.objects.count()
    with pytest.raises(Refusal):
        apply.reply(Case.objects.get().id, "x", now=NOW)
    assert AuditEvent.objects.count() == before
    assert "wanda" not in str([event.facts for event in told]).lower()


# Looking again


def test_a_review_opens_by_itself_and_overdue_makes_read_only_until_it_is_decided() -> None:
    crew = cast.operator()
    organisation = Organisation.objects.get(name=given.decided().name)
    wanda = User.objects.get(email="wanda@brightwater.example")
    assert list(reviews_due(days(300), 10)) == []
    assert list(reviews_due(days(340), 10)) == [organisation.id]
    case = open_review(organisation.id, now=days(340))
    assert case is not None
    assert open_review(organisation.id, now=days(340)) is None
    admin = person_acting(wanda, organisation)
    assert admin is not None
    assert own_review(actor=admin) == case
    with pytest.raises(NotFound):
        submit_review(declared=True, actor=cast.stranger().actor, now=days(341))
    answer_review("purpose", given.ANSWERS["purpose"], actor=admin, now=days(341))
    submit_review(declared=True, actor=admin, now=days(341))
    assert list(standings_due(days(397), 10)) == []
    assert list(standings_due(days(399), 10)) == [organisation.id]
    keep_standing(organisation.id, now=days(399))
    late = person_acting(wanda, organisation)
    assert late is not None
    assert late.permissions == {Permission.LIST_VIEW, Permission.MEMBER_MANAGE, Permission.AUDIT_READ}
    case = Case.objects.get(id=case.id)
    given.proven(case, now=days(400))
    for one in missing_items(case, now=days(400)):
        given.evidence(case, one.item.code, by=crew.second_admin, now=days(400))
    decision = given.proposed(case, by=crew.second_admin, now=days(400))
    take_decision(decision.id, unconflicted=True, actor=crew.admin.actor, now=days(400))
    again = person_acting(wanda, organisation)
    assert again is not None
    assert again.may(Permission.CREDENTIAL_MANAGE)


def test_a_blocked_right_is_taken_from_credentials_as_well() -> None:
    crew, harbor = cast.operator(), cast.harbor()
    add_member(crew.officer.user, harbor.organisation, roles=[Role.INTEGRATOR], actor=cast.HOST, now=NOW)
    issuer = cast.acting(crew.officer.user, harbor.organisation)
    key = issue_credential(
        harbor.organisation, name="k", scopes=[Permission.LIST_VIEW, Permission.ENDPOINT_MANAGE], mode="live",
        expires_at=days(30), actor=issuer, now=NOW,
    ).key  # fmt: skip
    Organisation.objects.filter(id=harbor.organisation.id).update(blocked=["endpoint.manage"])
    assert actor_for_key(key, now=NOW).permissions == {Permission.LIST_VIEW}


def test_the_first_admin_chooses_a_password_once() -> None:
    case = given.decided()
    assert awaits_password(case)
    with pytest.raises(Invalid):
        choose_password(case, "short", now=NOW)
    user = choose_password(case, cast.PASSWORD, now=NOW)
    user.refresh_from_db()
    assert user.check_password(cast.PASSWORD)
    with pytest.raises(Conflict):
        choose_password(case, "another-long-password-of-somebody", now=NOW)
    open_case = given.submitted(email="z@brightwater.example", name="Z")
    with pytest.raises(Conflict):
        choose_password(open_case, cast.PASSWORD, now=NOW)
