"""A few rows of everything that pages show, made with real verbs where there are any, and who looks at it.

The browsers are named after what they are: people with every role that their organisation may give (a page
shows them all that it can show), applicants at each point of their way, somebody between two steps of signing
in, and nobody.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestedCredentialData
from tuf.api.metadata import Root

from accounts.arrangements.confirm import confirm_proposal
from accounts.audit.models import AuditEvent
from accounts.domains.models import DomainProof, ProofState
from accounts.factors.models import Passkey
from accounts.factors.password import ask_reset
from accounts.factors.recovery import issue_recovery_codes
from accounts.identity.acting import person_alone
from accounts.identity.models import Membership, Organisation, User
from accounts.identity.roles import Role
from accounts.membership.agreements import accept_agreement, publish_agreement
from accounts.membership.duty_contacts import add_duty_contact
from accounts.membership.invite import invite
from accounts.membership.members import add_member
from accounts.membership.models import Agreement
from accounts.sign_on.arrange import Wish, propose_sign_on
from accounts.standing.measures import propose_measure
from accounts.standing.models import Condition, Standing
from accounts.vetting.cases import add_note, ask_for_information, declare_conflict
from accounts.vetting.codes import code_digest, new_code
from accounts.vetting.decide import ProposedCondition, take_decision
from accounts.vetting.models import Case
from accounts.vetting.review import open_review
from exchange.web.submission_facts import current_progress
from hashsets.intake.benign import add_benign_hashes
from hashsets.intake.models import Submission
from hashsets.intake.quarantine import decide_quarantine
from hashsets.lists.change import change_list, statement_of
from hashsets.releases.models import Agreement as AgreedTo
from hashsets.trust import metadata, officers
from hashsets.trust.models import ListTransfer, Repository, RoleName, SignedFile
from hashsets.trust.transfer import offer_list
from tests import cast
from tests.accounts import cases as given
from tests.exchange.web.contribute.given import own_key, p256, signed_with_own
from tests.exchange.web.contribute.test_browser import wider
from tests.exchange.web.stage import make_stage, release_one, signed_in
from tests.exchange.web.subscribe.scene import set_scene
from tests.hashsets.releases.world import NOW, bare_list, csv_of, sha256, world_of

PROVIDER_SECRET = "what-only-the-provider-knows"
NOBODY = "nobody"
LINK = "a-token-that-no-letter-has-carried"


@dataclass(frozen=True, slots=True)
class Scenery:
    """`known` are values for the names in addresses, and other values for them under names of their own."""

    browsers: dict[str, Client]
    people: dict[str, User]
    known: dict[str, Any]

    def browser(self, who: str) -> Client:
        """Nobody comes with a browser that has been nowhere yet."""
        return Client() if who == NOBODY else self.browsers[who]


def set_scenery(*, now: datetime = NOW) -> Scenery:
    known: dict[str, Any] = {"token": LINK, "question": "contact", "track": "company", "item": "sanctions"}
    people = _people(now)
    known |= _published()
    known |= _followed()
    known |= _organisations(now)
    browsers = {name: signed_in(user) for name, user in people.items()}
    _second_steps(people["harbor"], now)
    browsers |= _between_steps(now)
    known |= _handed_in(browsers["harbor"], known["list_id"])
    decided = _vetted(people, now)
    known |= decided
    browsers |= _applicants(now)
    ours = AuditEvent.objects.filter(organisation=cast.harbor(now=NOW).organisation)
    known["number"] = ours.order_by("number")[0].number
    return Scenery(browsers, people, known)


def _people(now: datetime) -> dict[str, User]:
    """One person with every role per organisation, and one who is in two organisations."""
    houses = {
        "harbor": cast.harbor(now=NOW).organisation, "lumen": cast.lumen(now=NOW).organisation,
        "northland": cast.northland(now=NOW).organisation, "staff": cast.operator(now=NOW).organisation,
    }  # fmt: skip
    people = {
        name: cast.person(house, f"All {name}", sorted(Membership.allowed_roles(house.kind)), now=now).user
        for name, house in houses.items()
    }
    two = cast.person(houses["harbor"], "In Two", (Role.VIEWER,), now=now).user
    add_member(two, houses["northland"], roles=(Role.VIEWER,), actor=cast.HOST, now=now)
    return people | {"two": two}


def _published() -> dict[str, Any]:
    """Harbor's lists, submissions in every state, keys, a transfer and a root that waits for officers."""
    stage, crew = make_stage(), cast.harbor(now=NOW)
    world = stage.world
    aside = world.stage(csv_of(range(170, 173)))
    Submission.objects.filter(id=aside.id).update(problem_counts={"hash.benign": 2, "hash.repetitive": 1})
    decide_quarantine(
        aside.id,
        accept=False,
        codes=["hash.repetitive"],
        reason="Test files",
        actor=crew.approver.actor,
        now=NOW,
    )
    held = world.stage(csv_of(range(30)), mode="remove")
    Submission.objects.filter(id=held.id).update(exchange_must_agree=True, holds=["removal.vast"])
    agreed = stage.drafted.submission
    AgreedTo.objects.create(
        submission=agreed, organisation=cast.operator(now=NOW).organisation, agreed_at=NOW,
        person=cast.operator(now=NOW).admin.user, submitter=agreed.submitted_by,
        operations_digest=agreed.operations_digest,
    )  # fmt: skip
    own = world_of(crew, title="A list with keys of its own", now=NOW)
    release_one(own)
    keys = [own_key(crew, p256(), name=f"Token {number}") for number in range(2)]
    signed_with_own(crew, own.hash_list, *keys)
    change_list(world.fresh(), wider(statement_of(world.fresh())), actor=crew.second_admin.actor, now=NOW)
    empty = bare_list(crew, title="Nothing here yet", now=NOW)
    proposed = offer_list(
        empty, taker_id=cast.northland(now=NOW).organisation.id, actor=crew.admin.actor, now=NOW
    )
    cast.second(proposed, crew.second_admin.actor, now=NOW)
    offer = ListTransfer.objects.get(hash_list=empty)
    csv = io.BytesIO(csv_of(range(300, 303)).encode())
    add_benign_hashes(csv, actor=crew.contributor.actor, now=NOW)
    row = Repository.objects.get(id=own.hash_list.id)
    root = metadata.read(
        bytes(SignedFile.objects.get(repository=row, role=RoleName.ROOT).content), Root
    ).signed
    present = officers.officers_in_force()
    officers.await_root(row, officers=present, online=officers.online_key_of(root), now=NOW)
    return {
        "mark": current_progress(stage.staged).mark, "moving_mark": current_progress(stage.moving).mark,
        "list_id": world.hash_list.id, "release": stage.release.number, "submission_id": stage.staged.id,
        "moving": stage.moving.id, "refused": stage.refused.id, "returned": stage.returned.id,
        "held": held.id, "aside": aside.id, "drafted": stage.drafted.submission_id,
        "own_list": own.hash_list.id, "empty": empty.id, "transfer_id": offer.id, "key_id": keys[0].id,
    }  # fmt: skip


def _followed() -> dict[str, Any]:
    """What Lumen follows, holds and is sent."""
    scene = set_scene()
    return {
        "asked_list": scene.lists["asked"].id, "request_id": scene.requests["asked"].id,
        "open_list": scene.lists["open"].id, "agreed_list": scene.lists["agreed"].id,
        "followed_list": scene.lists["followed"].id,
        "subscription_id": scene.subscriptions["followed"].id, "credential_id": scene.credentials["live"].id,
        "endpoint_id": scene.endpoints["active"].id, "attempt_id": scene.attempts["delivered"].id,
    }  # fmt: skip


def _organisations(now: datetime) -> dict[str, Any]:
    """What organisations keep about themselves, and what the exchange does about them."""
    harbor, lumen, operator = cast.harbor(now=NOW), cast.lumen(now=NOW), cast.operator(now=NOW)
    invite(
        harbor.organisation, email="guest@example.org", roles=["viewer"], language="en",
        actor=harbor.admin.actor, now=now,
    )  # fmt: skip
    Agreement.objects.create(  # not the first: there is room for older ones
        version=998, text_en="Be.", text_fr="Soyez.", published_at=cast.NOW, accept_until=cast.NOW,
        published_by=operator.admin.user,
    )  # fmt: skip
    publish_agreement(
        text_en="Be good.", text_fr="Soyez sages.", changes_en="All.", changes_fr="Tout.", grace_days=30,
        actor=operator.admin.actor, now=now - timedelta(days=2),
    )  # fmt: skip
    accept_agreement(999, actor=harbor.admin.actor, now=now)
    for crew in (harbor, lumen):
        add_duty_contact(
            name="Night desk", email="night@lumen.example", phone="+1 613 555 0123", language="fr",
            actor=crew.admin.actor, now=now,
        )  # fmt: skip
        Standing.objects.create(
            organisation=crew.organisation, vetted_at=now, review_due_at=now - timedelta(days=1)
        )
    open_review(lumen.organisation.id, now=now)
    measure = propose_measure(
        lumen.organisation.id, "suspension", reason="Passed on.", actor=operator.admin.actor, now=now
    )
    _sign_on(harbor, now)
    ask_reset(harbor.viewer.user.email, now=now)
    return {
        "membership_id": Membership.objects.get(user=harbor.viewer.user).id,
        "measure_id": measure.id,
        "organisation_id": lumen.organisation.id,
    }


def _sign_on(crew: cast.Crew, now: datetime) -> None:
    case = given.started(email="sign-on@brightwater.example", now=now)
    Case.objects.filter(id=case.id).update(organisation=crew.organisation)
    DomainProof.objects.create(
        organisation=crew.organisation, case=case, domain="harbor.example", token="t" * 32,
        state=ProofState.PROVEN, created_at=now,
    )  # fmt: skip
    wish = Wish(
        "https://idp.example", "hash-exchange", "a secret of the provider", ("harbor.example",), "mfa"
    )
    proposal = propose_sign_on(crew.organisation, wish, actor=crew.admin.actor, now=now)
    confirm_proposal(proposal.id, actor=crew.second_admin.actor, now=now)


def _handed_in(browser: Client, list_id: str) -> dict[str, Any]:
    """A file that its submitter is about to send off."""
    base = f"/lists/{list_id}/submissions/new"
    file = io.BytesIO(f"sha256\n{sha256(900)}\n".encode())
    file.name = "names-nobody.csv"
    answer = browser.post(base, {"mode": "add", "note": "The night shift found it."})
    answer = browser.post(answer.headers["Location"], {"file": file})
    return {"upload_id": answer.headers["Location"].rpartition("/")[2]}


def _second_steps(user: User, now: datetime) -> None:
    public = ES256({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32})
    data = AttestedCredentialData.create(Aaguid.NONE, b"device", public)
    Passkey.objects.create(
        user=user, name="Laptop", credential_id=websafe_encode(b"device"), public_part=websafe_encode(data),
        created_at=now,
    )  # fmt: skip
    issue_recovery_codes(user, actor=person_alone(user), now=now)


def _between_steps(now: datetime) -> dict[str, Client]:
    """Somebody who owes a code, somebody without a second step, and those who followed a mailed link."""
    harbor = cast.harbor(now=NOW)
    newcomer = cast.person(harbor.organisation, "New Comer", (Role.VIEWER,), now=now)
    cast.fresh_code(harbor.second_contributor.user)
    found = {"halfway": Client(), "newcomer": Client()}
    for name, person in (("halfway", harbor.second_contributor), ("newcomer", newcomer)):
        answer = found[name].post("/sign-in", {"email": person.user.email, "password": cast.PASSWORD})
        assert answer.status_code == 302
    return found


def _vetted(people: dict[str, User], now: datetime) -> dict[str, Any]:
    """Cases in the operator's hands."""
    crew = cast.operator(now=NOW)
    fresh = given.submitted(email=_email(1), now=now, name="Freshwater")
    given.evidence(
        fresh, "registry", by=crew.admin, result="failed", finding="Struck off.\nSee the extract.", now=now
    )
    add_note(fresh.id, "Their chair is known to us.", to_applicant=False, actor=crew.admin.actor, now=now)
    otto = cast.person(crew.organisation, "Otto Admin", (Role.EXCHANGE_ADMIN,), now=now)
    declare_conflict(fresh.id, "My brother works there.", actor=otto.actor, now=now)
    due = now + timedelta(days=30)
    condition = ProposedCondition("Publish a report.", people["staff"].id, due, ("credential.manage",))
    proposal = given.prepared(email=_email(2), now=now, name="Proposed")
    given.proposed(proposal, now=now, conditions=(condition,), message="Welcome.", note="Fine.")
    member = given.prepared(email=_email(3), now=now, name="Joined")
    decision = given.proposed(member, now=now, conditions=(condition,))
    take_decision(decision.id, unconflicted=True, actor=crew.second_admin.actor, now=now)
    owed = Condition.objects.get(organisation__isnull=False)
    joined = Organisation.objects.get(name="Joined").id
    return {"reference": fresh.id, "proposed": proposal.id, "condition_id": owed.id, "joined": joined}


def _applicants(now: datetime) -> dict[str, Client]:
    """Applicants' browsers, by where their application is."""
    olive, oscar = cast.operator(now=NOW).admin.actor, cast.operator(now=NOW).second_admin.actor
    cases = {
        "draft": given.started(email=_email(11), now=now),
        "applicant": given.filled(email=_email(12), now=now),
        "waiting": given.submitted(email=_email(13), now=now, name="Waiting"),
        "asked": given.submitted(email=_email(14), now=now, name="Asked"),
        "declined": given.prepared(email=_email(15), now=now, name="Declined"),
        "approved": given.prepared(email=_email(16), now=now, name="Approved"),
    }
    ask_for_information(cases["asked"].id, "Which register is it?", actor=olive, now=now)
    for name, outcome in (("declined", "decline"), ("approved", "approve")):
        decision = given.proposed(cases[name], now=now, outcome=outcome)
        take_decision(decision.id, unconflicted=True, actor=oscar, now=now)
    return {name: _browser_of(case) for name, case in cases.items()}


def _browser_of(case: Case) -> Client:
    """A browser that came back to a case by the code of a letter."""
    code, client = new_code(), Client()
    Case.objects.filter(id=case.id).update(code_digest=code_digest(code))
    assert client.post("/apply/resume", {"code": code}).status_code == 302
    return client


def _email(number: int) -> str:
    return f"a{number}@brightwater.example"
