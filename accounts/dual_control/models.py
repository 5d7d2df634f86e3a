"""What waits for a second person, resets of second steps, and exceptions from what follows a reset."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from accounts.sealing.columns import SealedField

PROPOSAL_LASTS: Final = timedelta(days=14)
RESET_COUNTS_FOR: Final = timedelta(hours=72)


class ProposalKind(models.TextChoices):
    PLACE = "place", "a place of a person"
    SIGN_ON = "sign-on", "single sign-on"
    SECOND_STEP = "second-step", "taking a second step away"
    EXEMPTION = "exemption", "one act within 72 hours of a reset"
    KEY = "key", "a signing key"
    LIST_SETTINGS = "list-settings", "what a list states"
    LIST_FINDABLE = "list-findable", "letting members find a list"
    LIST_SIGNERS = "list-signers", "the keys that sign a list"
    LIST_GIVE = "list-give", "handing a list over"
    LIST_TAKE = "list-take", "taking a list over"


class ProposalState(models.TextChoices):
    PROPOSED = "proposed", "waits for a second person"
    MADE = "made", "made"
    ENDED = "ended", "withdrawn, declined or replaced"


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def open(self, now: datetime) -> ProposalQuerySet:
        """Those that can still be made."""
        return self.filter(state=ProposalState.PROPOSED, expires_at__gt=now)


class Proposal(models.Model):
    """An arrangement that one person asked for and another one makes. Decided, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="proposals"
    )
    kind = models.CharField(max_length=16, choices=ProposalKind.choices)
    subject_id = models.CharField(max_length=64, help_text="the row that it is about")
    person = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="+", help_text="whom it is about"
    )
    asked = models.JSONField(default=dict, help_text="what would hold; never a secret")
    sealed_secret = SealedField(bound_to="proposal:{id}:secret", blank=True, default="")
    note = models.CharField(
        max_length=1_000, blank=True, default="", help_text="how the person was called back"
    )
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    proposed_for = models.ForeignKey(
        "accounts.Organisation",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="theirs, or the operator",
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=ProposalState.choices, default=ProposalState.PROPOSED)
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    decided_as = models.CharField(max_length=10, blank=True, default="", help_text="as ConfirmedAs says")
    decided_at = models.DateTimeField(null=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject_id"], condition=Q(state="proposed"), name="proposal_open_once"
            ),
            models.CheckConstraint(
                condition=~Q(state="made")
                | Q(decided_by__isnull=True)
                | ~Q(decided_by=models.F("proposed_by")),
                name="proposal_two_persons",
            ),
            models.CheckConstraint(
                condition=~Q(state="made")
                | Q(person__isnull=True)
                | Q(decided_by__isnull=True)
                | ~Q(decided_by=models.F("person")),
                name="proposal_not_by_its_person",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "state", "-created_at"], name="proposal_by_organisation")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.organisation_id}"

    @property
    def about(self) -> str:
        """Whom or what it is about, by name; the organisation when it is about nothing smaller."""
        named = self.asked.get("list") or ", ".join(self.asked.get("keys", ()))
        return str(self.person or named or self.organisation)


class SecondStepReset(models.Model):
    """A person's second steps were taken away. Until `proven_at` they prove their mailbox and the password of
    before; for 72 hours after it they are nobody's second person.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="second_step_resets")
    at = models.DateTimeField()
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    confirmed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    digest = models.CharField(max_length=64, default="", help_text="SHA-256 of the mailed token, hex")
    link_expires_at = models.DateTimeField(null=True)
    proven_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-at"], name="second_step_reset_by_user")]

    def __str__(self) -> str:
        return f"reset of {self.user_id}"


class Exemption(models.Model):
    """Two of the exchange's staff let one person be the second one in one named act, soon after a reset."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    act = models.CharField(max_length=40, help_text="such as submission.approve")
    subject_id = models.CharField(max_length=64)
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "act", "subject_id"], name="exemption_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} for {self.act} {self.subject_id}"
