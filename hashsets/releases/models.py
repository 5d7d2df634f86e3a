"""Approvals, the one open draft of a list, its signatures, and the numbered releases."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from accounts.errors import NotFound
from accounts.identity.acting import Actor
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def live(self) -> ApprovalQuerySet:
        """Approvals that still count, on whatever base they were given."""
        return self.filter(void_at__isnull=True)


class Approval(models.Model):
    """A second person's yes to exactly this file, on this base, with this effect."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="approvals")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    approver = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    submitter = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()
    upload_sha256 = models.CharField(max_length=64)
    base_release = models.PositiveIntegerField()
    operations_digest = models.CharField(max_length=64)
    void_at = models.DateTimeField(null=True, help_text="set when it counts no more")
    void_reason = models.CharField(
        max_length=40, default="", db_default="", help_text="why, when whoever said it no longer counts"
    )

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["submission", "approver"],
                condition=models.Q(void_at__isnull=True),
                name="approval_once_per_person",
            ),
            models.CheckConstraint(
                condition=~models.Q(approver=models.F("submitter")), name="approval_by_someone_else"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approver_id} approved {self.submission_id}"

    def covers(self, submission: Submission) -> bool:
        """Whether what was approved is what `submission` would do now."""
        return (
            self.upload_sha256 == submission.upload_sha256
            and self.base_release == submission.base_release
            and self.operations_digest == submission.operations_digest
        )


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def live(self) -> AgreementQuerySet:
        """Agreements of people who still count, to whatever effect."""
        return self.filter(void_at__isnull=True)


class Agreement(models.Model):
    """The exchange's own yes to a submission that is far from its list's habit, by one of its admins."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="agreements")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    submitter = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField()
    operations_digest = models.CharField(max_length=64)
    void_at = models.DateTimeField(null=True, help_text="set when whoever said it no longer counts")
    void_reason = models.CharField(max_length=40, default="", db_default="")

    objects = AgreementQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["submission", "operations_digest"],
                condition=models.Q(void_at__isnull=True),
                name="agreement_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(person=models.F("submitter")), name="agreement_by_someone_else"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} agreed to {self.submission_id}"


class DraftState(models.TextChoices):
    BUILDING = "building", "being built"
    OPEN = "open", "waits for signatures"
    SIGNED = "signed", "fully signed"
    PUBLISHED = "published", "published"
    ABANDONED = "abandoned", "abandoned"


_D = DraftState
DRAFT_MOVES: dict[str, frozenset[str]] = {
    _D.BUILDING: frozenset({_D.OPEN, _D.ABANDONED}),
    _D.OPEN: frozenset({_D.SIGNED, _D.ABANDONED}),
    _D.SIGNED: frozenset({_D.PUBLISHED, _D.ABANDONED}),
    _D.PUBLISHED: frozenset(),
    _D.ABANDONED: frozenset(),
}
LIVE_DRAFT_STATES = (DraftState.BUILDING, DraftState.OPEN, DraftState.SIGNED)


class DraftQuerySet(models.QuerySet["Draft"]):
    def live(self) -> DraftQuerySet:
        return self.filter(state__in=LIVE_DRAFT_STATES)

    def stalled(self) -> DraftQuerySet:
        """Signed ones that an operator must see to: a stored file is not what was signed."""
        return self.filter(state=DraftState.SIGNED).exclude(trouble="")

    def seen(self, draft_id: uuid.UUID, actor: Actor) -> Draft:
        """Drafts are seen by the publisher only. Errors: NotFound `draft.not_found`."""
        found = (
            self.filter(id=draft_id, organisation_id=actor.organisation())
            .select_related("hash_list", "submission")
            .first()
        )
        if found is None:
            raise NotFound("There is no such draft.", code="draft.not_found")
        return found


class Draft(models.Model):
    """The next release of a list while it is built and signed. At most one is live per list (constraint)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="drafts")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="drafts")
    state = models.CharField(max_length=10, choices=DraftState.choices, default=DraftState.BUILDING)
    base_release = models.PositiveIntegerField()
    list_version = models.PositiveIntegerField(
        default=0, help_text="TUF version of the list role; never reused, abandoned drafts included"
    )
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    manifest_length = models.PositiveIntegerField(default=0)
    state_root = models.CharField(max_length=64, blank=True)
    signed_part = models.BinaryField(
        default=b"", help_text="canonical bytes of list.json's 'signed': what is signed"
    )
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    signed_at = models.DateTimeField(null=True)
    trouble = models.CharField(
        max_length=64, blank=True, default="", help_text="code of what keeps it from being published"
    )
    troubled_at = models.DateTimeField(null=True, help_text="since when")
    retry_at = models.DateTimeField(null=True, help_text="not looked at before: somebody has to see to it")

    objects = DraftQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hash_list"],
                condition=models.Q(state__in=LIVE_DRAFT_STATES),
                name="draft_one_live_per_list",
            ),
        ]

    def __str__(self) -> str:
        return f"draft of release {self.number} of {self.hash_list_id}"

    @property
    def number(self) -> int:
        """The release that this draft becomes: its base is the newest release or the draft is abandoned."""
        return self.base_release + 1

    def is_leased(self, now: datetime) -> bool:
        return self.lease_until is not None and self.lease_until > now


class DraftSignature(models.Model):
    """A valid detached signature over a draft's `signed_part`; invalid ones are refused, never stored."""

    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="signatures")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    signing_key = models.ForeignKey("accounts.SigningKey", on_delete=models.PROTECT, related_name="+")
    signature = models.TextField(help_text="hex, as TUF metadata carries it")
    person_id = models.UUIDField(null=True)
    credential_id = models.UUIDField(null=True)
    signed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["draft", "signing_key"], name="draft_signature_once_per_key")
        ]

    def __str__(self) -> str:
        return f"{self.signing_key_id} signed {self.draft_id}"


class ReleaseQuerySet(models.QuerySet["Release"]):
    def exported(self) -> ReleaseQuerySet:
        """Releases that members can fetch: committed, and the metadata that names them written out."""
        return self.filter(exported_at__isnull=False)


class Release(models.Model):
    """A numbered, signed state of a list. Numbers are 1, 2, 3 … per list; the bytes never change."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="releases")
    number = models.PositiveIntegerField()
    draft = models.OneToOneField(Draft, on_delete=models.PROTECT, related_name="release")
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="releases")
    urgent = models.BooleanField(default=False)
    manifest_sha256 = models.CharField(max_length=64)
    manifest_length = models.PositiveIntegerField()
    state_root = models.CharField(max_length=64)
    entries = models.PositiveBigIntegerField(help_text="entries of all types after this release")
    counts = models.JSONField(help_text="{hash type: entries}")
    adds = models.PositiveBigIntegerField()
    updates = models.PositiveBigIntegerField()
    removals = models.PositiveBigIntegerField()
    reclassified = models.PositiveBigIntegerField(
        null=True, help_text="of the updates, as the submission counted them; null = not counted"
    )
    delta_length = models.PositiveBigIntegerField(default=0, help_text="bytes of this release's delta files")
    snapshot_length = models.PositiveBigIntegerField(
        default=0, help_text="bytes of the current snapshot's parts"
    )
    list_version = models.PositiveIntegerField()
    snapshot_version = models.PositiveIntegerField()
    timestamp_version = models.PositiveIntegerField()
    published_at = models.DateTimeField()
    withdrawn_by = models.PositiveIntegerField(
        null=True, help_text="the release that replaced it when something had to vanish: its files are gone"
    )
    exported_at = models.DateTimeField(
        null=True, help_text="when the three files were written out; null = owed"
    )

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "number"], name="release_number_once"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="release_number_from_one"),
        ]
        indexes: ClassVar = [models.Index(fields=["hash_list", "-number"], name="release_newest_first")]

    def __str__(self) -> str:
        return f"release {self.number} of {self.hash_list_id}"


class TargetFile(models.Model):
    """A file that some release's manifest names: a segment (part of a snapshot, or a delta) or a manifest."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="target_files")
    path = models.CharField(max_length=200, help_text="TUF target path, '<list_id>/…'")
    sha256 = models.CharField(max_length=64)
    length = models.PositiveBigIntegerField()
    release = models.PositiveIntegerField(help_text="the release that introduced it")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "path", "sha256"], name="target_file_once")
        ]

    def __str__(self) -> str:
        return self.path
