"""Requests for lists that are given out on request, and what became of each."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from accounts.errors import NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import OrganisationStatus


class AccessState(models.TextChoices):
    OPEN = "open", "waits for the publisher"
    AGREED = "agreed", "one person has agreed, a second must"
    GRANTED = "granted", "granted"
    DECLINED = "declined", "declined"
    WITHDRAWN = "withdrawn", "withdrawn"
    REVOKED = "revoked", "granted once, ended since"


_A = AccessState
LIVE_STATES = (_A.OPEN, _A.AGREED)
ACCESS_MOVES: dict[str, frozenset[str]] = {
    _A.OPEN: frozenset({_A.AGREED, _A.DECLINED, _A.WITHDRAWN}),
    _A.AGREED: frozenset({_A.GRANTED, _A.DECLINED, _A.WITHDRAWN}),
    _A.GRANTED: frozenset({_A.REVOKED}),
    _A.DECLINED: frozenset(),
    _A.WITHDRAWN: frozenset(),
    _A.REVOKED: frozenset(),
}


class AccessRequestQuerySet(models.QuerySet["AccessRequest"]):
    def made_by(self, actor: Actor) -> AccessRequestQuerySet:
        """Those that the actor's organisation made."""
        return self.filter(organisation_id=actor.organisation())

    def put_to(self, actor: Actor) -> AccessRequestQuerySet:
        """Those for lists that the actor's organisation publishes, by members that are active still."""
        return self.filter(
            hash_list__organisation_id=actor.organisation(), organisation__status=OrganisationStatus.ACTIVE
        )

    def live(self) -> AccessRequestQuerySet:
        return self.filter(state__in=LIVE_STATES)

    def found(self, request_id: uuid.UUID) -> AccessRequest:
        """Errors: NotFound `access.not_found`, the same for absent and for another organisation's."""
        one = self.filter(id=request_id).select_related("hash_list", "organisation").first()
        if one is None:
            raise NotFound("There is no such request.", code="access.not_found")
        return one


class AccessRequest(models.Model):
    """A member asks for a list that it may find but not see. Decided, never deleted.

    To give a list out discloses hashes, and that cannot be taken back: two people of the publisher agree.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="requests")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1_000)
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=AccessState.choices, default=AccessState.OPEN)
    agreed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    agreed_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=1_000, blank=True, help_text="what the asker reads")

    objects = AccessRequestQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hash_list", "organisation"],
                condition=models.Q(state__in=LIVE_STATES),
                name="access_request_live_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=[AccessState.GRANTED, AccessState.REVOKED])
                | (
                    models.Q(agreed_by__isnull=False, decided_by__isnull=False)
                    & ~models.Q(agreed_by=models.F("decided_by"))
                ),
                name="access_granted_by_two",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-requested_at"], name="access_by_organisation"),
            models.Index(fields=["hash_list", "-requested_at"], name="access_by_list"),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} asks for {self.hash_list_id}"
