"""Where everything lies in the blob store: the one place that spells a key.

Keys are relative paths of plain segments. What is derived and may be deleted at any time (`staged/`,
`leaves/`) is kept apart from what is evidence (`uploads/`) and from what members download (`tuf/`).
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from accounts.errors import Invalid

MAX_KEY: Final = 300
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")


def checked(key: str) -> str:
    """`key` itself when every segment is plain: never absolute, never upwards, never hidden.

    Errors: Invalid `blob.key`.
    """
    if len(key) > MAX_KEY or not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise Invalid("This is not the key of a stored file.", code="blob.key")
    return key


def upload(submission_id: uuid.UUID) -> str:
    """An upload as received. By submission and not by digest: deleting the one of a decided submission can
    then never take the same bytes away from another that is just being received.
    """
    return f"uploads/{submission_id.hex[:2]}/{submission_id}"


def staged(submission_id: uuid.UUID, slug: str, base_release: int, digest: str) -> str:
    """Staged operations of one hash type, or `problems`, relative to a base release.

    The digest is part of the key because two workers may stage the same submission when a lease runs out:
    each writes its own file, the row says which one counts, and nobody ever overwrites.
    """
    ending = "jsonl.gz" if slug == "problems" else "parquet"
    return f"staged/{submission_id}/{slug}-{base_release}-{digest[:16]}.{ending}"


def upload_part(upload_id: uuid.UUID, start: int, sha256: str) -> str:
    """A part of an upload that is not whole yet; by digest too, so that one sent again after a crash fits."""
    return f"parts/{upload_id}/{start}-{sha256[:16]}"


def benign(organisation_id: uuid.UUID, slug: str, sha256: str) -> str:
    """Hashes that an organisation knows to be innocent, sorted; a longer set is another file."""
    return f"benign/{organisation_id}/{slug}-{sha256[:16]}"


def target(list_id: str, name: str, sha256: str) -> str:
    """A TUF target with its digest before the base name, as clients ask for it. `name` is `<list_id>/<base
    name>`.
    """
    folder, _, base = name.rpartition("/")
    return f"tuf/{list_id}/targets/{folder}/{sha256}.{base}"


def metadata(repository_id: str, role: str, version: int) -> str:
    """A signed metadata file; `timestamp` has no version in its name and is the only key that is replaced."""
    name = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
    return f"tuf/{repository_id}/metadata/{name}"


def leaves(list_id: str, slug: str, root: str) -> str:
    """The Merkle leaves of one type, by the type's root (hex): derived, recomputed when missing.

    By root and not by release number: an abandoned draft and its successor have the same number and other
    leaves, and a release that leaves a type alone finds the leaves where they were.
    """
    return f"leaves/{list_id}/{slug}-{root}"
