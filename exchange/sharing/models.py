"""Who subscribes to which list, where they are notified, what they fetched and what they confirmed."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Concat

from accounts.errors import NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import OrganisationKind, OrganisationStatus
from accounts.sealing.columns import SealedField
from hashsets.lists.models import Audience, ListAudience
from hashsets.releases.models import Release


def audience_includes(organisation: str) -> Q:
    """Whether the organisation under the path `organisation` may know of the list under `hash_list`.

    The same rule as `HashListQuerySet.visible_to`, said over rows of many organisations at once: what a
    member may no longer see must not be pushed to it either. A test compares the two over every combination.
    """
    named = ListAudience.objects.filter(
        hash_list_id=OuterRef("hash_list_id"), organisation_id=OuterRef(f"{organisation}_id")
    )
    kind = Concat(Value(","), F(f"{organisation}__kind"), Value(","))
    return (
        Q(hash_list__audience__in=[Audience.PUBLIC, Audience.MEMBERS])
        | Q(hash_list__organisation_id=F(f"{organisation}_id"))
        | Q(**{f"{organisation}__kind": OrganisationKind.OPERATOR})
        | Q(hash_list__audience=Audience.KINDS, hash_list__audience_kinds__contains=kind)
        | Q(Exists(named), hash_list__audience=Audience.NAMED)
    )


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def of(self, actor: Actor) -> SubscriptionQuerySet:
        """The subscriptions of the actor's organisation; for a test key those of sandbox lists."""
        own = self.filter(organisation_id=actor.organisation())
        return own.exclude(hash_list__sandbox="") if actor.is_test else own

    def mine(self, subscription_id: uuid.UUID, actor: Actor) -> Subscription:
        """One that has not ended. Errors: NotFound `subscription.not_found`."""
        found = self.of(actor).filter(id=subscription_id, ended_at__isnull=True).first()
        if found is None:
            raise NotFound("There is no such subscription.", code="subscription.not_found")
        return found

    def current(self) -> SubscriptionQuerySet:
        """Subscriptions that count: not ended, of an active member that may still see the list."""
        return self.filter(
            audience_includes("organisation"),
            ended_at__isnull=True,
            organisation__status=OrganisationStatus.ACTIVE,
        )


class Subscription(models.Model):
    """A member follows a list. Ended, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="subscriptions"
    )
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="subscriptions")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    policy = models.JSONField(default=dict, help_text="see hashsets.core.policy; {} asks for nothing")
    inline_delta = models.BooleanField(
        default=False, db_default=False, help_text="small deltas travel in the notice itself"
    )

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "hash_list"],
                condition=models.Q(ended_at__isnull=True),
                name="subscription_current_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} follows {self.hash_list_id}"


class EndpointState(models.TextChoices):
    UNVERIFIED = "unverified", "ownership not proven yet"
    ACTIVE = "active", "active"
    PAUSED = "paused", "paused"
    CLOSED = "closed", "closed"


_E = EndpointState
ENDPOINT_MOVES: dict[str, frozenset[str]] = {
    _E.UNVERIFIED: frozenset({_E.ACTIVE, _E.CLOSED}),
    _E.ACTIVE: frozenset({_E.PAUSED, _E.UNVERIFIED, _E.CLOSED}),
    _E.PAUSED: frozenset({_E.ACTIVE, _E.UNVERIFIED, _E.CLOSED}),
    _E.CLOSED: frozenset(),
}


class PauseReason(models.TextChoices):
    """Why an endpoint is paused: only `failing` is probed daily and resumes by itself."""

    ASKED = "asked", "paused by the member"
    GONE = "gone", "the endpoint answered 410"
    FAILING = "failing", "nothing was delivered for five days"


class Warned(models.IntegerChoices):
    """What was said of the failure that is going on."""

    NOTHING = 0, "nothing"
    HOUR = 1, "failing for an hour"
    DAY = 2, "failing for a day"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def of(self, actor: Actor) -> EndpointQuerySet:
        return self.filter(organisation_id=actor.organisation())

    def seen(self, endpoint_id: uuid.UUID, actor: Actor) -> Endpoint:
        """One endpoint of the actor's own organisation.

        Errors: NotFound `endpoint.not_found`, the same for absent and for another organisation's.
        """
        found = self.of(actor).filter(id=endpoint_id).first()
        if found is None:
            raise NotFound("There is no such endpoint.", code="endpoint.not_found")
        return found

    def deliverable(self) -> EndpointQuerySet:
        """Endpoints that notices may be posted to: proven, not closed, of an active member."""
        return self.filter(
            Q(state=EndpointState.ACTIVE) | Q(state=EndpointState.PAUSED, paused_reason=PauseReason.FAILING),
            organisation__status=OrganisationStatus.ACTIVE,
        )


class Endpoint(models.Model):
    """A URL of a member that notices are posted to. The columns from `due_at` on are the push engine's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="endpoints"
    )
    url = models.CharField(max_length=2_000)
    host = models.CharField(max_length=300, help_text="host and port in lower case: fairness is per host")
    description = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=12, choices=EndpointState.choices, default=EndpointState.UNVERIFIED)
    sealed_secret = SealedField(
        bound_to="endpoint:{id}:secret",
        help_text="AES-GCM, see accounts.sealing; associated data is this row's id",
    )
    sealed_previous_secret = SealedField(blank=True, bound_to="endpoint:{id}:previous_secret")
    previous_secret_until = models.DateTimeField(null=True)
    proposed_authority = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="PEM that the member asks us to trust, not agreed to yet",
    )
    authority = models.TextField(
        blank=True, default="", db_default="", help_text="PEM trusted beside the system's, for this endpoint"
    )
    authority_proposed_by = models.UUIDField(null=True, help_text="the person answerable for the proposal")
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    paused_reason = models.CharField(max_length=64, blank=True, choices=PauseReason.choices)

    due_at = models.DateTimeField(help_text="not before this (back-off)")
    lease_until = models.DateTimeField(null=True)
    urgent_lease_until = models.DateTimeField(
        null=True, help_text="of the urgent lane, which may be in flight beside the routine one"
    )
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    failing_since = models.DateTimeField(null=True)
    warned = models.PositiveSmallIntegerField(
        default=Warned.NOTHING, db_default=Warned.NOTHING, choices=Warned.choices
    )
    last_success_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-created_at"], name="endpoint_by_organisation"),
            models.Index(fields=["due_at"], condition=models.Q(state="active"), name="endpoint_due"),
            models.Index(
                fields=["failing_since"],
                condition=models.Q(failing_since__isnull=False),
                name="endpoint_failing",
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def proposed_authority_sha256(self) -> str:
        """What names the certificates that are asked for: the SHA-256 of their PEM text, hex."""
        return hashlib.sha256(self.proposed_authority.encode()).hexdigest()


class EndpointCursorQuerySet(models.QuerySet["EndpointCursor"]):
    def allowed(self) -> EndpointCursorQuerySet:
        """Cursors of lists that the member may still know of."""
        return self.filter(audience_includes("endpoint__organisation"))

    def owed(self) -> EndpointCursorQuerySet:
        """Cursors behind a list that can be pulled already and that the member may still see.

        A release counts from its export on: a notice sent before would make the member pull the old state and
        would then be taken for delivered.
        """
        pullable = Release.objects.filter(
            hash_list_id=OuterRef("hash_list_id"),
            number=OuterRef("hash_list__latest_release"),
            exported_at__isnull=False,
        )
        return self.allowed().filter(
            Exists(pullable),
            notified_release__lt=F("hash_list__latest_release"),
        )

    def owed_urgently(self, now: datetime, *, tries: int) -> EndpointCursorQuerySet:
        """Owed an urgent release, and either never told of it or due again within its own calendar of
        `tries`."""
        return self.owed().filter(
            Q(urgent_release__lt=F("hash_list__urgent_release"))
            | Q(urgent_tries__lt=tries, urgent_due_at__lte=now),
            notified_release__lt=F("hash_list__urgent_release"),
        )


class EndpointCursor(models.Model):
    """How far an endpoint has been told about a list. Work exists wherever this is behind the list.

    The `urgent_…` columns count the urgent lane's tries for one urgent release; a newer urgent release starts
    afresh, which is how it overrides every back-off once.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="cursors")
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="cursors")
    notified_release = models.PositiveIntegerField(default=0)
    notified_at = models.DateTimeField(null=True)
    urgent_release = models.PositiveIntegerField(default=0, help_text="the urgent release last tried")
    urgent_tries = models.PositiveSmallIntegerField(default=0)
    urgent_due_at = models.DateTimeField(null=True)
    urgent_warned_release = models.PositiveIntegerField(
        default=0, db_default=0, help_text="the urgent release whose silence was told of"
    )
    replays = models.PositiveIntegerField(
        db_default=0, default=0, help_text="how often it was put back: a replayed notice has an id of its own"
    )

    objects = EndpointCursorQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "hash_list"], name="endpoint_cursor_once")
        ]
        # Finding work is one probe per list: those of its cursors that are behind.
        indexes: ClassVar = [
            models.Index(fields=["hash_list", "notified_release"], name="endpoint_cursor_behind")
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} at {self.notified_release}"


class Notified(models.Model):
    """The first time an endpoint of a member took the notice of this release (level *notified*)."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="+")
    release = models.PositiveIntegerField()
    notified_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "release", "organisation"], name="notified_once")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} notified of {self.release}"


class Fetch(models.Model):
    """The download log: a member fetched the manifest of this release (level *fetched*)."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="fetches")
    release = models.PositiveIntegerField()
    fetched_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "release", "organisation"], name="fetch_once")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} fetched {self.release}"


class Confirmation(models.Model):
    """A member's statement: applied release N with state root R (level *applied*)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="confirmations")
    release = models.PositiveIntegerField()
    state_root = models.CharField(max_length=64)
    hash_types = models.JSONField(help_text="the types applied")
    matches = models.BooleanField(help_text="the root equals the release's; false is an alarm")
    applied_at = models.DateTimeField(help_text="by the member's clock")
    received_at = models.DateTimeField()
    credential_id = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "hash_list", "release", "state_root"], name="confirmation_once"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["hash_list", "release"], name="confirmation_by_release")]

    def __str__(self) -> str:
        return f"{self.organisation_id} applied {self.release}"
