"""What a list states about itself, checked: the rules between its fields, without a database."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounts.errors import Invalid
from accounts.identity.models import OrganisationKind
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.core.schemes import SCHEMES
from hashsets.lists.models import Audience, Tlp

MAX_PEOPLE: Final = 9  # approvals and signatures: more would mean that nothing is ever released
_JURISDICTION: Final = re.compile(r"[A-Z]{2}")
_LENGTHS: Final = {"title": 300, "description": 10_000, "legal_basis": 1_000, "purpose": 1_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Everything a publisher says when a list is made."""

    title: str
    description: str
    jurisdiction: str
    legal_basis: str
    purpose: str
    tlp: str
    audience: str
    audience_kinds: Collection[str]
    audience_organisations: Collection[UUID]
    hash_types: Collection[str]
    scheme: str
    approvals_required: int
    signature_threshold: int

    def check(self) -> None:
        """Errors: Invalid `list.<field>` with the field's name."""
        self._check_texts()
        self._check_audience()
        if not self.hash_types:
            _refuse("hash_types", "Name at least one hash type.")
        unknown = sorted(set(self.hash_types) - set(HASH_TYPES))
        if unknown:
            _refuse("hash_types", f"There is no hash type like this; use {', '.join(sorted(HASH_TYPES))}.")
        if self.scheme not in SCHEMES:
            _refuse("scheme", f"There is no such classification scheme; use {', '.join(sorted(SCHEMES))}.")
        for field in ("approvals_required", "signature_threshold"):
            if not 1 <= getattr(self, field) <= MAX_PEOPLE:
                _refuse(field, f"Give a number from 1 to {MAX_PEOPLE}.")

    def _check_texts(self) -> None:
        for field, length in _LENGTHS.items():
            text = getattr(self, field)
            check_text(field, text, length=length, lines=field == "description")
            if field != "description" and not text.strip():
                _refuse(field, "This may not be empty.")
        if not _JURISDICTION.fullmatch(self.jurisdiction):
            _refuse("jurisdiction", "Give the two-letter country code in upper case, for example GB.")

    def _check_audience(self) -> None:
        if self.tlp not in Tlp.values:
            _refuse("tlp", f"Give one of {', '.join(Tlp.values)}.")
        if self.audience not in Audience.values:
            _refuse("audience", f"Give one of {', '.join(Audience.values)}.")
        # TLP 2.0: anything above CLEAR limits who may read, so it contradicts an audience without limit.
        if self.audience == Audience.PUBLIC and self.tlp != Tlp.CLEAR:
            _refuse("tlp", "A list for everyone must be TLP:CLEAR.")
        if set(self.audience_kinds) - set(OrganisationKind.values):
            _refuse("audience_kinds", f"Give some of {', '.join(OrganisationKind.values)}.")
        if bool(self.audience_kinds) != (self.audience == Audience.KINDS):
            _refuse("audience_kinds", "Name kinds of organisations exactly when the audience is 'kinds'.")
        if self.audience_organisations and self.audience != Audience.NAMED:
            _refuse("audience_organisations", "Name organisations only when the audience is 'named'.")


def check_text(field: str, text: str, *, length: int, lines: bool = False, room: str = "list") -> None:
    """Refuse text that is too long or holds characters that cannot be stored or shown.

    Line breaks and tabs pass when `lines`. Errors: Invalid `<room>.<field>`.
    """
    plain = text.replace("\n", "").replace("\r", "").replace("\t", "") if lines else text
    if len(text) > length:
        _refuse(field, f"Use at most {length} characters.", room)
    # isprintable is false for controls, lone surrogates and the marks that turn the direction of text
    if plain and not plain.isprintable():
        _refuse(field, "This contains characters that cannot be shown, such as control characters.", room)


def _refuse(field: str, message: str, room: str = "list") -> None:
    raise Invalid(message, code=f"{room}.{field}", field=field)
