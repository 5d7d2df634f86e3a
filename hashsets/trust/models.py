"""What the trust plane keeps in SQL: versions, the signed bytes themselves, and sealed private keys."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from accounts.sealing.columns import SealedField

DIRECTORY = "directory"


class RoleName(models.TextChoices):
    """File name and role of a metadata file. `list` and `catalogue` are the delegated roles."""

    ROOT = "root", "root"
    TARGETS = "targets", "targets"
    LIST = "list", "list"
    CATALOGUE = "catalogue", "catalogue"
    SNAPSHOT = "snapshot", "snapshot"
    TIMESTAMP = "timestamp", "timestamp"


class Repository(models.Model):
    """One small TUF repository: of one list, or the directory. Versions only ever grow."""

    id = models.CharField(primary_key=True, max_length=26, help_text="the list's id, or 'directory'")
    hash_list = models.OneToOneField(
        "hashsets.HashList", on_delete=models.PROTECT, null=True, related_name="repository"
    )
    root_version = models.PositiveIntegerField(default=0)
    targets_version = models.PositiveIntegerField(default=0)
    list_version = models.PositiveIntegerField(
        default=0, help_text="newest version of the delegated role that was given out, drafts included"
    )
    snapshot_version = models.PositiveIntegerField(default=0)
    timestamp_version = models.PositiveIntegerField(default=0)
    timestamp_expires_at = models.DateTimeField(null=True)
    snapshot_expires_at = models.DateTimeField(null=True)
    resign_at = models.DateTimeField(
        null=True, db_index=True, help_text="when the online keys must sign again"
    )
    lease_until = models.DateTimeField(null=True, help_text="one writer of exported files at a time")

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether the officers have signed and clients can start: before that nothing is exported."""
        return self.timestamp_version > 0

    @property
    def delegated_role(self) -> RoleName:
        """The only role that the top-level targets delegate to."""
        return RoleName.CATALOGUE if self.id == DIRECTORY else RoleName.LIST


class SignedFile(models.Model):
    """A metadata file exactly as served. SQL is the truth; the files in the blob store are an export."""

    repository = models.ForeignKey(Repository, on_delete=models.PROTECT, related_name="signed_files")
    role = models.CharField(max_length=16, choices=RoleName.choices)
    version = models.PositiveIntegerField()
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    exported_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["repository", "role", "version"], name="signed_file_once")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["repository"],
                condition=models.Q(exported_at__isnull=True),
                name="signed_file_owed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.repository_id}/{self.version}.{self.role}"


class AwaitedFileQuerySet(models.QuerySet["AwaitedFile"]):
    def of_officers(self) -> AwaitedFileQuerySet:
        """Roots and top-level targets: what a ceremony is about."""
        return self.exclude(role=RoleName.LIST)


class AwaitedFile(models.Model):
    """A file that waits for signatures from outside: root and targets for the officers', `list` for the
    publisher's (a renewal). It becomes a SignedFile when enough have signed.
    """

    repository = models.ForeignKey(Repository, on_delete=models.PROTECT, related_name="awaited_files")
    role = models.CharField(
        max_length=16, choices=[(r.value, r.label) for r in (RoleName.ROOT, RoleName.TARGETS, RoleName.LIST)]
    )
    version = models.PositiveIntegerField()
    signed_part = models.BinaryField(help_text="canonical bytes: what is signed")
    signatures = models.JSONField(default=dict, help_text="{key id: hex signature}, valid ones only")
    created_at = models.DateTimeField()

    objects = AwaitedFileQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["repository", "role"], name="awaited_file_one_per_role")
        ]

    def __str__(self) -> str:
        return f"{self.repository_id}/{self.version}.{self.role} (awaited)"


class PrivateKeyPurpose(models.TextChoices):
    ONLINE = "online", "signs snapshots and timestamps of one repository"
    HOSTED = "hosted", "signs releases on a publisher's behalf"
    OFFICER = "officer", "signs roots; kept here in the demo only"
    PUSH = "push", "signs notices"


class PrivateKey(models.Model):
    """A sealed Ed25519 private key. Read only by `hashsets.trust.private_keys`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=8, choices=PrivateKeyPurpose.choices)
    keyid = models.CharField(max_length=64, unique=True)
    public = models.CharField(max_length=64, help_text="the public half, hex: no secret")
    repository = models.ForeignKey(Repository, on_delete=models.PROTECT, null=True, related_name="+")
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, null=True, related_name="+"
    )
    sealed = SealedField(
        bound_to="PrivateKey:{id}:sealed",
        help_text="AES-GCM, see accounts.sealing; associated data is this row's id",
    )
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, help_text="null while the key is in use")

    class Meta:
        constraints: ClassVar = [
            # One online key per repository, never shared: a mirror could otherwise replay one list's
            # timestamp as another's, and the member would then refuse the honest server.
            models.CheckConstraint(
                condition=models.Q(purpose=PrivateKeyPurpose.ONLINE, repository__isnull=False)
                | (~models.Q(purpose=PrivateKeyPurpose.ONLINE) & models.Q(repository__isnull=True)),
                name="private_key_online_has_repository",
            ),
            models.UniqueConstraint(
                fields=["repository"],
                condition=models.Q(purpose=PrivateKeyPurpose.ONLINE, retired_at__isnull=True),
                name="private_key_one_online_each",
            ),
            models.UniqueConstraint(
                fields=["purpose"],
                condition=models.Q(
                    purpose__in=[PrivateKeyPurpose.OFFICER, PrivateKeyPurpose.PUSH], retired_at__isnull=True
                ),
                name="private_key_one_officer_one_push",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.keyid[:8]}"


class TransferState(models.TextChoices):
    OFFERED = "offered", "offered"
    AGREED = "agreed", "agreed, waits for the officers"
    ACCEPTED = "accepted", "accepted"
    ENDED = "ended", "withdrawn or declined"


class ListTransfer(models.Model):
    """A list on its way to another publisher: offered by one organisation, accepted by the other."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="transfers")
    giver = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    taker = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=TransferState.choices, default=TransferState.OFFERED)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    # The taker's rule, from its acceptance on.
    key_ids = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), help_text="ids of the taker's keys"
    )
    threshold = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hash_list"],
                condition=models.Q(state__in=[TransferState.OFFERED, TransferState.AGREED]),
                name="list_transfer_one_open",
            ),
            models.CheckConstraint(
                condition=~models.Q(giver=models.F("taker")), name="list_transfer_to_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hash_list_id} to {self.taker_id}"
