"""Collects the models of this floor's rooms, so that Django finds them."""

from __future__ import annotations

from accounts.audit.models import AuditEvent, AuditHead
from accounts.credentials.models import Credential
from accounts.domains.models import DomainProof
from accounts.dual_control.models import Exemption, Proposal, SecondStepReset
from accounts.factors.models import CodeApp, Passkey, PasswordReset, RecoveryCode
from accounts.identity.models import Membership, Organisation, User
from accounts.mail.models import OutgoingMail
from accounts.membership.models import Acceptance, Agreement, DutyContact, Invitation
from accounts.sign_on.models import SignOn, SignOnBinding, SignOnDomain
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
    "Exemption",
    "Invitation",
    "Measure",
    "Membership",
    "Organisation",
    "OutgoingMail",
    "Passkey",
    "PasswordReset",
    "Proposal",
    "RecoveryCode",
    "SecondStepReset",
    "SignOn",
    "SignOnBinding",
    "SignOnDomain",
    "SigningKey",
    "Standing",
    "User",
]
