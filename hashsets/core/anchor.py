"""Whether a list's root belongs to the exchange whose directory a member has pinned.

A member pins one fingerprint, that of the directory's first root. Every list has a TUF root of its own, and
all of them are signed by the same officers: so the directory's root is enough to tell a list's real root from
a root that anybody could have made. Pure: bytes in, a refusal or nothing out.
"""

from __future__ import annotations

import hashlib
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from accounts.errors import Corrupt
from hashsets.core.key_ids import check_keys

REPOSITORY_FIELD: Final = "x-repository"
"""Signed field of every root: the list's id, or "directory". Stock clients carry it along and ignore it."""

OFFICERS_FIELD: Final = "x-officers"
"""Signed field of a root whose officers are not real ones; the only value is "demo"."""

DEMO_OFFICERS: Final = "demo"

_MAX_ROOT_BYTES: Final = 512_000


def fingerprint(root_bytes: bytes) -> str:
    """What members pin: SHA-256 (hex) of `1.root.json` of the directory, exactly as served."""
    return hashlib.sha256(root_bytes).hexdigest()


def check_fingerprint(root_bytes: bytes, pinned: str) -> None:
    """Refuse a root that is not the pinned one. `pinned` may be upper case and grouped by colons or spaces.

    Errors: Corrupt `root.not_pinned`.
    """
    wanted = pinned.strip().lower().replace(":", "").replace(" ", "")
    if fingerprint(root_bytes) != wanted:
        raise Corrupt(
            "This root is not the one whose fingerprint you have.",
            code="root.not_pinned",
            advice="Ask the exchange for its fingerprint again, by another way than this connection.",
        )


def check_list_root(
    directory_root_bytes: bytes, list_root_bytes: bytes, *, list_id: str | None = None
) -> None:
    """Refuse a list's root that the officers of the pinned directory did not sign.

    Give it the *newest* root of both repositories: after the officers were replaced, an old root of a list is
    signed by people who no longer count, while its newest is signed by the current ones. Give `list_id` to
    refuse the genuine root of another list already here; without it that is noticed when the first target is
    asked for.

    Errors: Corrupt `root.malformed`, `root.not_anchored`, `root.other_list`, and all of `check_keys`.
    """
    directory, listed = _root(directory_root_bytes), _root(list_root_bytes)
    for delegator in (directory.signed, listed.signed):
        # By the officers of the directory, and by its own rule too: otherwise a client could not start from
        # it.
        try:
            delegator.verify_delegate(Root.type, listed.signed_bytes, listed.signatures)
        except (RepositoryError, ValueError) as error:
            raise Corrupt(
                "The root of this list is not signed by the officers of the exchange that you have pinned.",
                code="root.not_anchored",
            ) from error
    if list_id is not None and listed.signed.unrecognized_fields.get(REPOSITORY_FIELD) != list_id:
        raise Corrupt("This is the root of another list.", code="root.other_list")


def is_demo(root_bytes: bytes) -> bool:
    """Whether a root says that its officers exist for a demonstration only: never pin it for real work."""
    return _root(root_bytes).signed.unrecognized_fields.get(OFFICERS_FIELD) == DEMO_OFFICERS


def _root(content: bytes) -> Metadata[Root]:
    try:
        if len(content) > _MAX_ROOT_BYTES:
            raise ValueError("too large")
        metadata = Metadata[Root].from_bytes(content)
    except (RepositoryError, ValueError) as error:
        raise Corrupt("This is not a TUF root.", code="root.malformed") from error
    if not isinstance(metadata.signed, Root):
        raise Corrupt("This is TUF metadata, but not a root.", code="root.malformed")
    check_keys(metadata.signed)
    return metadata
