"""How a member stands after it was let in: its next review, its conditions, and measures taken about it."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class Standing(models.Model):
    """When a member was vetted and is to be reviewed. A member without one was founded on the host."""

    organisation = models.OneToOneField(
        "accounts.Organisation", primary_key=True, on_delete=models.PROTECT, related_name="standing"
    )
    vetted_at = models.DateTimeField()
    review_due_at = models.DateTimeField()
    probation_until = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["review_due_at"], name="standing_by_review")]

    def __str__(self) -> str:
        return f"review of {self.organisation_id} by {self.review_due_at:%Y-%m-%d}"


class Condition(models.Model):
    """What an approved member still owes, by when, who sees to it, and what it may not do until then."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    decision = models.ForeignKey("accounts.Decision", on_delete=models.PROTECT, related_name="conditions")
    organisation = models.ForeignKey(
        "accounts.Organisation",
        on_delete=models.PROTECT,
        null=True,
        related_name="conditions",
        help_text="empty until the decision is taken",
    )
    text = models.TextField()
    owner = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    blocked = models.JSONField(default=list, help_text="names of rights")
    met_at = models.DateTimeField(null=True)
    met_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    evidence = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(met_at__isnull=True), name="condition_due")
        ]

    def __str__(self) -> str:
        return f"condition of {self.decision_id}"


class MeasureKind(models.TextChoices):
    SUSPENSION = "suspension", "suspension"
    EMERGENCY = "emergency", "suspension at once"
    LIFTING = "lifting", "lifting of a suspension"
    OFFBOARDING = "offboarding", "end of membership"


class MeasureState(models.TextChoices):
    PROPOSED = "proposed", "waits for a second person"
    DONE = "done", "carried out"
    DROPPED = "dropped", "dropped"


class Measure(models.Model):
    """One person proposes to suspend, to lift or to end a membership, and another carries it out.

    Only a suspension at once is one person's act: waiting would leave the harm running. A suspension that is
    not at once waits for the member's word, or for the day by which it was asked for it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="measures"
    )
    kind = models.CharField(max_length=12, choices=MeasureKind.choices)
    state = models.CharField(max_length=12, choices=MeasureState.choices, default=MeasureState.PROPOSED)
    reason = models.TextField(help_text="told to the member")
    note = models.TextField(blank=True, help_text="for the exchange's people only")
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    reply_until = models.DateTimeField(null=True)
    reply = models.TextField(blank=True, help_text="the member's own word")
    replied_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    replied_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_note = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(state="proposed"), name="measure_one_proposal"
            ),
            models.CheckConstraint(
                condition=~Q(state="done")
                | Q(kind="emergency")
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
                name="measure_two_persons",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["organisation", "-proposed_at"], name="measure_by_member")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.organisation_id}"
