"""Collects the models of this floor's rooms, so that Django finds them."""

from __future__ import annotations

from hashsets.intake.models import StagedFile, Submission
from hashsets.lists.models import Classification, HashList, ListAudience, ListSigningKey
from hashsets.releases.models import Approval, Draft, DraftSignature, Release, TargetFile
from hashsets.trust.models import AwaitedFile, PrivateKey, Repository, SignedFile

__all__ = [
    "Approval",
    "AwaitedFile",
    "Classification",
    "Draft",
    "DraftSignature",
    "HashList",
    "ListAudience",
    "ListSigningKey",
    "PrivateKey",
    "Release",
    "Repository",
    "SignedFile",
    "StagedFile",
    "Submission",
    "TargetFile",
]
