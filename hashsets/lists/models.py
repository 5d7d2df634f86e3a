"""A hash list: what it states about itself, who may see it and who may change it."""

from __future__ import annotations

import base64
import secrets
import uuid
from typing import ClassVar

from django.db import models

from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import OrganisationStatus


def new_list_id() -> str:
    """128 random bits in lower-case base32 (26 characters): unguessable for public lists too."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


class Audience(models.TextChoices):
    PUBLIC = "public", "everyone"
    MEMBERS = "members", "all members"
    KINDS = "kinds", "members of some kinds"
    NAMED = "named", "named organisations"


class Tlp(models.TextChoices):
    """Traffic Light Protocol 2.0."""

    CLEAR = "clear", "TLP:CLEAR"
    GREEN = "green", "TLP:GREEN"
    AMBER = "amber", "TLP:AMBER"
    AMBER_STRICT = "amber+strict", "TLP:AMBER+STRICT"
    RED = "red", "TLP:RED"


class ListStatus(models.TextChoices):
    ACTIVE = "active", "active"
    CLOSED = "closed", "closed"


class Sandbox(models.TextChoices):
    """Lists of documented, harmless hashes that engineers try their systems against; always public."""

    TRY = "try", "to try things with"
    BAD_SIGNATURE = "bad-signature", "served with a signature that is wrong on purpose"


class HashListQuerySet(models.QuerySet["HashList"]):
    """Every query about lists starts from an actor: there is no unscoped way for a door to read lists."""

    def visible_to(self, actor: Actor | None) -> HashListQuerySet:
        """Lists whose existence `actor` may know: own, public, and those whose audience includes them.

        None is an anonymous reader, who sees public lists only. The operator's staff see every list's facts.
        """
        if actor is None or actor.organisation_id is None:
            return self.filter(audience=Audience.PUBLIC)
        if actor.is_test:
            return self.filter(audience=Audience.PUBLIC).exclude(sandbox="")
        if actor.is_operator:
            return self.all()
        named = ListAudience.objects.filter(organisation_id=actor.organisation_id).values("hash_list_id")
        kind = actor.organisation_kind or ""
        return self.filter(
            models.Q(organisation_id=actor.organisation_id)
            | models.Q(audience__in=[Audience.PUBLIC, Audience.MEMBERS])
            | models.Q(audience=Audience.KINDS, audience_kinds__contains=f",{kind},")
            | models.Q(audience=Audience.NAMED, id__in=named)
        )

    def on_request_for(self, actor: Actor | None) -> HashListQuerySet:
        """Lists that are not visible to `actor`, but whose publisher lets members find them and ask.

        What may be shown of them is what the publisher states (title, purpose, legal basis, …), never what
        they hold. A list that is not `findable` stays unknown altogether.
        """
        if actor is None or actor.organisation_id is None or actor.is_test or actor.is_operator:
            return self.none()
        named = ListAudience.objects.filter(organisation_id=actor.organisation_id).values("hash_list_id")
        return (
            self.filter(
                audience=Audience.NAMED,
                findable=True,
                status=ListStatus.ACTIVE,
                organisation__status=OrganisationStatus.ACTIVE,
            )
            .exclude(organisation_id=actor.organisation_id)
            .exclude(id__in=named)
        )

    def owned_by(self, actor: Actor) -> HashListQuerySet:
        return self.filter(organisation_id=actor.organisation())

    def seen(self, list_id: str, actor: Actor | None) -> HashList:
        """One visible list. Errors: NotFound `list.not_found`, the same for absent and for hidden."""
        found = self.visible_to(actor).filter(id=list_id).select_related("organisation").first()
        if found is None:
            raise NotFound("There is no such list.", code="list.not_found")
        return found

    def lock(self, list_id: str) -> HashList:
        """The list's row, locked until the transaction ends (first in the lock order).

        `no_key` here and wherever a row is locked: PostgreSQL checks foreign keys at commit by sharing the
        key of the row referred to. A full lock would make everybody who refers to the list wait for it
        while holding the audit head, which its holder wants next: a deadlock.
        """
        return self.select_for_update(no_key=True).get(id=list_id)


class HashList(models.Model):
    """Entries are not rows: they live in segments. This row carries what people decide and the newest
    number.
    """

    id = models.CharField(primary_key=True, max_length=26, default=new_list_id, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="hash_lists"
    )
    title = models.CharField(max_length=300)
    description = models.TextField(max_length=10_000, blank=True)
    jurisdiction = models.CharField(max_length=2)
    legal_basis = models.CharField(max_length=1_000)
    purpose = models.CharField(max_length=1_000)
    tlp = models.CharField(max_length=16, choices=Tlp.choices, default=Tlp.AMBER)
    audience = models.CharField(max_length=8, choices=Audience.choices, default=Audience.NAMED)
    # Comma-wrapped (",company,ngo,") because JSON containment differs between SQLite and PostgreSQL.
    audience_kinds = models.CharField(max_length=64, blank=True, default="")
    findable = models.BooleanField(
        default=False,
        db_default=False,
        help_text="members outside a named audience may know of it and ask for access",
    )
    inline_delta = models.BooleanField(
        default=False,
        db_default=False,
        help_text="small deltas may travel in notices, to members who ask for it",
    )
    sandbox = models.CharField(
        max_length=16,
        choices=Sandbox.choices,
        blank=True,
        default="",
        db_default="",
        help_text="empty for real lists",
    )
    hash_types = models.JSONField(help_text="slugs, sorted")
    scheme = models.CharField(
        max_length=32, default="none", help_text="classification scheme, see hashsets.core.schemes"
    )
    approvals_required = models.PositiveSmallIntegerField(default=1)
    signature_threshold = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=8, choices=ListStatus.choices, default=ListStatus.ACTIVE)
    # Publishing is one UPDATE of these; push compares every cursor with them.
    latest_release = models.PositiveIntegerField(default=0, help_text="0 until the first release")
    urgent_release = models.PositiveIntegerField(default=0, help_text="newest release marked urgent")
    released_at = models.DateTimeField(null=True)
    latest_manifest_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="where the current state is read from; empty until release 1",
    )
    withdrawn_before = models.PositiveIntegerField(
        default=0, help_text="files of earlier releases are served no more, by legal erasure"
    )
    created_at = models.DateTimeField()

    objects = HashListQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["organisation", "title"], name="list_by_organisation")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(approvals_required__gte=1), name="list_needs_an_approval"
            ),
            models.CheckConstraint(
                condition=models.Q(signature_threshold__gte=1), name="list_needs_a_signature"
            ),
            models.CheckConstraint(
                condition=models.Q(urgent_release__lte=models.F("latest_release")),
                name="list_urgent_is_released",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def require_publisher(self, actor: Actor) -> None:
        """Refuse everyone but the publisher, and never confirm a list to those who may not see it.

        Errors: NotFound `list.not_found` when hidden, NotAllowed `list.other_publisher` when seen.
        """
        if actor.organisation_id == self.organisation_id:
            return
        HashList.objects.seen(self.id, actor)
        raise NotAllowed("This list belongs to another publisher.", code="list.other_publisher")

    def require_active(self) -> None:
        """Errors: Conflict `list.closed`."""
        if self.status != ListStatus.ACTIVE:
            raise Conflict("This list is closed and takes no more changes.", code="list.closed")


class ListAudience(models.Model):
    """An organisation named in a list's audience."""

    hash_list = models.ForeignKey(HashList, on_delete=models.CASCADE, related_name="named_audience")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "organisation"], name="list_audience_once")
        ]

    def __str__(self) -> str:
        return f"{self.hash_list_id} to {self.organisation_id}"


class Classification(models.Model):
    """A code of one list: append-only, so that a code in an old segment never changes its meaning. 0 =
    none.
    """

    hash_list = models.ForeignKey(HashList, on_delete=models.CASCADE, related_name="classifications")
    code = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=64)
    meaning = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "code"], name="classification_code_once"),
            models.UniqueConstraint(fields=["hash_list", "label"], name="classification_label_once"),
            models.CheckConstraint(
                condition=models.Q(code__gte=1, code__lte=255), name="classification_fits_a_byte"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ListSigningKey(models.Model):
    """A publisher's key that is entitled to sign this list's releases."""

    hash_list = models.ForeignKey(HashList, on_delete=models.CASCADE, related_name="signers")
    signing_key = models.ForeignKey("accounts.SigningKey", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hash_list", "signing_key"], name="list_signing_key_once")
        ]

    def __str__(self) -> str:
        return f"{self.signing_key_id} signs {self.hash_list_id}"


class ListChangeState(models.TextChoices):
    PROPOSED = "proposed", "waits for a second person"
    MADE = "made", "made"
    ENDED = "ended", "withdrawn or declined"


class ListChange(models.Model):
    """A change of a list's settings that two people made, from before these were proposals like all others
    (`accounts.dual_control`). Kept as the record; none is added.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey(HashList, on_delete=models.PROTECT, related_name="changes")
    asked = models.JSONField(help_text="{field of the statement: value}, what changes only")
    state = models.CharField(max_length=8, choices=ListChangeState.choices, default=ListChangeState.PROPOSED)
    proposed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hash_list"],
                condition=models.Q(state=ListChangeState.PROPOSED),
                name="list_change_one_open",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=ListChangeState.MADE)
                | ~models.Q(decided_by=models.F("proposed_by")),
                name="list_change_two_persons",
            ),
        ]

    def __str__(self) -> str:
        return f"change of {self.hash_list_id}"
