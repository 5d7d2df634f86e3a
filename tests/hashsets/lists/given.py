"""Builders of lists and keys, with the real verbs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from accounts.identity.acting import Actor
from accounts.signing_keys.models import Custody, SigningKey, SigningKeyStatus
from hashsets.lists.define import create_list
from hashsets.lists.models import HashList
from tests.cast import NOW, Crew

STATED: dict[str, Any] = {
    "title": "Known images",
    "description": "What Harbor's analysts have confirmed.",
    "jurisdiction": "CA",
    "legal_basis": "Criminal Code, section 163.1",
    "purpose": "Stop re-uploads.",
    "tlp": "amber",
    "audience": "named",
    "audience_kinds": (),
    "audience_organisations": (),
    "hash_types": ("sha256", "md5", "pdq"),
    "scheme": "ncmec",
    "approvals_required": 1,
    "signature_threshold": 1,
}


def a_list(crew: Crew, *, actor: Actor | None = None, **stated: Any) -> HashList:
    """A list of `crew` as in STATED but for `stated`."""
    return create_list(crew.organisation, **(STATED | stated), actor=actor or crew.admin.actor, now=NOW)


def a_key(
    organisation_id: UUID, *, number: int = 1, custody: Custody = Custody.OWN, active: bool = True
) -> SigningKey:
    return SigningKey.objects.create(
        organisation_id=organisation_id,
        name=f"Key {number}",
        keyid=f"{number:064x}",
        keytype="ed25519",
        scheme="ed25519",
        public=f"{number:064x}",
        custody=custody,
        status=SigningKeyStatus.ACTIVE if active else SigningKeyStatus.PENDING,
        created_at=NOW,
    )
