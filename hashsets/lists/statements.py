"""What a list states about itself, checked: the rules between its fields, without a database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from accounts.errors import Invalid
from accounts.identity.jurisdictions import known_jurisdiction
from accounts.identity.models import OrganisationKind
from accounts.wording import one_line, paragraphs
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.core.schemes import SCHEMES
from hashsets.lists.models import Audience, Tlp

MAX_PEOPLE: Final = 9  # approvals and signatures: more would mean that nothing is ever released


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

    def checked(self) -> Statement:
        """The statement with its words tidied up.

        Errors: Invalid `text.…`, `jurisdiction.unknown`, `list.<field>`, each with the field's name.
        """
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
        return replace(
            self,
            title=one_line(self.title, field="title", limit=300),
            description=paragraphs(self.description, field="description", limit=10_000, required=False),
            legal_basis=one_line(self.legal_basis, field="legal_basis", limit=1_000),
            purpose=one_line(self.purpose, field="purpose", limit=1_000),
            jurisdiction=known_jurisdiction(self.jurisdiction),
        )

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


def _refuse(field: str, message: str) -> None:
    raise Invalid(message, code=f"list.{field}", field=field)
