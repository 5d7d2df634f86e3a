"""Cases: who asks to be let in or to stay, what was checked by whom, and what two people decided.

The rule that nobody decides on what they prepared is held by the database. Everybody who acts in a case has
one `CasePart` in it, under an id that spells its kind and its case; evidence and proposals may refer to parts
of preparers only, decisions to parts of deciders only, each of the same case, by check constraints on ids.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Substr
from django.db.models.lookups import Exact

REFERENCE_LENGTH: Final = 12  # AP-XXXX-XXXX


class Purpose(models.TextChoices):
    ADMISSION = "admission", "application"
    REVIEW = "review", "review"


class Track(models.TextChoices):
    """Which checklist a case follows."""

    COMPANY = "company", "company"
    NGO = "ngo", "NGO"
    GOVERNMENT = "government", "government"
    OTHER = "other", "other jurisdiction"


class CaseState(models.TextChoices):
    DRAFT = "draft", "being filled in"
    OPEN = "open", "being checked"
    INFORMATION = "information", "waits for the applicant"
    APPROVED = "approved", "approved"
    DECLINED = "declined", "declined"
    APPEALED = "appealed", "appealed"
    REJECTED = "rejected", "declined after an appeal"
    WITHDRAWN = "withdrawn", "withdrawn"


_S = CaseState
CASE_MOVES: dict[str, frozenset[str]] = {
    _S.DRAFT: frozenset({_S.OPEN, _S.WITHDRAWN}),
    _S.OPEN: frozenset({_S.INFORMATION, _S.APPROVED, _S.DECLINED, _S.WITHDRAWN}),
    _S.INFORMATION: frozenset({_S.OPEN, _S.WITHDRAWN}),
    _S.DECLINED: frozenset({_S.APPEALED}),
    _S.APPEALED: frozenset({_S.APPROVED, _S.REJECTED}),
    _S.APPROVED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.WITHDRAWN: frozenset(),
}
AT_WORK: Final = (_S.OPEN, _S.INFORMATION, _S.APPEALED)
DECIDABLE: Final = (_S.OPEN, _S.APPEALED)


class Checklist(models.Model):
    """One version of what is checked on a track. Never changed: an edit is the next version."""

    track = models.CharField(max_length=12, choices=Track.choices)
    version = models.PositiveIntegerField()
    items = models.JSONField(help_text="see accounts.vetting.checklists")
    jurisdictions = models.JSONField(
        default=list, help_text="whose registers are known; others go to 'other'; empty: all are"
    )
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["track", "version"], name="checklist_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.track} {self.version}"


class CaseQuerySet(models.QuerySet["Case"]):
    def lock(self, case_id: str) -> Case | None:
        """The case's row, locked until the transaction ends: acts in one case wait for each other."""
        return self.select_for_update(no_key=True).filter(id=case_id).first()

    def seen_by_exchange(self) -> CaseQuerySet:
        """What the exchange's people see: never a draft, which is its applicant's alone."""
        return self.exclude(state=CaseState.DRAFT)


class Case(models.Model):
    """An application for membership, or the review of a member. Its id is the reference that people use."""

    id = models.CharField(primary_key=True, max_length=REFERENCE_LENGTH)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    state = models.CharField(max_length=12, choices=CaseState.choices, default=CaseState.DRAFT)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, null=True, related_name="cases"
    )
    name = models.CharField(max_length=300, blank=True)
    answers = models.JSONField(default=dict, help_text="by field; see accounts.vetting.questions")
    email = models.EmailField(max_length=254)
    email_proven_at = models.DateTimeField(null=True)
    language = models.CharField(max_length=2, default="en")
    code_digest = models.CharField(max_length=64, unique=True, help_text="of the mailed code, keyed")
    code_sent_at = models.DateTimeField()
    checklist = models.ForeignKey(Checklist, on_delete=models.PROTECT, null=True, related_name="+")
    owner = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True, help_text="since when the clock stands still")
    stopped_seconds = models.PositiveBigIntegerField(default=0, help_text="by earlier stops")

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation"],
                condition=Q(purpose="review", state__in=["draft", "open", "information", "appealed"]),
                name="case_review_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"]) | Q(checklist__isnull=False),
                name="case_has_checklist",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "submitted_at"], name="case_by_state"),
            models.Index(fields=["-submitted_at"], name="case_by_age"),
        ]

    def __str__(self) -> str:
        return self.id

    def age_seconds(self, now: datetime) -> float:
        """How long it has been ours to decide: the clock stands still while we wait for the applicant."""
        if self.submitted_at is None:
            return 0.0
        end = self.stopped_at or self.decided_at or now
        return max(0.0, (end - self.submitted_at).total_seconds() - self.stopped_seconds)


class PartKind(models.TextChoices):
    PREPARER = "p", "collects evidence and proposes"
    DECIDER = "d", "decides"
    CONFLICTED = "x", "keeps out, for a conflict of interest"


def _spells(part: str, kind: str, *, empty: bool = False) -> Q:
    """That column `part` holds the id of a part of `kind` in this row's own case."""
    spelled = Q(Exact(Substr(F(part), 1, 1), Value(kind))) & Q(
        Exact(Substr(F(part), 2, REFERENCE_LENGTH), F("case"))
    )
    return spelled | Q(**{f"{part}__isnull": True}) if empty else spelled


class CasePart(models.Model):
    """The one part that a person takes in a case."""

    id = models.CharField(primary_key=True, max_length=64, help_text="kind, case, person")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="parts")
    person = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=1, choices=PartKind.choices)
    taken_at = models.DateTimeField()
    conflict = models.TextField(blank=True, help_text="the interest declared, also one that came up later")
    conflict_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "person"], name="case_part_one_per_person"),
            models.CheckConstraint(
                condition=Q(Exact(Substr(F("id"), 1, 1), F("kind")))
                & Q(Exact(Substr(F("id"), 2, REFERENCE_LENGTH), F("case"))),
                name="case_part_id_spells_it",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.case_id} ({self.kind})"


class Result(models.TextChoices):
    PASSED = "passed", "passed"
    FAILED = "failed", "failed"
    NOT_NEEDED = "not_needed", "not needed here"


class Evidence(models.Model):
    """What one person found for one item of a case's checklist. A later row takes an earlier one's place."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="evidence")
    item = models.CharField(max_length=40, help_text="code of the checklist's item")
    result = models.CharField(max_length=12, choices=Result.choices)
    source = models.CharField(max_length=300, help_text="where it was looked up, or who was called")
    reference = models.CharField(max_length=300, help_text="where the evidence is kept")
    finding = models.TextField(blank=True, help_text="discrepancies, in words")
    part = models.ForeignKey(CasePart, on_delete=models.PROTECT, related_name="+")
    found_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["case", "item"], condition=Q(superseded_at__isnull=True), name="evidence_counts_once"
            ),
            models.CheckConstraint(condition=_spells("part", "p"), name="evidence_by_preparer"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"], condition=Q(superseded_at__isnull=True), name="evidence_by_expiry"
            )
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.item}: {self.result}"


class Outcome(models.TextChoices):
    APPROVE = "approve", "approve"
    DECLINE = "decline", "decline"


class DeclineReason(models.TextChoices):
    IDENTITY = "identity", "identity not established"
    DOMAIN = "domain", "domain not proven"
    CRITERIA = "criteria", "membership criteria not met"
    SANCTIONS = "sanctions", "sanctions or legal bar"
    INCOMPLETE = "incomplete", "information not provided"
    OTHER = "other", "another reason, in the message"


class DecisionState(models.TextChoices):
    PROPOSED = "proposed", "waits for a second person"
    TAKEN = "taken", "taken"
    RETURNED = "returned", "returned"


class Decision(models.Model):
    """What a preparer proposes and somebody else takes, or gives back."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions")
    state = models.CharField(max_length=12, choices=DecisionState.choices, default=DecisionState.PROPOSED)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    on_appeal = models.BooleanField(default=False)
    reason = models.CharField(max_length=16, choices=DeclineReason.choices, blank=True)
    message = models.TextField(blank=True, help_text="to the applicant")
    note = models.TextField(blank=True, help_text="for the exchange's people only")
    probation_until = models.DateTimeField(null=True)
    proposed_by = models.ForeignKey(CasePart, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.OneToOneField(CasePart, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    returned_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    returned_because = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(state="proposed"), name="decision_one_proposal"
            ),
            models.UniqueConstraint(
                fields=["case", "on_appeal"], condition=Q(state="taken"), name="decision_taken_once"
            ),
            models.CheckConstraint(
                condition=_spells("proposed_by", "p"), name="decision_proposed_by_preparer"
            ),
            models.CheckConstraint(
                condition=_spells("decided_by", "d", empty=True), name="decision_taken_by_decider"
            ),
            models.CheckConstraint(
                condition=Q(state="taken", decided_by__isnull=False)
                | (~Q(state="taken") & Q(decided_by__isnull=True)),
                name="decision_taken_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="decline") | ~Q(reason=""), name="decision_decline_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}: {self.outcome} ({self.state})"


class Audience(models.TextChoices):
    INTERNAL = "internal", "the exchange's people"
    APPLICANT = "applicant", "the applicant too"


class CaseNote(models.Model):
    """A word in a case; `person` is empty when the applicant wrote it."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notes")
    audience = models.CharField(max_length=12, choices=Audience.choices)
    text = models.TextField()
    person = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"note in {self.case_id}"
