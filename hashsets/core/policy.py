"""Whom a member believes, and what of it: the rule that it puts between a list and its own systems.

A policy chooses among entries that are all genuine; it changes neither a list nor its state root. It is kept
per subscription by the exchange, so that every machine of a member follows the same one, and is applied by
the member's own client to lists that it has verified itself. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from accounts.errors import Invalid

__all__ = ["PUBLISHER_KINDS", "UNCLASSIFIED_NAME", "TrustPolicy"]

PUBLISHER_KINDS: Final = frozenset({"government", "ngo", "company", "operator"})
UNCLASSIFIED_NAME: Final = "unclassified"  # how an entry without a classification is called in a policy
MAX_MINIMUM: Final = 99
MAX_NAMES: Final = 300
_JURISDICTION: Final = re.compile(r"[A-Z]{2}")
_MAX_CLASSIFICATION: Final = 64


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Empty sets mean "any". The minimums count the list's own publisher, so that 1 asks for nothing more.

    `minimum_publishers` and `minimum_jurisdictions` say how many independent publishers, from how many
    jurisdictions, must list a hash before it is used (2 and 2: as INTERPOL's worst-of list requires). Only
    publishers that the policy itself accepts count.
    """

    publisher_kinds: frozenset[str] = frozenset()
    jurisdictions: frozenset[str] = frozenset()
    classifications: frozenset[str] = frozenset()
    minimum_publishers: int = 1
    minimum_jurisdictions: int = 1

    @property
    def asks_for_corroboration(self) -> bool:
        return self.minimum_publishers > 1 or self.minimum_jurisdictions > 1

    @property
    def asks_who_publishes(self) -> bool:
        """Whether it can be applied only where the publisher is known."""
        return bool(self.publisher_kinds or self.jurisdictions) or self.asks_for_corroboration

    def why_not(self, kind: str, jurisdiction: str) -> str:
        """Why a whole list is left out: `publisher_kind`, `jurisdiction`, or "" when it is not."""
        if self.publisher_kinds and kind not in self.publisher_kinds:
            return "publisher_kind"
        if self.jurisdictions and jurisdiction not in self.jurisdictions:
            return "jurisdiction"
        return ""

    def document(self) -> dict[str, Any]:
        """As JSON; fields that ask for nothing are left out."""
        named = {
            "publisher_kinds": sorted(self.publisher_kinds),
            "jurisdictions": sorted(self.jurisdictions),
            "classifications": sorted(self.classifications),
        }
        minimums = {
            "minimum_publishers": self.minimum_publishers,
            "minimum_jurisdictions": self.minimum_jurisdictions,
        }
        return {name: value for name, value in named.items() if value} | {
            name: value for name, value in minimums.items() if value > 1
        }

    @classmethod
    def parse(cls, document: object) -> TrustPolicy:
        """Invalid `policy.malformed`, `policy.unknown_field`, `policy.unknown_kind`, `policy.impossible`."""
        if not isinstance(document, dict):
            raise _malformed("policy", "A trust policy is a JSON object.")
        if unknown := sorted(str(name)[:40] for name in set(document) - set(_FIELDS)):
            raise Invalid(
                f"A trust policy has no field '{unknown[0]}'.",
                code="policy.unknown_field",
                field=unknown[0],
                advice=f"The fields are: {', '.join(_FIELDS)}.",
            )
        policy = cls(
            publisher_kinds=_names(document, "publisher_kinds"),
            jurisdictions=_names(document, "jurisdictions"),
            classifications=_names(document, "classifications"),
            minimum_publishers=_minimum(document, "minimum_publishers"),
            minimum_jurisdictions=_minimum(document, "minimum_jurisdictions"),
        )
        policy._check()
        return policy

    def _check(self) -> None:
        if unknown := sorted(self.publisher_kinds - PUBLISHER_KINDS):
            raise Invalid(
                f"There is no kind of publisher called '{unknown[0]}'.",
                code="policy.unknown_kind",
                field="publisher_kinds",
                advice=f"The kinds are: {', '.join(sorted(PUBLISHER_KINDS))}.",
            )
        if not all(_JURISDICTION.fullmatch(code) for code in self.jurisdictions):
            raise _malformed("jurisdictions", "A jurisdiction is two capital letters, such as CA or GB.")
        if self.jurisdictions and self.minimum_jurisdictions > len(self.jurisdictions):
            raise Invalid(
                "This policy asks for more jurisdictions than it accepts: nothing could ever pass.",
                code="policy.impossible",
                field="minimum_jurisdictions",
            )


_FIELDS: Final = (
    "publisher_kinds",
    "jurisdictions",
    "classifications",
    "minimum_publishers",
    "minimum_jurisdictions",
)


def _names(document: dict[Any, Any], field: str) -> frozenset[str]:
    value = document.get(field, [])
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        raise _malformed(field, f"This is a list of at most {MAX_NAMES} names.")
    if not all(isinstance(name, str) and 0 < len(name) <= _MAX_CLASSIFICATION for name in value):
        raise _malformed(field, f"A name here is text of 1 to {_MAX_CLASSIFICATION} characters.")
    return frozenset(value)


def _minimum(document: dict[Any, Any], field: str) -> int:
    value = document.get(field, 1)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_MINIMUM:
        raise _malformed(field, f"This is a whole number from 1 to {MAX_MINIMUM}.")
    return value


def _malformed(field: str, message: str) -> Invalid:
    return Invalid(message, code="policy.malformed", field=field)
