"""A publisher with a list that can be signed, and the flow from a CSV to a release in one call per step."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from accounts.signing_keys.models import SigningKey
from accounts.signing_keys.register import confirm_key
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.receive import receive_submission
from hashsets.intake.validate import validate_submission
from hashsets.lists.define import create_list, entitle_key
from hashsets.lists.models import HashList
from hashsets.releases.agree import agree_to_submission
from hashsets.releases.approve import approve_submission
from hashsets.releases.build import build_draft
from hashsets.releases.models import Draft, Release
from hashsets.releases.publish import publish_draft
from hashsets.releases.sign import sign_with_hosted_key
from hashsets.trust.hosted import create_hosted_key
from hashsets.trust.repository import open_repository
from tests import cast

NOW = datetime.now(UTC).replace(microsecond=0)
"""The real time: stock clients ask the clock of the machine whether a timestamp has expired."""


@dataclass(frozen=True, slots=True)
class World:
    """Harbor (or another crew) and one list of theirs, with a hosted key."""

    crew: cast.Crew
    hash_list: HashList
    key: SigningKey

    def fresh(self) -> HashList:
        """The list's row as it is now."""
        return HashList.objects.get(id=self.hash_list.id)

    def submit(
        self,
        csv: str,
        *,
        mode: str = "add",
        urgent: bool = False,
        by: cast.Person | None = None,
        now: datetime = NOW,
    ) -> Submission:
        """Stored, not validated."""
        return receive_submission(
            self.hash_list,
            io.BytesIO(csv.encode()),
            mode=mode,
            urgent=urgent,
            note="",
            actor=(by or self.crew.contributor).actor,
            now=now,
            media_type="text/csv",
        )

    def stage(self, csv: str, *, mode: str = "add", urgent: bool = False, now: datetime = NOW) -> Submission:
        """Stored and validated."""
        return validated(self.submit(csv, mode=mode, urgent=urgent, now=now), now=now)

    def approve(self, submission: Submission, *, now: datetime = NOW) -> Submission:
        return approve_as(submission, self.crew.approver, now=now)

    def approve_wholly(self, submission: Submission, *, now: datetime = NOW) -> Submission:
        """By everybody whose yes it takes: the lists of tests are small, so changes to them are unusual."""
        submission = self.approve(submission, now=now)
        if submission.further_approvals:
            submission = approve_as(submission, self.crew.second_approver, now=now)
        if submission.exchange_must_agree:
            submission = agree_as(submission, cast.operator(now=now).admin, now=now)
        return submission

    def draft(self, csv: str, *, mode: str = "add", urgent: bool = False, now: datetime = NOW) -> Draft:
        """Up to the open draft."""
        submission = self.approve_wholly(self.stage(csv, mode=mode, urgent=urgent, now=now), now=now)
        return built(submission, now=now)

    def sign(self, draft: Draft, *, now: datetime = NOW) -> Draft:
        return sign_with_hosted_key(draft.id, actor=self.crew.signer.actor, now=now)

    def release(self, csv: str, *, mode: str = "add", urgent: bool = False, now: datetime = NOW) -> Release:
        """All the way from a CSV to a published, exported release."""
        draft = self.sign(self.draft(csv, mode=mode, urgent=urgent, now=now), now=now)
        release = publish_draft(draft.id, now=now)
        assert release is not None
        return release


def harbor_world(
    *,
    approvals_required: int = 1,
    hash_types: Iterable[str] = ("sha256",),
    scheme: str = "none",
    now: datetime = NOW,
) -> World:
    """Harbor with an open repository for one new list."""
    return world_of(
        cast.harbor(now=now),
        approvals_required=approvals_required,
        hash_types=hash_types,
        scheme=scheme,
        now=now,
    )


def world_of(
    crew: cast.Crew,
    *,
    approvals_required: int = 1,
    hash_types: Iterable[str] = ("sha256",),
    scheme: str = "none",
    title: str = "Enforcement list",
    now: datetime = NOW,
) -> World:
    hash_list = bare_list(
        crew,
        approvals_required=approvals_required,
        hash_types=hash_types,
        scheme=scheme,
        title=title,
        now=now,
    )
    key = create_hosted_key(crew.organisation, name=f"Key of {title}", actor=crew.admin.actor, now=now)
    key = confirm_key(key.id, actor=crew.second_admin.actor, now=now)
    entitle_key(hash_list, key, actor=crew.admin.actor, now=now)
    open_repository(hash_list, publisher_keys=[key], threshold=1, now=now)
    return World(crew, hash_list, key)


def bare_list(
    crew: cast.Crew,
    *,
    approvals_required: int = 1,
    signature_threshold: int = 1,
    hash_types: Iterable[str] = ("sha256",),
    scheme: str = "none",
    title: str = "Enforcement list",
    now: datetime = NOW,
) -> HashList:
    """A list that nobody can sign yet."""
    return create_list(
        crew.organisation,
        title=title,
        description="",
        jurisdiction="CA",
        legal_basis="Criminal Code s. 163.1",
        purpose="Prevent upload",
        tlp="amber",
        audience="members",
        audience_kinds=[],
        audience_organisations=[],
        hash_types=list(hash_types),
        scheme=scheme,
        approvals_required=approvals_required,
        signature_threshold=signature_threshold,
        actor=crew.admin.actor,
        now=now,
    )


def approve_as(submission: Submission, person: cast.Person, *, now: datetime = NOW) -> Submission:
    """This person's yes to what the submission would do as it was read last."""
    shown = submission.operations_digest
    return approve_submission(submission.id, operations_digest=shown, actor=person.actor, now=now)


def agree_as(submission: Submission, person: cast.Person, *, now: datetime = NOW) -> Submission:
    """The exchange's yes, by this person, to what the submission would do as it was read last."""
    shown = submission.operations_digest
    return agree_to_submission(submission.id, operations_digest=shown, actor=person.actor, now=now)


def validated(submission: Submission, *, now: datetime = NOW) -> Submission:
    validate_submission(submission.id, now=now)
    submission.refresh_from_db()
    assert submission.state == SubmissionState.STAGED, (submission.state, submission.refused_message)
    return submission


def built(submission: Submission, *, now: datetime = NOW) -> Draft:
    draft = build_draft(submission.id, now=now)
    assert draft is not None
    return draft


def sha256(number: int) -> str:
    """A hash that looks like any other."""
    return hashlib.sha256(f"entry {number}".encode()).hexdigest()


def csv_of(numbers: Iterable[int]) -> str:
    """A file of SHA-256 hashes, one per number."""
    return "sha256\n" + "".join(f"{sha256(number)}\n" for number in numbers)
