"""What an audit event may say: small JSON values, and never a hash of content, a key or a token.

The chain is read by auditors of several organisations and can never be cleaned, so a slip must fail in the
first test that meets it. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

Fact: TypeAlias = "str | int | bool | UUID | Sequence[Fact] | Mapping[str, Fact] | None"
PlainFact: TypeAlias = "str | int | bool | list[PlainFact] | dict[str, PlainFact] | None"

MAX_BYTES = 8_192
_MAX_DEPTH = 4
_MAX_INTEGER = 2**53 - 1  # beyond it JSON readers disagree
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
# Digests of whole files and ids of public keys are facts about the exchange; these names, and no others,
# carry them.
_DIGEST_NAME = re.compile(r"(?:.+_)?(?:sha256|digest)|keyids?|(?:.+_)?keyid|state_roots?")
_LOOKS_LIKE_A_HASH = re.compile(r"[0-9a-fA-F]{32,}")
_LOOKS_LIKE_A_SECRET = re.compile(r"hx_(?:live|test)_[0-9A-Za-z]{8}|whs(?:ec|k)_|PRIVATE KEY")
# NUL does not fit PostgreSQL's jsonb, and half of a surrogate pair does not fit UTF-8.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def checked_facts(facts: Mapping[str, Fact]) -> dict[str, PlainFact]:
    """Return `facts` as plain JSON values.

    Errors: ValueError when a value is too large, of the wrong kind, or looks like a hash, a key or a token.
    The message names the field and never repeats the value.
    """
    plain = _members(facts, path="", may_be_digest=False, depth=0)
    if len(json.dumps(plain)) > MAX_BYTES:
        raise ValueError(f"The facts of an audit event may take {MAX_BYTES} bytes at most.")
    return plain


def checked_words(text: str, *, what: str) -> str:
    """Return `text` when it says no hash, key or token. Errors: ValueError that names `what`."""
    _check_text(text, what, may_be_digest=False)
    return text


def _members(
    facts: Mapping[str, Fact], *, path: str, may_be_digest: bool, depth: int
) -> dict[str, PlainFact]:
    plain: dict[str, PlainFact] = {}
    for name, value in facts.items():
        if not _NAME.fullmatch(name) or _LOOKS_LIKE_A_HASH.search(name):
            raise ValueError(
                f"An audit fact under '{path}' has a name beyond lower case, digits, '_', '.', '-'."
            )
        named_digest = may_be_digest or _DIGEST_NAME.fullmatch(name) is not None
        plain[name] = _value(value, f"{path}{name}", may_be_digest=named_digest, depth=depth + 1)
    return plain


def _value(value: Fact, path: str, *, may_be_digest: bool, depth: int) -> PlainFact:
    if depth > _MAX_DEPTH:
        raise ValueError(f"The audit fact '{path}' is nested too deeply.")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        _check_text(value, path, may_be_digest=may_be_digest)
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise ValueError(f"The audit fact '{path}' is a larger integer than every reader takes.")
        return value
    if isinstance(value, Mapping):
        return _members(value, path=f"{path}.", may_be_digest=may_be_digest, depth=depth)
    if isinstance(value, list | tuple):
        return [_value(part, path, may_be_digest=may_be_digest, depth=depth + 1) for part in value]
    raise ValueError(f"The audit fact '{path}' is a {type(value).__name__}, which is not a small JSON value.")


def _check_text(text: str, path: str, *, may_be_digest: bool) -> None:
    if _UNSTORABLE.search(text):
        raise ValueError(f"The audit fact '{path}' holds a character that cannot be stored.")
    if _LOOKS_LIKE_A_SECRET.search(text):
        raise ValueError(f"The audit fact '{path}' looks like a key or a token.")
    if not may_be_digest and _LOOKS_LIKE_A_HASH.search(text):
        raise ValueError(
            f"The audit fact '{path}' looks like a hash value. Digests of files and ids of keys go "
            "under names that end in _sha256, _digest or keyid, or under state_root."
        )
