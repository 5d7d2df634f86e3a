"""From application to membership by pages alone, without JavaScript: what is typed, seen, refused and kept
out.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from accounts.identity.models import Organisation, User
from accounts.mail.models import OutgoingMail
from accounts.standing.models import Condition, Measure
from accounts.vetting.models import Case, CasePart, Decision
from tests import cast
from tests.accounts import cases as given
from tests.exchange.web.stage import HOSTILE_NAME, enter, signed_in

pytestmark = pytest.mark.django_db

EMAIL = "wanda@brightwater.example"


def page(client: Client, address: str, status: int = HTTPStatus.OK) -> str:
    answer = client.get(address)
    assert answer.status_code == status, (address, answer.status_code)
    return answer.content.decode()


def send(client: Client, address: str, /, **typed: Any) -> str:
    """Post a form that is taken; returns where it leads."""
    answer = client.post(address, typed)
    assert answer.status_code == HTTPStatus.FOUND, answer.content.decode()
    return str(answer.headers["Location"])


def applicant(*, submitted: bool = False) -> tuple[Client, Case]:
    """A browser that came back by the mailed code."""
    client = Client()
    assert send(client, "/apply/begin", email=EMAIL) == "/apply/resume?sent=yes"
    assert send(client, "/apply/resume", code=given.newest_code(EMAIL)) == "/apply/tasks"
    if submitted:
        for question, typed in given.ANSWERS.items():
            send(client, f"/apply/questions/{question}", **typed)
        assert send(client, "/apply/check", declared="yes") == "/apply/status?done=yes"
    return client, Case.objects.get()


def prepare(client: Client, case: Case) -> None:
    """Record whatever is still open on the checklist, by pages."""
    for item in ("registry", "sanctions", "call-back", "criteria"):
        send(
            client, f"/applications/{case.id}/evidence/{item}", result="passed", source="register",
            reference="folder 12", unconflicted="yes",
        )  # fmt: skip


def test_applicant_to_active_member_with_two_admins() -> None:
    crew = cast.operator()
    client, case = applicant()
    assert "To do" in page(client, "/apply/tasks")
    order = [*given.ANSWERS]
    for question, typed in given.ANSWERS.items():
        then = send(client, f"/apply/questions/{question}", **typed)
        following = order[order.index(question) + 1 : order.index(question) + 2]
        assert then == {"domain": "/apply/domain-proof", "interests": "/apply/tasks"}.get(
            question, f"/apply/questions/{''.join(following)}"
        )
    token = Case.objects.get().domain_proof.token
    assert f"hash-exchange={token}" in page(client, "/apply/domain-proof")
    assert send(client, "/apply/domain-proof") == "/apply/domain-proof"
    assert "We are looking now." in page(client, "/apply/domain-proof")
    assert "Brightwater Video" in page(client, "/apply/check")
    refused = client.post("/apply/check")
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert "<title>Error: " in refused.content.decode()
    send(client, "/apply/check", declared="yes")
    assert case.id in page(client, "/apply/status?done=yes")

    olive, oscar = signed_in(crew.admin.user), signed_in(crew.second_admin.user)
    assert "Brightwater Video" in page(olive, "/applications")
    address = f"/applications/{case.id}"
    send(olive, address)
    assert "Olive Admin" in page(olive, "/applications")
    send(olive, f"{address}/ask", note="Which register is it?")
    assert "Which register is it?" in page(client, "/apply/status")
    send(client, "/apply/reply", reply="Hamburg.")
    assert "Hamburg." in page(olive, address)
    given.proven(Case.objects.get())
    prepare(olive, case)
    send(olive, f"{address}/propose", outcome="approve")
    assert "somebody else decides it" in page(olive, address)
    own = olive.post(f"{address}/decide", {"unconflicted": "yes"})
    assert own.status_code == HTTPStatus.FORBIDDEN
    assert "does not decide" in own.content.decode()
    assert "Approve" in page(oscar, f"{address}/decide")
    unsaid = oscar.post(f"{address}/decide")
    assert unsaid.status_code == HTTPStatus.FORBIDDEN
    assert 'href="#unconflicted"' in unsaid.content.decode()
    send(oscar, f"{address}/decide", unconflicted="yes")

    assert "Choose a password" in page(client, "/apply/status")
    assert send(client, "/apply/password", password=cast.PASSWORD) == "/sign-in"
    wanda = User.objects.get(email=EMAIL)
    enter(client, wanda)
    assert "Brightwater Video" in page(client, "/")
    assert "Brightwater Video" in page(olive, "/members")
    member = Organisation.objects.get(name="Brightwater Video")
    assert case.id in page(olive, f"/members/{member.id}")


def test_the_code_is_in_no_address_no_page_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    client, case = applicant()
    code = given.newest_code(EMAIL)
    seen = [page(client, address) for address in ("/apply", "/apply/tasks", "/apply/resume")]
    wrong = client.post("/apply/resume", {"code": f"{code}X"})
    seen.append(wrong.content.decode())
    assert wrong.status_code == HTTPStatus.UNAUTHORIZED
    assert code not in "".join(seen[:-1]) + caplog.text
    assert case.code_digest not in "".join(seen)


def test_pages_of_an_applicant_lead_others_to_where_the_code_is_asked_for() -> None:
    applicant(submitted=True)
    stranger = Client()
    for name in ("tasks", "questions/name", "domain-proof", "check", "status", "reply", "appeal", "withdraw"):
        answer = stranger.get(f"/apply/{name}")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/apply/resume"), name


def test_a_new_code_ends_the_sessions_of_the_old_one() -> None:
    client, case = applicant()
    Case.objects.update(code_sent_at=cast.NOW)
    other = Client()
    assert send(other, "/apply/new-code", reference=case.id, email=EMAIL) == "/apply/resume?sent=yes"
    assert client.get("/apply/tasks").status_code == HTTPStatus.FOUND
    assert send(other, "/apply/new-code", reference="AP-0000-0000", email=EMAIL) == "/apply/resume?sent=yes"
    assert OutgoingMail.objects.filter(kind="vetting.code").count() == 2


def test_a_wrong_answer_keeps_what_was_typed_and_points_at_its_field() -> None:
    client, _case = applicant()
    answer = client.post("/apply/questions/contact", {**given.ANSWERS["contact"], "phone": "12"})
    text = answer.content.decode()
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert 'href="#phone"' in text
    assert 'value="Wanda Brook"' in text
    assert page(client, "/apply/questions/nothing", HTTPStatus.NOT_FOUND)


def test_everybody_but_those_who_vet_gets_nothing() -> None:
    _client, case = applicant(submitted=True)
    lumen = cast.lumen()
    decisions = [
        f"/applications/{case.id}{tail}" for tail in ("", "/export", "/export.json", "/decide", "/propose")
    ]
    listed = ["/applications", "/applications/checklists", "/members", f"/members/{lumen.organisation.id}"]
    for who in (lumen.admin.user, cast.stranger().user, cast.operator().officer.user):
        browser = signed_in(who)
        for address in [*listed, *decisions, "/calendar"]:
            answer = browser.get(address)
            assert answer.status_code in (403, 404), address
            assert "Brightwater" not in answer.content.decode()
    for address in [*listed, *decisions, "/calendar"]:
        assert Client().get(address).status_code == HTTPStatus.FOUND


def test_deciding_and_measures_ask_for_presence() -> None:
    crew = cast.operator()
    client = signed_in(crew.admin.user)
    session = client.session
    session["hx_present_at"] = 0
    session.save()
    _client, case = applicant(submitted=True)
    lumen = cast.lumen().organisation
    for address in (f"/applications/{case.id}/propose", f"/members/{lumen.id}/measure"):
        answer = client.post(address, {"reason": "x", "kind": "emergency", "outcome": "decline"})
        assert answer.status_code == HTTPStatus.FOUND
        assert answer.headers["Location"].startswith("/confirm-presence")
    assert Organisation.objects.get(id=lumen.id).status == "active"


def test_declining_tells_why_and_the_applicant_appeals() -> None:
    crew = cast.operator()
    client, case = applicant(submitted=True)
    olive, oscar = signed_in(crew.admin.user), signed_in(crew.second_admin.user)
    address = f"/applications/{case.id}"
    bare = olive.post(f"{address}/propose", {"outcome": "decline", "unconflicted": "yes"})
    assert 'href="#reason"' in bare.content.decode()
    send(
        olive, f"{address}/propose", outcome="decline", reason="criteria", message="Your terms are silent.",
        note="Ask Orla about them.", unconflicted="yes",
    )  # fmt: skip
    send(oscar, f"{address}/give-back", reason="Say which criterion.")
    send(olive, f"{address}/propose", outcome="decline", reason="criteria", message="Number 4.")
    send(oscar, f"{address}/decide", unconflicted="yes")
    said = page(client, "/apply/status")
    assert "Number 4." in said
    assert "The criteria for membership are not met" in said
    assert "Orla" not in said
    assert "Oscar" not in said
    send(client, "/apply/appeal", reply="They are not silent.")
    assert Case.objects.get().state == "appealed"


def test_an_internal_note_never_reaches_the_applicant() -> None:
    client, case = applicant(submitted=True)
    olive = signed_in(cast.operator().admin.user)
    send(olive, f"/applications/{case.id}/note", note="Their chair is known to us.", audience="internal")
    send(olive, f"/applications/{case.id}/note", note="We are on it.", audience="applicant")
    said = page(client, "/apply/status")
    assert "known to us" not in said
    assert "We are on it." in said
    assert "on it" not in str(list(OutgoingMail.objects.values()))


def test_a_conflict_of_interest_closes_the_case_to_its_declarer() -> None:
    _client, case = applicant(submitted=True)
    olive = signed_in(cast.operator().admin.user)
    send(olive, f"/applications/{case.id}/conflict", conflict="My brother works there.")
    text = page(olive, f"/applications/{case.id}")
    assert "You declared a conflict of interest" in text
    assert f"/applications/{case.id}/propose" not in text
    answer = olive.post(
        f"/applications/{case.id}/evidence/registry",
        {"result": "passed", "source": "x", "reference": "y", "unconflicted": "yes"},
    )
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert CasePart.objects.get().kind == "x"


def test_the_whole_case_is_one_file_with_every_event() -> None:
    case = given.decided()
    olive = signed_in(cast.operator().admin.user)
    answer = olive.get(f"/applications/{case.id}/export.json")
    whole = json.loads(answer.content)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{case.id}.json"'
    assert {one["item"] for one in whole["evidence"]} == {"registry", "sanctions", "call-back", "criteria"}
    assert whole["events"][0]["action"] == "application.started"
    assert whole["events"][-1]["action"] == "case.decided"
    assert "case.decided" in page(olive, f"/applications/{case.id}/export")
    assert "case.exported" in page(olive, f"/applications/{case.id}/export")


def test_conditions_are_proposed_shown_and_met() -> None:
    crew, case = cast.operator(), given.prepared(by=cast.operator().admin)
    olive, oscar = signed_in(crew.admin.user), signed_in(crew.second_admin.user)
    due = "2027-01-01"
    typed = {
        "outcome": "approve", "condition": "Publish a report.", "condition_due": due,
        "condition_owner": str(crew.admin.user.id), "condition_blocked": ["credential.manage"],
    }  # fmt: skip
    missing = olive.post(f"/applications/{case.id}/propose", {**typed, "condition_owner": ""})
    assert 'href="#condition-owner"' in missing.content.decode()
    # Another one: what was typed stays, and a second set of fields is there.
    more = olive.post(f"/applications/{case.id}/propose", {**typed, "another": "yes"}).content.decode()
    assert "Publish a report." in more
    assert 'name="condition_2_due"' in more
    assert not Decision.objects.filter(case=case).exists()
    typed |= {
        "conditions": "2", "condition_2": "Name a second contact.", "condition_2_due": "2027-02-01",
        "condition_2_owner": str(crew.admin.user.id),
    }  # fmt: skip
    late = olive.post(f"/applications/{case.id}/propose", {**typed, "condition_2_due": "2199-01-01"})
    assert 'href="#condition-2-due"' in late.content.decode()
    send(olive, f"/applications/{case.id}/propose", **typed)
    assert "Name a second contact." in page(oscar, f"/applications/{case.id}/decide")
    assert "Issue credentials" in page(oscar, f"/applications/{case.id}/decide")
    send(oscar, f"/applications/{case.id}/decide", unconflicted="yes")
    assert Condition.objects.count() == 2
    condition = Condition.objects.get(text="Publish a report.")
    member = f"/members/{condition.organisation_id}"
    assert "Issue credentials" in page(olive, member)
    send(olive, f"/members/conditions/{condition.id}", evidence="folder 13")
    assert "Met" in page(olive, member)
    assert page(olive, f"/members/conditions/{condition.id}", HTTPStatus.NOT_FOUND)


def test_a_checklist_is_edited_and_a_second_editor_is_told() -> None:
    olive = signed_in(cast.operator().admin.user)
    address = "/applications/checklists/ngo"
    assert "As this software comes" in page(olive, "/applications/checklists")
    typed = {
        "version": "0", "jurisdictions": "gb fr", "code-1": "registry", "title_en-1": "Charity register",
        "title_fr-1": "Registre des associations", "by-1": "person", "required-1": "yes",
    }  # fmt: skip
    assert "Charity register" not in page(olive, address)
    send(olive, address, **typed)
    assert "Charity register" in page(olive, "/applications/checklists")
    late = olive.post(address, typed)
    assert late.status_code == HTTPStatus.CONFLICT
    assert "Charity register" in late.content.decode()


def test_a_member_answers_before_it_is_suspended_and_two_people_lift_it() -> None:
    crew, lumen = cast.operator(), cast.lumen()
    olive, oscar = signed_in(crew.admin.user), signed_in(crew.second_admin.user)
    member = f"/members/{lumen.organisation.id}"
    send(olive, f"{member}/measure", kind="suspension", reason="Lists were passed on.")
    measure = Measure.objects.get()
    assert f"/members/measures/{measure.id}/carry-out" not in page(olive, member)
    early = oscar.post(f"/members/measures/{measure.id}/carry-out", {})
    assert early.status_code == HTTPStatus.CONFLICT
    ada = signed_in(lumen.admin.user)
    assert "Lists were passed on." in page(ada, "/organisation/review")
    send(ada, f"/organisation/review/measures/{measure.id}", reply="We did not.")
    assert page(signed_in(cast.stranger().user), f"/organisation/review/measures/{measure.id}", 404)
    assert "We did not." in page(oscar, f"/members/measures/{measure.id}/carry-out")
    send(oscar, f"/members/measures/{measure.id}/carry-out")
    assert "Sign out" not in page(ada, "/")
    send(olive, f"{member}/measure", kind="lifting", reason="It is mended.")
    lifting = Measure.objects.get(kind="lifting")
    own = olive.post(f"/members/measures/{lifting.id}/carry-out", {})
    assert own.status_code == HTTPStatus.FORBIDDEN
    send(oscar, f"/members/measures/{lifting.id}/carry-out")
    assert Organisation.objects.get(id=lumen.organisation.id).status == "active"
    send(olive, f"{member}/measure", kind="offboarding", reason="It merged.")
    send(oscar, f"/members/measures/{Measure.objects.get(kind='offboarding').id}/drop", note="Not now.")


def test_agreement_and_duty_contacts_by_pages() -> None:
    olive, ada = signed_in(cast.operator().admin.user), signed_in(cast.lumen().admin.user)
    assert "No agreement is published yet." in page(ada, "/organisation/agreements")
    send(olive, "/organisation/agreements/new", text_en="Be good.", text_fr="Soyez sages.", grace_days="30")
    assert "Be good." in page(ada, "/organisation/agreements")
    send(ada, "/organisation/agreements", version="1")
    assert "Your organisation has accepted it." in page(ada, "/organisation/agreements")
    viewer = signed_in(cast.lumen().viewer.user)
    assert "They are all still right" not in page(viewer, "/organisation/duty-contacts")
    assert viewer.post("/organisation/duty-contacts/new", {}).status_code == HTTPStatus.FORBIDDEN
    contact = {
        "name": "Night desk",
        "email": "night@lumen.example",
        "phone": "+1 613 555 0123",
        "language": "en",
    }
    send(ada, "/organisation/duty-contacts/new", **contact)
    twice = ada.post("/organisation/duty-contacts/new", contact)
    assert twice.status_code == HTTPStatus.CONFLICT
    assert "Night desk" in page(ada, "/organisation/duty-contacts")
    send(ada, "/organisation/duty-contacts")


def test_hostile_names_are_shown_as_text() -> None:
    case = given.prepared(name=HOSTILE_NAME)
    given.proposed(case)
    olive = signed_in(cast.operator().admin.user)
    for address in (
        "/applications",
        f"/applications/{case.id}",
        f"/applications/{case.id}/export",
        "/calendar",
    ):
        assert "<script>alert" not in page(olive, address)


def test_lists_cost_the_same_however_long_they_are(django_assert_max_num_queries: Any) -> None:
    olive = signed_in(cast.operator().admin.user)
    counts = []
    for round_ in range(2):
        for number in range(3):
            given.submitted(
                email=f"a{round_}{number}@brightwater.example", name=f"Applicant {round_}{number}"
            )
        cast.crew(f"Member {round_}", "company", "FR")
        found = []
        for address in ("/applications", "/members", "/calendar"):
            with django_assert_max_num_queries(60) as captured:
                page(olive, address)
            found.append(len(captured))
        counts.append(found)
    assert counts[0] == counts[1]
