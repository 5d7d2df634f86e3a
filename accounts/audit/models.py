"""The audit chain: one event per accepted act, each naming the digest of the one before."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class AuditEvent(models.Model):
    """One accepted act. Rows are only ever inserted, by `accounts.audit.record.record`."""

    number = models.BigIntegerField(
        primary_key=True, help_text="1, 2, 3 … without gap, given under the head's lock"
    )
    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=16)
    actor_label = models.CharField(max_length=300)
    person_id = models.UUIDField(null=True)
    credential_id = models.UUIDField(null=True)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, null=True, related_name="+"
    )
    subject_type = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    facts = models.JSONField(default=dict, help_text="small JSON values; never hash values, keys or tokens")
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-number"], name="audit_by_organisation"),
            models.Index(fields=["subject_type", "subject_id", "-number"], name="audit_by_subject"),
            # What an auditor filters by: without them each question would read the whole chain.
            models.Index(fields=["person_id", "-number"], name="audit_by_person"),
            models.Index(fields=["action", "-number"], name="audit_by_action"),
            models.Index(fields=["subject_id", "-number"], name="audit_by_subject_id"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


class AuditHeadQuerySet(models.QuerySet["AuditHead"]):
    def lock(self) -> AuditHead:
        """The head's row, locked; made on the very first use.

        A head that somebody deleted comes back at zero, and the next event then collides with event 1: it
        fails closed.
        """
        locked = self.select_for_update(no_key=True).filter(id=1)
        head = locked.first()
        if head is None:
            self.bulk_create([AuditHead(id=1)], ignore_conflicts=True)
            head = locked.get()
        return head


class AuditHead(models.Model):
    """The single row that is locked to append: last in the lock order, after the list's row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="0" * 64)

    objects = AuditHeadQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="audit_head_single")]

    def __str__(self) -> str:
        return f"head at {self.number}"
