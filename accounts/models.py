"""Collects the models of this floor's rooms, so that Django finds them."""

from __future__ import annotations

from accounts.audit.models import AuditEvent, AuditHead
from accounts.credentials.models import Credential
from accounts.identity.models import Membership, Organisation, User
from accounts.signing_keys.models import SigningKey

__all__ = ["AuditEvent", "AuditHead", "Credential", "Membership", "Organisation", "SigningKey", "User"]
