"""Proof that whoever applies controls the organisation's domain, looked at again every night."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class ProofState(models.TextChoices):
    WAITING = "waiting", "not proven yet"
    PROVEN = "proven", "proven"
    LAPSED = "lapsed", "no longer found"


class ProofMethod(models.TextChoices):
    DNS = "dns", "TXT record"
    FILE = "file", "file on the website"


class DomainProof(models.Model):
    """A domain that one application names, and the token that proves it.

    The token is made for the application and is public once it stands in a name server; what it proves is who
    could put it there.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.OneToOneField("accounts.Case", on_delete=models.PROTECT, related_name="domain_proof")
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, null=True, related_name="domain_proofs"
    )
    domain = models.CharField(max_length=253, help_text="in lower case, internationalised names as xn--")
    token = models.CharField(max_length=32)
    state = models.CharField(max_length=8, choices=ProofState.choices, default=ProofState.WAITING)
    method = models.CharField(max_length=4, choices=ProofMethod.choices, blank=True)
    created_at = models.DateTimeField()
    proven_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="the next look; never again when empty")
    lease_until = models.DateTimeField(null=True)
    misses = models.PositiveSmallIntegerField(default=0, help_text="looks in a row that did not find it")
    last_answer = models.CharField(max_length=32, blank=True, help_text="a code; see accounts.domains.prove")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["due_at"], name="domain_proof_due")]

    def __str__(self) -> str:
        return f"{self.domain} ({self.state})"
