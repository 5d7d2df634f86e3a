"""What the trust plane keeps in SQL: versions, the signed bytes themselves, and sealed private keys."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

DIRECTORY = "directory"


class Repository(models.Model):
    """One small TUF repository: of one list, or the directory. Versions only ever grow."""

    id = models.CharField(primary_key=True, max_length=26, help_text="the list's id, or 'directory'")
    hash_list = models.OneToOneField(
        "hashsets.HashList", on_delete=models.PROTECT, null=True, related_name="repository"
    )
    root_version = models.PositiveIntegerField(default=0)
    targets_version = models.PositiveIntegerField(default=0)
    list_version = models.PositiveIntegerField(
        default=0, help_text="newest list version given out, drafts included"
    )
    snapshot_version = models.PositiveIntegerField(default=0)
    timestamp_version = models.PositiveIntegerField(default=0)
    timestamp_expires_at = models.DateTimeField(null=True)
    snapshot_expires_at = models.DateTimeField(null=True)
    resign_at = models.DateTimeField(
        null=True, db_index=True, help_text="when the online keys must sign again"
    )
    lease_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.id


class SignedFile(models.Model):
    """A metadata file exactly as served. SQL is the truth; the files in the blob store are an export."""

    repository = models.ForeignKey(Repository, on_delete=models.PROTECT, related_name="signed_files")
    role = models.CharField(max_length=16, help_text="root, targets, list, snapshot or timestamp")
    version = models.PositiveIntegerField()
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    exported_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["repository", "role", "version"], name="signed_file_once")
        ]

    def __str__(self) -> str:
        return f"{self.repository_id}/{self.version}.{self.role}"


class PrivateKeyPurpose(models.TextChoices):
    ONLINE = "online", "signs snapshots and timestamps of one repository"
    HOSTED = "hosted", "signs releases on a publisher's behalf"
    OFFICER = "officer", "signs roots; kept here in the demo only"
    PUSH = "push", "signs notices"


class PrivateKey(models.Model):
    """A sealed private key. Read only by `hashsets.trust.private_keys`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=8, choices=PrivateKeyPurpose.choices)
    keyid = models.CharField(max_length=64, unique=True)
    repository = models.ForeignKey(Repository, on_delete=models.PROTECT, null=True, related_name="+")
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, null=True, related_name="+"
    )
    sealed = models.TextField(help_text="AES-GCM, see accounts.sealing; associated data is this row's id")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.keyid[:8]}"
