"""The notice of withdrawal: which releases and files of a list are served no more, since when, and why. Pure.

A document that the publisher signs like everything else of a release (a TUF target of the list), because
that a file is missing is what an attacker would like to explain away. It names files by digest and releases
by number, never an entry. Canonical bytes and a strict parser, as the manifest has them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from accounts.errors import Invalid, Refusal, TooLarge
from hashsets.core.reading import Reader

__all__ = ["MAX_NOTICE_BYTES", "Notice", "Reason", "Withdrawal", "WithdrawnFacts", "withdrawn_name"]

MAX_NOTICE_BYTES: Final = 5_000_000  # 74,000 files; stock clients read targets of any length, hashx this much
FORMAT: Final = "hash-exchange withdrawal 1"
_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_LIST_ID: Final = re.compile(r"[a-z2-7]{26}")


class Reason(StrEnum):
    """Why something had to vanish: a category, and never a word about what."""

    COURT_ORDER = "court_order"
    LEGAL_DUTY = "legal_duty"
    PERSONAL_DATA = "personal_data"


@dataclass(frozen=True, slots=True)
class WithdrawnFacts:
    """What a manifest says of the notice: nothing from before release `before` is served, and the file."""

    before: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Releases `first` to `release` - 1 were withdrawn when `release` was published; `files` are SHA-256,
    ascending."""

    first: int
    release: int
    reason: Reason
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """All withdrawals of a list, oldest first: whoever was away learns of every one."""

    list_id: str
    withdrawals: tuple[Withdrawal, ...]

    @property
    def before(self) -> int:
        return self.withdrawals[-1].release

    @property
    def files(self) -> frozenset[str]:
        return frozenset(digest for one in self.withdrawals for digest in one.files)

    def to_bytes(self) -> bytes:
        """Invalid `withdrawal.corrupt` when it contradicts itself, TooLarge `withdrawal.too_large`."""
        _check(self)
        content = json.dumps(_document(self), sort_keys=True, separators=(",", ":")).encode()
        if len(content) > MAX_NOTICE_BYTES:
            raise TooLarge("This list has had too many files for one notice.", code="withdrawal.too_large")
        return content

    @classmethod
    def parse(cls, content: bytes) -> Notice:
        """Invalid `withdrawal.corrupt` for anything but a canonical and consistent notice."""
        try:
            notice = _read(Reader(json.loads(content.decode()), "notice"))
            canonical = notice.to_bytes()
        except Refusal as refusal:
            raise _corrupt(refusal.message) from refusal
        except (ValueError, RecursionError) as broken:
            raise _corrupt("This is not a JSON document.") from broken
        if canonical != content:
            raise _corrupt("The notice is not in canonical form.")
        return notice


def withdrawn_name(list_id: str) -> str:
    """The TUF target name of a list's notice: fixed, like the manifest's."""
    return f"{list_id}/withdrawn.json"


def _document(notice: Notice) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "list_id": notice.list_id,
        "withdrawals": [
            {
                "releases": {"first": one.first, "last": one.release - 1},
                "since": one.release,
                "reason": one.reason.value,
                "files": list(one.files),
            }
            for one in notice.withdrawals
        ],
    }


def _read(document: Reader) -> Notice:
    if document.get("format").text() != FORMAT:
        raise _corrupt("This notice is of another format.")
    return Notice(
        list_id=document.get("list_id").text(),
        withdrawals=tuple(_read_one(one) for one in document.get("withdrawals").items()),
    )


def _read_one(one: Reader) -> Withdrawal:
    reason = one.get("reason").text()
    if reason not in {known.value for known in Reason}:
        raise _corrupt("The notice gives a reason that this version does not know.")
    return Withdrawal(
        first=one.get("releases").get("first").integer(1),
        release=one.get("since").integer(2),
        reason=Reason(reason),
        files=tuple(digest.text() for digest in one.get("files").items()),
    )


def _check(notice: Notice) -> None:
    """The withdrawals follow one another without a gap, from release 1 on."""
    said = notice.withdrawals
    fine = (
        _LIST_ID.fullmatch(notice.list_id)
        and said
        and said[0].first == 1
        and all(one.first < one.release for one in said)
        and all(one.release == other.first for one, other in pairwise(said))
        and all(list(one.files) == sorted(set(one.files)) for one in said)
        and all(_HEX_64.fullmatch(digest) for one in said for digest in one.files)
    )
    if not fine:
        raise _corrupt("The notice contradicts itself or is incomplete.")


def _corrupt(message: str) -> Invalid:
    return Invalid(message, code="withdrawal.corrupt")
