"""What signing a root or top-level targets would promise, in words. Pure.

A signature is over bytes, a decision over words: so the words must fix the bytes. The facts that are shown
are put together again as the exchange would, and whatever does not give the very same bytes is refused. Hence
two parts with the same words are the same part, and nothing can stand in one that is not shown.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Root, Targets

from accounts.errors import Corrupt, Invalid, Refusal
from hashsets.core.anchor import DEMO_OFFICERS, OFFICERS_FIELD, REPOSITORY_FIELD
from hashsets.trust import metadata
from hashsets.trust.keys import check_threshold
from hashsets.trust.metadata import OfficerSet, PublisherFacts

__all__ = [
    "DIRECTORY",
    "NEW",
    "RootFacts",
    "TargetsFacts",
    "describe",
    "facts_of",
    "lines_of",
    "seal",
    "unexplained",
]

DIRECTORY: Final = "directory"
NEW: Final = "NEW: nothing of this kind is in force in this repository yet"
_REPOSITORY: Final = re.compile(r"directory|[a-z2-7]{26}")
_SPECIFICATION: Final = re.compile(r"1\.0\.[0-9]{1,3}")
_DOCUMENT: Final = re.compile(r"[a-z][a-z-]{0,60}\.json")
_KINDS: Final = {"ed25519": "Ed25519", "ecdsa": "ECDSA P-256"}
_GROUP: Final = 8

S = TypeVar("S", Root, Targets)


@dataclass(frozen=True, slots=True)
class RootFacts:
    """All that a root of ours says. `officers` sign root and targets, `online` snapshot and timestamp."""

    repository: str
    version: int
    expires: datetime
    officers: OfficerSet
    online: Key
    specification: str


@dataclass(frozen=True, slots=True)
class TargetsFacts:
    """All that top-level targets of ours say: whose keys may name which files, and who that is."""

    version: int
    expires: datetime
    role: str
    paths: tuple[str, ...]
    keys: tuple[Key, ...]
    threshold: int
    publisher: PublisherFacts | None
    specification: str

    @property
    def repository(self) -> str:
        return self.paths[0].partition("/")[0] if self.publisher else DIRECTORY


def describe(part: bytes, before: bytes | None = None) -> list[str]:
    """What signing `part` would promise, and what changed against `before`, the part that is in force.

    Errors: Corrupt `metadata.…` when `part` is no canonical root or top-level targets, `ceremony.unexplained`
    when it says more than the lines could: then nobody should sign.
    """
    now = facts_of(part)
    if before is None:
        return [NEW, *lines_of(now, None), seal(part)]
    return [*lines_of(now, facts_of(before)), seal(part)]


def facts_of(part: bytes) -> RootFacts | TargetsFacts:
    """Everything that `part` says. Errors: as `describe`."""
    try:
        root = metadata.read_part(part, Root)
    except Corrupt as error:
        if error.code != "metadata.malformed":
            raise
        return _targets_facts(metadata.read_part(part, Targets))
    return _root_facts(root)


def lines_of(now: RootFacts | TargetsFacts, before: RootFacts | TargetsFacts | None) -> list[str]:
    """The facts as lines of plain text, changes first. Errors: Corrupt `ceremony.unexplained`."""
    if before is not None and (type(now) is not type(before) or now.repository != before.repository):
        raise unexplained(f"it would turn the metadata of {before.repository!r} into another's")
    if isinstance(now, RootFacts):
        return _root_lines(now, before if isinstance(before, RootFacts) else None)
    return _targets_lines(now, before if isinstance(before, TargetsFacts) else None)


def seal(part: bytes) -> str:
    """The line that officers read to each other, to know that they sign the same bytes."""
    return f"SHA-256 of these bytes: {_grouped(hashlib.sha256(part).hexdigest())}"


def unexplained(what: str) -> Corrupt:
    return Corrupt(
        f"This cannot be explained, so nobody should sign it: {what}.",
        code="ceremony.unexplained",
        advice="Sign nothing of this folder. Ask the other officers and the operator, by another way.",
    )


def _root_facts(root: Root) -> RootFacts:
    officers, online = root.roles["root"], root.roles["timestamp"]
    repository = root.unrecognized_fields.get(REPOSITORY_FIELD)
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        raise unexplained("the root does not say of which repository it is")
    if len(online.keyids) != 1:
        raise unexplained(f"{len(online.keyids)} online keys sign the timestamp, instead of one")
    if online.keyids[0] in officers.keyids:
        raise unexplained("an officer's key is the online key as well")
    keys = tuple(root.keys[keyid] for keyid in officers.keyids)
    facts = RootFacts(
        repository,
        root.version,
        root.expires,
        OfficerSet(keys, officers.threshold, root.unrecognized_fields.get(OFFICERS_FIELD) == DEMO_OFFICERS),
        root.keys[online.keyids[0]],
        root.spec_version,
    )
    _check_rule(keys, officers.threshold, root.version)
    again = metadata.root_part(
        repository, version=facts.version, expires=facts.expires, officers=facts.officers, online=facts.online
    )
    _check_whole(root, again)
    return facts


def _targets_facts(targets: Targets) -> TargetsFacts:
    role = _only_delegation(targets)
    assert targets.delegations is not None  # noqa: S101 - it holds the role
    keys = tuple(targets.delegations.keys[keyid] for keyid in role.keyids)
    facts = TargetsFacts(
        targets.version,
        targets.expires,
        role.name,
        tuple(role.paths or ()),
        keys,
        role.threshold,
        _publisher(targets),
        targets.spec_version,
    )
    _check_rule(keys, role.threshold, targets.version)
    _check_scope(facts)
    try:
        again = metadata.targets_part(
            version=facts.version,
            expires=facts.expires,
            role=facts.role,
            paths=facts.paths,
            keys=keys,
            threshold=facts.threshold,
            publisher=facts.publisher,
        )
    except Invalid as error:
        raise unexplained("the publisher's name holds characters that cannot be shown") from error
    _check_whole(targets, again)
    return facts


def _only_delegation(targets: Targets) -> DelegatedRole:
    if targets.targets:
        raise unexplained(f"it names {len(targets.targets)} files itself, which the exchange never asks for")
    roles = list((targets.delegations.roles or {}).values()) if targets.delegations is not None else []
    if len(roles) != 1:
        raise unexplained(f"it delegates to {len(roles)} roles, instead of one")
    return roles[0]


def _publisher(targets: Targets) -> PublisherFacts | None:
    said = targets.unrecognized_fields.get(metadata.PUBLISHER_FIELD)
    if said is None:
        return None
    names = ("name", "kind", "jurisdiction", "key_custody")
    if not isinstance(said, dict) or any(not isinstance(said.get(name), str) for name in names):
        raise unexplained("it does not say who the publisher is")
    return PublisherFacts(*(said[name] for name in names))


def _check_scope(facts: TargetsFacts) -> None:
    """A publisher's keys are good for one list's folder; the directory's online key for documents by name."""
    if facts.publisher is not None:
        folder, _, rest = facts.paths[0].partition("/") if facts.paths else ("", "", "")
        wide = len(facts.paths) != 1 or rest != "*" or not _REPOSITORY.fullmatch(folder)
        if facts.role != "list" or wide or folder == DIRECTORY:
            raise unexplained(f"{facts.role!r} may name {', '.join(facts.paths)!r}: not one list's files")
    elif facts.role != "catalogue" or not all(_DOCUMENT.fullmatch(path) for path in facts.paths):
        raise unexplained(f"{facts.role!r} may name {', '.join(facts.paths)!r} for no publisher")


def _check_rule(keys: tuple[Key, ...], threshold: int, version: int) -> None:
    # To Python true is 1; clients in other languages refuse the file, so a list signed so is lost to them.
    if isinstance(threshold, bool) or isinstance(version, bool):
        raise unexplained("true or false stands where a number belongs")
    try:
        check_threshold(keys, threshold)
    except Refusal as error:
        raise unexplained(error.message.rstrip(".")) from error


def _check_whole(given: S, again: S) -> None:
    """Refuse whatever the facts do not make: fields of its own, unused keys, another order, rules that
    differ."""
    if not _SPECIFICATION.fullmatch(given.spec_version):
        raise unexplained(f"it follows version {given.spec_version!r} of TUF")
    again.spec_version = given.spec_version
    if metadata.signed_bytes(given) == metadata.signed_bytes(again):
        return
    ours: dict[str, Any] = again.to_dict()
    theirs: dict[str, Any] = given.to_dict()
    where = sorted(name for name in {*ours, *theirs} if _text(ours.get(name)) != _text(theirs.get(name)))
    raise unexplained(f"it says more than this tool can show, in {', '.join(map(repr, where))}")


def _text(value: object) -> str:
    """What tells true from 1, which are equal to Python."""
    return json.dumps(value, sort_keys=True)


def _root_lines(now: RootFacts, before: RootFacts | None) -> list[str]:
    officers = now.officers
    lines = [f"ROOT of {now.repository!r}, version {now.version}"]
    if before is not None:
        if before.officers.demo != officers.demo:
            raise unexplained("a demonstration never becomes a real exchange, nor the reverse")
        lines += _changed_keys("officer key", before.officers.keys, officers.keys)
        lines += _changed("threshold of officers", before.officers.threshold, officers.threshold)
        lines += _changed("online key", _shown(before.online), _shown(now.online))
        lines = [*lines, *_unchanged(lines, before.version)]
    lines.append(_until(now.expires, before.expires if before else None))
    lines.append(f"root and targets: {officers.threshold} of {len(officers.keys)} keys of officers must sign")
    lines += [f"officer key {_shown(key)}" for key in officers.keys]
    lines.append(f"snapshot and timestamp: signed online, with key {_shown(now.online)}")
    if officers.demo:
        lines.append("for a DEMONSTRATION only")
    return [*lines, f"TUF specification {now.specification}"]


def _targets_lines(now: TargetsFacts, before: TargetsFacts | None) -> list[str]:
    lines = [f"TARGETS of {now.repository!r}, version {now.version}"]
    said, was = _said_of(now.publisher), _said_of(before.publisher) if before else {}
    if before is not None:
        lines += _changed_keys(f"key of '{now.role}'", before.keys, now.keys)
        lines += _changed(f"threshold of '{now.role}'", before.threshold, now.threshold)
        lines += _changed("files that it may name", ", ".join(before.paths), ", ".join(now.paths))
        for name, value in said.items():
            lines += _changed(name, was.get(name), value)
        lines = [*lines, *_unchanged(lines, before.version)]
    lines.append(_until(now.expires, before.expires if before else None))
    lines += [f"{name}: {value}" for name, value in said.items()]
    rule = f"{now.threshold} of {len(now.keys)} keys must sign"
    lines.append(f"'{now.role}' may name {', '.join(now.paths)}: {rule}")
    lines += [f"key of '{now.role}' {_shown(key)}" for key in now.keys]
    return [*lines, f"TUF specification {now.specification}"]


def _said_of(publisher: PublisherFacts | None) -> dict[str, str]:
    if publisher is None:
        return {}
    return {
        "name": repr(publisher.name),
        "kind": repr(publisher.kind),
        "jurisdiction": repr(publisher.jurisdiction),
        "key custody": repr(publisher.key_custody),
    }


def _changed_keys(what: str, before: tuple[Key, ...], now: tuple[Key, ...]) -> list[str]:
    old, new = {key.keyid for key in before}, {key.keyid for key in now}
    added = [f"ADDED {what} {_shown(key)}" for key in now if key.keyid not in old]
    return added + [f"REMOVED {what} {_shown(key)}" for key in before if key.keyid not in new]


def _changed(what: str, before: object, now: object) -> list[str]:
    return [] if before == now else [f"CHANGED {what}: {before} -> {now}"]


def _unchanged(lines: list[str], version: int) -> list[str]:
    return [f"nothing but the date changed since version {version}"] if len(lines) == 1 else []


def _until(now: datetime, before: datetime | None) -> str:
    since = f", until now {before:%Y-%m-%d %H:%M:%S}" if before is not None else ""
    return f"good until {now:%Y-%m-%d %H:%M:%S} UTC{since}"


def _shown(key: Key) -> str:
    return f"{_grouped(key.keyid)} ({_KINDS[key.keytype]})"


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))
