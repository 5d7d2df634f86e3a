"""What a failure inside python-tuf means for a member, in one place.

python-tuf names what it noticed, not what happened: one exception stands for a changed byte, for an old file
and for a file of another list. The difference matters to whoever has to act, so the document that caused it
is looked at once more here. This only chooses the words and the exit code: by now the refusal itself is
certain.

What python-tuf raises                 exit codes that follow
UnsignedMetadataError                  17 some but too few signatures · 14 another list's · 10 otherwise
BadVersionNumberError                  16 file and the metadata naming it disagree · 11 otherwise
ExpiredMetadataError                   12
LengthOrHashMismatch, DownloadLength…  14 another list's · 16 genuine, of another moment · 13 otherwise
DownloadHTTPError                      3 for 401, 403, and 404 of the first file · 2 otherwise
other DownloadError                    2
other RepositoryError                  18 unknown specification version · 16 a role left out · 10 unreadable
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Targets

from accounts.errors import Corrupt
from exchange.client.refusals import (
    BadSignature,
    BelowThreshold,
    Expired,
    Forbidden,
    MixAndMatch,
    NetworkDown,
    RolledBack,
    Stop,
    UnsupportedFormat,
    WrongFile,
    WrongList,
)
from hashsets.core.anchor import REPOSITORY_FIELD
from hashsets.core.key_ids import check_keys

__all__ = ["Fetched", "TufError", "names_another", "refusal_of", "refuse_wrong_keys", "role_of"]

TufError: TypeAlias = RepositoryError | DownloadError
Document: TypeAlias = "Metadata[Any]"

_FILE: Final = re.compile(r"(?:\d+\.)?([A-Za-z0-9_-]+)\.json$")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The last metadata file that was asked for; `content` is None when it did not come whole."""

    url: str
    content: bytes | None


def role_of(url: str) -> str:
    """The role whose file a URL names, "" when it names none."""
    match = _FILE.search(url)
    return match.group(1) if match else ""


def refuse_wrong_keys(content: bytes) -> None:
    """Refuse metadata in which a key is not the one that its id says, or counts twice.

    python-tuf does not look. What is no metadata at all is left to it; it refuses that with its own reason.
    Errors: BadSignature `metadata.key_…`.
    """
    document = _parsed(content)
    try:
        check_keys(document.signed if document is not None else None)
    except Corrupt as error:
        raise BadSignature(error.message, code=error.code, advice=error.advice) from error


def refusal_of(error: TufError, *, last: Fetched | None, trusted: Path, repository_id: str) -> Stop:
    """Ours for theirs. `trusted` holds the metadata that verified up to here."""
    role = role_of(last.url) if last else ""
    document = _parsed(last.content) if last and last.content is not None else None
    if isinstance(error, DownloadHTTPError):
        return _http_refusal(error.status_code, role)
    if isinstance(error, ExpiredMetadataError):
        return Expired(
            "The newest metadata that the exchange shows has expired: it may be holding back newer releases.",
            advice="What you have applied stays in place. Check this machine's clock, then ask the operator.",
            role=role,
        )
    if isinstance(error, UnsignedMetadataError):
        return _unsigned(document, role, trusted, repository_id)
    if isinstance(error, BadVersionNumberError):
        return _wrong_version(document, role, trusted)
    if isinstance(error, LengthOrHashMismatchError | DownloadLengthMismatchError):
        return _mismatch(document, role, trusted, repository_id)
    if isinstance(error, DownloadError):
        return NetworkDown(f"The metadata of the list could not be fetched: {error}.", role=role)
    return _unreadable(last, document, role)


def _http_refusal(status: int, role: str) -> Stop:
    if status == 401:
        return Forbidden("The exchange does not accept this key.", code="credential.refused")
    if status in (403, 404) and role in ("root", "timestamp"):
        return Forbidden("There is no such list for you here.", code="list.not_found")
    if status in (403, 404):
        return NetworkDown(
            "The exchange withholds a file that its own metadata names.", code="network.withheld", role=role
        )
    return NetworkDown(f"The exchange answered with status {status}.", code="network.status", status=status)


def _unsigned(document: Document | None, role: str, trusted: Path, repository_id: str) -> Stop:
    if document is not None and names_another(document, repository_id):
        return _wrong_list()
    if document is not None and (count := _signers(document, role, trusted)) is not None and count[0]:
        return BelowThreshold(
            f"{count[0]} of the {count[1]} signatures that '{role}' needs are there.",
            role=role,
            signed=count[0],
            threshold=count[1],
        )
    if document is not None and _signed_for_a_neighbour(document, trusted):
        return _wrong_list()
    return BadSignature(f"'{role}' is not signed by those who must sign it.", role=role)


def _wrong_version(document: Document | None, role: str, trusted: Path) -> Stop:
    if document is not None and role not in ("root", "timestamp"):
        named = _named_version(role, trusted)
        if named is not None and named != document.signed.version:
            return MixAndMatch(f"'{role}' is not of the version that the metadata above it names.", role=role)
    return RolledBack(
        f"The exchange shows an older '{role}' than this member has seen before.",
        advice="What you have applied stays in place. A restored backup or an attack would look like this.",
        role=role,
    )


def _mismatch(document: Document | None, role: str, trusted: Path, repository_id: str) -> Stop:
    if document is not None and names_another(document, repository_id):
        return _wrong_list()
    signers = _signers(document, role, trusted) if document is not None else None
    if signers is not None and signers[0] >= signers[1]:
        return MixAndMatch(f"'{role}' is genuine but belongs to another moment than the rest.", role=role)
    return WrongFile(f"'{role}' has another length or digest than the metadata above it says.", role=role)


def _unreadable(last: Fetched | None, document: Document | None, role: str) -> Stop:
    if document is not None and role in ("snapshot", "targets", "list", ""):
        return MixAndMatch(f"The metadata does not fit together at '{role}'.", role=role)
    if last is not None and last.content is not None and _is_of_another_specification(last.content):
        return UnsupportedFormat("The metadata follows a version of TUF that this client does not know.")
    return BadSignature(f"'{role}' is not readable metadata.", code="trust.unreadable", role=role)


def _wrong_list() -> WrongList:
    return WrongList("What the exchange shows here belongs to another list.")


def names_another(document: Document, repository_id: str) -> bool:
    """Whether a document says itself that it is about another repository."""
    signed = document.signed
    if isinstance(signed, Root):
        return bool(signed.unrecognized_fields.get(REPOSITORY_FIELD, repository_id) != repository_id)
    if not isinstance(signed, Targets):
        return False
    folders = {path.partition("/")[0] for path in signed.targets if "/" in path}
    if signed.delegations is not None and signed.delegations.roles:
        for delegated in signed.delegations.roles.values():
            folders |= {path.partition("/")[0] for path in delegated.paths or [] if "/" in path}
    return bool(folders) and repository_id not in folders


def _signers(document: Document, role: str, trusted: Path) -> tuple[int, int] | None:
    """How many of those who may sign `role` have signed, and how many must; None when nobody may."""
    for parent in ("root.json", "targets.json"):
        delegator = _parsed(_read(trusted / parent))
        if delegator is None:
            continue
        try:
            result = delegator.signed.get_verification_result(
                role, document.signed_bytes, document.signatures
            )
        except (ValueError, AttributeError):
            continue
        return len(result.signed), result.threshold
    return None


def _signed_for_a_neighbour(document: Document, trusted: Path) -> bool:
    """Whether the signing key is the online key of another list in the same folder."""
    for root in trusted.parent.parent.glob("*/trust/root.json"):
        if root.parent.parent == trusted.parent:
            continue
        neighbour = _parsed(_read(root))
        if neighbour is not None and isinstance(neighbour.signed, Root):
            online = {
                key for name in ("timestamp", "snapshot") for key in neighbour.signed.roles[name].keyids
            }
            if online & set(document.signatures):
                return True
    return False


def _named_version(role: str, trusted: Path) -> int | None:
    above = "timestamp.json" if role == "snapshot" else "snapshot.json"
    document = _parsed(_read(trusted / above))
    if document is None:
        return None
    if role == "snapshot":
        return int(document.signed.snapshot_meta.version)
    named = document.signed.meta.get(f"{role}.json")
    return None if named is None else int(named.version)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _parsed(content: bytes | None) -> Document | None:
    if content is None:
        return None
    try:
        return Metadata.from_bytes(content)
    except (RepositoryError, ValueError, RecursionError):
        return None


def _is_of_another_specification(content: bytes) -> bool:
    try:
        version = json.loads(content)["signed"]["spec_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(version, str) and not version.startswith("1.")
