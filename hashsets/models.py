"""Collects the models of this floor's rooms, so that Django finds them."""

from __future__ import annotations

from hashsets.intake.models import (
    BenignSet,
    Erasure,
    QuarantineDecision,
    StagedFile,
    Submission,
    Upload,
    UploadPart,
)
from hashsets.lists.models import Classification, HashList, ListAudience, ListChange, ListSigningKey
from hashsets.releases.models import Agreement, Approval, Draft, DraftSignature, Release, TargetFile
from hashsets.trust.models import AwaitedFile, ListTransfer, PrivateKey, Repository, SignedFile

__all__ = [
    "Agreement",
    "Approval",
    "AwaitedFile",
    "BenignSet",
    "Classification",
    "Draft",
    "DraftSignature",
    "Erasure",
    "HashList",
    "ListAudience",
    "ListChange",
    "ListSigningKey",
    "ListTransfer",
    "PrivateKey",
    "QuarantineDecision",
    "Release",
    "Repository",
    "SignedFile",
    "StagedFile",
    "Submission",
    "TargetFile",
    "Upload",
    "UploadPart",
]
