"""Submissions: a proposed change to a list, from the stored upload to the published release."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from accounts.errors import NotFound
from accounts.identity.acting import Actor
from hashsets.core.guards import QUARANTINE_CODES
from hashsets.core.withdrawal import Reason
from hashsets.lists.models import HashList


class Mode(models.TextChoices):
    ADD = "add", "add entries"
    UPDATE = "update", "update entries"
    REMOVE = "remove", "remove entries"
    REPLACE = "replace", "replace the whole list"


class SubmissionState(models.TextChoices):
    RECEIVED = "received", "received"
    VALIDATING = "validating", "being validated"
    STAGED = "staged", "waits for approval"
    APPROVED = "approved", "approved"
    DRAFTED = "drafted", "waits for signatures"
    PUBLISHED = "published", "published"
    REFUSED = "refused", "refused"
    RETURNED = "returned", "returned"
    WITHDRAWN = "withdrawn", "withdrawn"


_S = SubmissionState
SUBMISSION_MOVES: dict[str, frozenset[str]] = {
    _S.RECEIVED: frozenset({_S.VALIDATING, _S.WITHDRAWN}),
    # back to received: the worker died and its lease ran out
    _S.VALIDATING: frozenset({_S.STAGED, _S.REFUSED, _S.RECEIVED, _S.WITHDRAWN}),
    # back to received: the list moved on, the change is staged again on the new base
    _S.STAGED: frozenset({_S.APPROVED, _S.RETURNED, _S.WITHDRAWN, _S.RECEIVED}),
    # back to received: the list moved on between approval and draft
    _S.APPROVED: frozenset({_S.DRAFTED, _S.RECEIVED, _S.RETURNED, _S.WITHDRAWN}),
    # back to approved: the open draft was cancelled by an urgent one and is built again
    _S.DRAFTED: frozenset({_S.PUBLISHED, _S.APPROVED, _S.RETURNED, _S.WITHDRAWN}),
    _S.PUBLISHED: frozenset(),
    _S.REFUSED: frozenset(),
    _S.RETURNED: frozenset(),
    _S.WITHDRAWN: frozenset(),
}


class SubmissionQuerySet(models.QuerySet["Submission"]):
    def owned_by(self, actor: Actor) -> SubmissionQuerySet:
        """Submissions are seen by the publisher only, whatever the list's audience is."""
        return self.filter(organisation_id=actor.organisation())

    def seen(self, submission_id: uuid.UUID, actor: Actor) -> Submission:
        """Errors: NotFound `submission.not_found`, the same for absent and for another organisation's."""
        found = self.owned_by(actor).filter(id=submission_id).select_related("hash_list").first()
        if found is None:
            raise NotFound("There is no such submission.", code="submission.not_found")
        return found

    def in_line_for(self, hash_list: HashList) -> SubmissionQuerySet:
        """Approved ones in the order they are built: urgent first, then as received."""
        return self.filter(hash_list=hash_list, state=SubmissionState.APPROVED).order_by(
            "-urgent", "received_at", "id"
        )

    def waiting(self, now: datetime) -> SubmissionQuerySet:
        """Those that nobody validates at the moment: new ones, and ones whose worker has not been heard
        of.
        """
        return self.filter(
            models.Q(state=SubmissionState.RECEIVED)
            | models.Q(state=SubmissionState.VALIDATING, lease_until__lte=now)
        )

    def claim_for_validation(self, submission_id: uuid.UUID, *, now: datetime, lease_until: datetime) -> bool:
        """Whether the caller now holds the lease; exactly one of several callers does."""
        claimed = (
            self.waiting(now)
            .filter(id=submission_id)
            .update(
                state=SubmissionState.VALIDATING,
                lease_until=lease_until,
                claims=models.F("claims") + 1,
                rows_done=0,
            )
        )
        return claimed == 1

    def held(self, submission_id: uuid.UUID, lease_until: datetime) -> SubmissionQuerySet:
        """The submission while this very lease is on it; whoever lost it updates no row."""
        return self.filter(id=submission_id, state=SubmissionState.VALIDATING, lease_until=lease_until)


class Submission(models.Model):
    """A proposed change to one list. Its reference (`S-` and 8 characters) is what people quote."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="submissions")
    mode = models.CharField(max_length=8, choices=Mode.choices)
    urgent = models.BooleanField(default=False)
    note = models.CharField(max_length=1_000, blank=True, help_text="why, in the contributor's words")
    hash_type = models.CharField(
        max_length=16, blank=True, default="", help_text="stated for a file that does not name its hashes"
    )
    state = models.CharField(max_length=12, choices=SubmissionState.choices, default=SubmissionState.RECEIVED)

    # The upload: stored and digested before it is acknowledged, deleted 30 days after the decision.
    upload_sha256 = models.CharField(max_length=64)
    upload_length = models.PositiveBigIntegerField()
    upload_deleted_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    submitted_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    credential = models.ForeignKey(
        "accounts.Credential", on_delete=models.PROTECT, null=True, related_name="+"
    )

    # The work: claimed by a conditional update with a lease, resumed by anyone when the lease has run out.
    lease_until = models.DateTimeField(null=True)
    claims = models.PositiveSmallIntegerField(
        default=0, help_text="workers that began and said nothing more, since the last outcome"
    )
    rows_done = models.PositiveBigIntegerField(default=0)
    rows_expected = models.PositiveBigIntegerField(default=0, help_text="an estimate while validating")

    # The outcome.
    base_release = models.PositiveIntegerField(
        default=0, help_text="the release the staged change applies to"
    )
    rows = models.PositiveBigIntegerField(default=0, help_text="data rows read")
    adds = models.PositiveBigIntegerField(default=0)
    updates = models.PositiveBigIntegerField(default=0)
    removals = models.PositiveBigIntegerField(default=0)
    reclassified = models.PositiveBigIntegerField(
        null=True,
        help_text="updates that take a classification away or change it; null = not counted, so all may",
    )
    unchanged = models.PositiveBigIntegerField(
        default=0, help_text="rows that say what the list says already"
    )
    problems = models.PositiveBigIntegerField(default=0)
    problem_counts = models.JSONField(default=dict, help_text="{code: count}, all counted")
    per_type = models.JSONField(
        default=dict, help_text="{hash type: {adds, updates, removals, reclassified, unchanged}}"
    )
    sample = models.JSONField(default=list, help_text="up to 20 operations with truncated hashes")
    operations_digest = models.CharField(max_length=64, blank=True)
    refused_code = models.CharField(max_length=64, blank=True)
    refused_message = models.CharField(max_length=1_000, blank=True)
    # Reasons why more people than usual have to say yes; worked out when somebody approves.
    holds = models.JSONField(default=list, help_text="codes, empty when nothing is unusual")
    further_approvals = models.PositiveSmallIntegerField(default=0)
    exchange_must_agree = models.BooleanField(default=False)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    decision_reason = models.CharField(max_length=1_000, blank=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["hash_list", "-received_at"], name="submission_by_list"),
            models.Index(fields=["organisation", "-received_at"], name="submission_by_organisation"),
            models.Index(
                fields=["received_at"],
                condition=models.Q(state__in=["received", "validating", "approved"]),
                name="submission_with_work",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        return f"S-{self.id.hex[:8].upper()}"

    @property
    def losses(self) -> int:
        """Entries that a member may lose by it: removed, or classified otherwise than they were."""
        return self.removals + (self.updates if self.reclassified is None else self.reclassified)

    @property
    def is_decided(self) -> bool:
        return not SUBMISSION_MOVES[self.state]

    @property
    def set_aside(self) -> dict[str, int]:
        """Rows that wait for a person's word and are left out until then, by the code of the rule."""
        counts: dict[str, int] = self.problem_counts
        return {code: count for code, count in counts.items() if code in QUARANTINE_CODES}

    @property
    def is_erasure(self) -> bool:
        """Whether it is to leave nothing behind, by legal order."""
        return Erasure.objects.filter(submission_id=self.id).exists()

    def is_leased(self, now: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > now


class QuarantineDecision(models.Model):
    """What a second person said about the rows that one rule of the gate set aside. Kept for ever."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="quarantine_decisions")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=64)
    accepted = models.BooleanField()
    rows = models.PositiveBigIntegerField(help_text="set aside under this code when it was decided")
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    submitter = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    reason = models.CharField(max_length=1_000)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["submission", "code"], name="quarantine_decided_once"),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("submitter")), name="quarantine_by_someone_else"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {'accepted' if self.accepted else 'refused'}"


class Erasure(models.Model):
    """A removal after which nothing may be left: the submission's entries, and every file that held them.

    Two people, by constraint: one has asked, another one has decided before there is a release.
    """

    submission = models.OneToOneField(
        Submission, on_delete=models.PROTECT, primary_key=True, related_name="erasure"
    )
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="erasures")
    reason = models.CharField(max_length=16, choices=[(one.value, one.value) for one in Reason])
    reference = models.CharField(
        max_length=200, blank=True, help_text="of the order, for the publisher and the operator alone"
    )
    entries = models.PositiveIntegerField(help_text="hashes that were named; none of them is kept")
    asked_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    release = models.PositiveIntegerField(null=True, help_text="everything before it is withdrawn")
    completed_at = models.DateTimeField(null=True, help_text="when nothing of it was left; null = owed")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "release"], name="erasure_once_per_release"),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("asked_by")), name="erasure_by_someone_else"
            ),
            models.CheckConstraint(
                condition=models.Q(release__isnull=True) | models.Q(decided_by__isnull=False),
                name="erasure_decided_first",
            ),
        ]

    def __str__(self) -> str:
        return f"erasure from {self.hash_list_id} ({self.reason})"


class Upload(models.Model):
    """A file that comes in parts. The submission that is made of it has the same id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    length = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    received = models.PositiveBigIntegerField(default=0, help_text="bytes stored so far: the next offset")
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"], condition=models.Q(submitted_at__isnull=True), name="upload_unfinished"
            )
        ]

    def __str__(self) -> str:
        return f"{self.received} of {self.length} bytes"


class UploadPart(models.Model):
    """Consecutive bytes of an upload, stored."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="parts")
    start = models.PositiveBigIntegerField()
    length = models.PositiveIntegerField()
    blob_key = models.CharField(max_length=300)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["upload", "start"], name="upload_part_once")]

    def __str__(self) -> str:
        return f"{self.length} bytes from {self.start}"


class BenignSet(models.Model):
    """Hashes of one type that an organisation knows to be innocent: a sorted blob, replaced when it grows."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_type = models.CharField(max_length=16)
    blob_key = models.CharField(max_length=300)
    hashes = models.PositiveIntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "hash_type"], name="benign_set_once")
        ]

    def __str__(self) -> str:
        return f"{self.hashes} {self.hash_type}"


class StagedFile(models.Model):
    """A file derived from a submission: the staged operations of one hash type, or the problem report."""

    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="staged_files")
    name = models.CharField(max_length=64, help_text="a hash type's slug, or 'problems'")
    blob_key = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    length = models.PositiveBigIntegerField()
    rows = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["submission", "name"], name="staged_file_once")
        ]

    def __str__(self) -> str:
        return self.name
