"""Makes the sandbox lists of an exchange, with the verbs that every list is made with. Again changes nothing.

(1) two people who cannot sign in, of the operator's organisation; (2) a hosted key that both answer for;
(3) the lists, their repositories and their releases; (4) the two people leave, which ends all their rights.
The rule of two people is kept to the letter and protects nothing here, because what is released is public and
known beforehand.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.errors import Conflict
from accounts.identity.acting import Actor, person_acting, system_actor
from accounts.identity.models import Membership, Organisation, OrganisationKind, User
from accounts.identity.roles import Role
from accounts.membership.members import add_member, end_membership
from accounts.membership.register import create_user
from accounts.signing_keys.models import SigningKey
from accounts.signing_keys.register import confirm_key
from exchange.sandbox.sentences import (
    ALWAYS,
    BAD_TITLE,
    HASH_TYPES,
    TITLE,
    UNVERIFIED,
    WITHDRAWN,
    csv_of,
)
from hashsets.intake.models import Mode, Submission, SubmissionState
from hashsets.intake.receive import receive_submission
from hashsets.intake.validate import validate_submission
from hashsets.lists.define import create_list, entitle_key, mark_sandbox
from hashsets.lists.models import Audience, HashList, Sandbox, Tlp
from hashsets.releases.approve import approve_submission
from hashsets.releases.build import build_draft
from hashsets.releases.models import Draft, DraftState
from hashsets.releases.publish import publish_draft
from hashsets.releases.sign import sign_with_hosted_key
from hashsets.trust.directory import refresh_directory
from hashsets.trust.hosted import create_hosted_key
from hashsets.trust.models import Repository
from hashsets.trust.repository import open_repository

HOST: Final = system_actor("manage.py create_sandbox")
KEY_NAME: Final = "Sandbox (hosted)"
_PEOPLE: Final = (
    ("sandbox-maker@hash-exchange.invalid", "Sandbox maker", (Role.ADMIN, Role.CONTRIBUTOR, Role.SIGNER)),
    ("sandbox-checker@hash-exchange.invalid", "Sandbox checker", (Role.ADMIN, Role.APPROVER)),
)
_RELEASES: Final[dict[str, tuple[tuple[str, Sequence[str]], ...]]] = {
    Sandbox.TRY: ((Mode.ADD, (*ALWAYS, *WITHDRAWN)), (Mode.REMOVE, WITHDRAWN)),
    Sandbox.BAD_SIGNATURE: ((Mode.ADD, UNVERIFIED),),
}
# Workers may be quicker than this command at any step; then it waits for what they are at.
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Made:
    """One sandbox list; `waits` when its repository has to be opened by the officers first."""

    list_id: str
    title: str
    releases: int
    waits: bool


def make_sandbox(clock: Callable[[], datetime]) -> tuple[Made, ...]:
    """Make what is missing of the sandbox. Errors: Conflict `sandbox.no_operator`, `sandbox.stuck`."""
    operator = Organisation.objects.filter(kind=OrganisationKind.OPERATOR, status="active").first()
    if operator is None:
        raise Conflict(
            "The sandbox belongs to the operator, and there is none.",
            code="sandbox.no_operator",
            advice="Run manage.py create_operator first.",
        )
    if all(made.releases >= len(_RELEASES[kind]) for kind, made in _known().items()) and len(_known()) == 2:
        return tuple(_known().values())
    maker, checker = (_person(operator, *one, now=clock()) for one in _PEOPLE)
    try:
        key = _key(operator, maker, checker, now=clock())
        for kind, title in ((Sandbox.TRY, TITLE), (Sandbox.BAD_SIGNATURE, BAD_TITLE)):
            hash_list = _list(operator, kind, title, key, maker, now=clock())
            if Repository.objects.get(id=hash_list.id).is_open:
                _release(hash_list, _RELEASES[kind], maker, checker, clock)
    finally:
        for actor in (maker, checker):
            here = Membership.objects.get(
                user_id=actor.person(), organisation=operator, ended_at__isnull=True
            )
            end_membership(here.id, actor=HOST, now=clock())
    return tuple(_known().values())


def _known() -> dict[str, Made]:
    rows = HashList.objects.exclude(sandbox="").order_by("created_at", "id")
    waiting = {
        row.id for row in Repository.objects.filter(id__in=[row.id for row in rows]) if not row.is_open
    }
    return {row.sandbox: Made(row.id, row.title, row.latest_release, row.id in waiting) for row in rows}


def _person(operator: Organisation, email: str, name: str, roles: Sequence[Role], *, now: datetime) -> Actor:
    user = User.objects.filter(email=email).first()
    if user is None:
        user = create_user(email=email, name=name, password=None, actor=HOST, now=now)
    if not Membership.objects.filter(user=user, organisation=operator, ended_at__isnull=True).exists():
        add_member(user, operator, roles=roles, actor=HOST, now=now)
    actor = person_acting(user, operator)
    if actor is None:
        raise Conflict("The operator's organisation is not active.", code="sandbox.no_operator")
    return actor


def _key(operator: Organisation, maker: Actor, checker: Actor, *, now: datetime) -> SigningKey:
    key = SigningKey.objects.filter(organisation=operator, name=KEY_NAME, revoked_at__isnull=True).first()
    if key is None:
        key = create_hosted_key(operator, name=KEY_NAME, actor=maker, now=now)
    if key.confirmed_by_id is None:
        key = confirm_key(key.id, actor=checker, now=now)
    return key


def _list(
    operator: Organisation, kind: str, title: str, key: SigningKey, maker: Actor, *, now: datetime
) -> HashList:
    found = (
        HashList.objects.filter(sandbox=kind).first()
        or HashList.objects.filter(organisation=operator, title=title, sandbox="", latest_release=0).first()
    )
    if found is None:
        found = create_list(
            operator,
            title=title,
            description="Hashes of sentences that are written down openly: nothing here is real.",
            jurisdiction=operator.jurisdiction,
            legal_basis="None needed: harmless sentences",
            purpose="Trying systems against this exchange",
            tlp=Tlp.CLEAR,
            audience=Audience.PUBLIC,
            audience_kinds=(),
            audience_organisations=(),
            hash_types=HASH_TYPES,
            scheme="none",
            approvals_required=1,
            signature_threshold=1,
            actor=maker,
            now=now,
        )
    mark_sandbox(found, kind=kind, actor=maker, now=now)
    entitle_key(found, key, actor=maker, now=now)
    refresh_directory(now=now)
    open_repository(found, publisher_keys=[key], threshold=1, now=now)
    return HashList.objects.get(id=found.id)


def _release(
    hash_list: HashList,
    wanted: Sequence[tuple[str, Sequence[str]]],
    maker: Actor,
    checker: Actor,
    clock: Callable[[], datetime],
) -> None:
    for number, (mode, sentences) in enumerate(wanted, start=1):
        if hash_list.latest_release >= number:
            continue
        submission = _pending(hash_list) or receive_submission(
            hash_list,
            io.BytesIO(csv_of(sentences).encode()),
            mode=mode,
            urgent=False,
            note="",
            actor=maker,
            now=clock(),
            media_type="text/csv",
        )
        _carry(submission, maker, checker, clock)
        hash_list.refresh_from_db()


def _pending(hash_list: HashList) -> Submission | None:
    """What an interrupted run left on its way."""
    ended = (
        SubmissionState.PUBLISHED,
        SubmissionState.REFUSED,
        SubmissionState.RETURNED,
        SubmissionState.WITHDRAWN,
    )
    return (
        Submission.objects.filter(hash_list=hash_list)
        .exclude(state__in=ended)
        .order_by("received_at")
        .first()
    )


def _carry(submission: Submission, maker: Actor, checker: Actor, clock: Callable[[], datetime]) -> None:
    """Through every station, whoever is quicker at it: a worker or this command."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while submission.state != SubmissionState.PUBLISHED:
        if submission.state in (SubmissionState.RECEIVED, SubmissionState.VALIDATING):
            validate_submission(submission.id, now=clock())
        elif submission.state == SubmissionState.STAGED:
            approve_submission(
                submission.id,
                operations_digest=submission.operations_digest,
                actor=checker,
                now=clock(),
            )
        elif submission.state == SubmissionState.APPROVED:
            build_draft(submission.id, now=clock())
        elif submission.state == SubmissionState.DRAFTED:
            _sign_and_publish(submission, maker, clock)
        else:
            raise Conflict("A submission of the sandbox was refused.", code="sandbox.stuck")
        if time.monotonic() > deadline:
            raise Conflict("The sandbox waits for a worker that does not end.", code="sandbox.stuck")
        before = submission.state
        submission.refresh_from_db()
        if submission.state == before:
            time.sleep(0.2)


def _sign_and_publish(submission: Submission, maker: Actor, clock: Callable[[], datetime]) -> None:
    draft = Draft.objects.filter(submission=submission).order_by("-created_at").first()
    if draft is None:
        return
    if draft.state == DraftState.OPEN:
        sign_with_hosted_key(draft.id, actor=maker, now=clock())
    publish_draft(draft.id, now=clock())
