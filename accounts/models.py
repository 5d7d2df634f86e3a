"""Collects the models of this floor's rooms, so that Django finds them."""

from __future__ import annotations

from accounts.audit.models import AuditEvent, AuditHead
from accounts.credentials.models import Credential
from accounts.domains.models import DomainProof
from accounts.factors.models import CodeApp, Passkey, RecoveryCode
from accounts.identity.models import Membership, Organisation, User
from accounts.mail.models import OutgoingMail
from accounts.membership.models import Acceptance, Agreement, DutyContact
from accounts.signing_keys.models import SigningKey
from accounts.standing.models import Condition, Measure, Standing
from accounts.vetting.models import Case, CaseNote, CasePart, Checklist, Decision, Evidence

__all__ = [
    "Acceptance",
    "Agreement",
    "AuditEvent",
    "AuditHead",
    "Case",
    "CaseNote",
    "CasePart",
    "Checklist",
    "CodeApp",
    "Condition",
    "Credential",
    "Decision",
    "DomainProof",
    "DutyContact",
    "Evidence",
    "Measure",
    "Membership",
    "Organisation",
    "OutgoingMail",
    "Passkey",
    "RecoveryCode",
    "SigningKey",
    "Standing",
    "User",
]
