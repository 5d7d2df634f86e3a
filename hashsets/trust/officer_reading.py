"""An officer's reading of a folder: every request held against what is in force and what the officer knows.

All or nothing: one request that cannot be explained, and no request of the folder is signed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from tuf.api.metadata import Metadata, Root, Targets

from accounts.errors import Corrupt
from hashsets.core.anchor import fingerprint
from hashsets.trust.carried import Carried, Name
from hashsets.trust.explain import (
    DIRECTORY,
    NEW,
    RootFacts,
    TargetsFacts,
    facts_of,
    lines_of,
    seal,
    unexplained,
)
from hashsets.trust.officer_memory import Memory

_NO_ROOT: Final = "This exchange has no root in force yet."
_NOTHING_KNOWN: Final = "You have NOTHING OF YOUR OWN to compare with: check every key with whoever holds it."


@dataclass(frozen=True, slots=True)
class Known:
    """What is in force, and the part of it that this officer has seen or signed before; None: nothing."""

    last: bytes | None
    last_version: int
    base: bytes | None


def read_requests(
    carried: Carried, memory: Memory, given_up: Collection[str]
) -> list[tuple[Name, list[str]]]:
    """What each request promises and changes, in words.

    `given_up` names requests that this officer signed and that were given up since (`directory.2.root`).
    Errors: Corrupt `ceremony.unexplained`, `ceremony.history`, `ceremony.older`, `ceremony.two_contents`,
    `metadata.…`.
    """
    judge = _Judge(carried, memory, given_up)
    judge.check_known()
    facts = {name: facts_of(part) for name, part in carried.requests}
    _check_names(facts)
    _check_together(carried, facts)
    return [(name, judge.lines(name, part, facts[name])) for name, part in carried.requests]


def first_words(carried: Carried, memory: Memory) -> list[str]:
    """What the officer can check before any request, the fingerprint that members pin above all."""
    first = carried.history(DIRECTORY).first
    lines = [f"Fingerprint of this exchange for its members: {fingerprint(first)}" if first else _NO_ROOT]
    return [*lines, _NOTHING_KNOWN] if memory.is_empty else lines


class _Judge:
    def __init__(self, carried: Carried, memory: Memory, given_up: Collection[str]) -> None:
        self._carried = carried
        self._memory = memory
        self._given_up = given_up

    def check_known(self) -> None:
        """Also the repositories without a request: the directory's officers are those of every list."""
        for repository in self._carried.histories:
            self._known(Name(repository, 0, "root"))
            self._known(Name(repository, 0, "targets"))

    def lines(self, name: Name, part: bytes, facts: RootFacts | TargetsFacts) -> list[str]:
        known = self._known(name)
        follows = (
            name.version == known.last_version + 1
            if name.role == "root"
            else (name.version > known.last_version)
        )
        if not follows:
            raise Corrupt(
                f"{name} does not follow version {known.last_version}, which the folder calls in force.",
                code="ceremony.history",
            )
        self._check_once(name, part)
        return [*self._changes(known, facts), seal(part)]

    @staticmethod
    def _changes(known: Known, facts: RootFacts | TargetsFacts) -> list[str]:
        if known.last is None:
            return [NEW, *lines_of(facts, None)]
        if known.base is None:
            claimed = (
                f"Version {known.last_version} is in force, says the folder; you do not know it. Against it:"
            )
            return [claimed, *lines_of(facts, facts_of(known.last))]
        before = facts_of(known.base)
        lines = lines_of(facts, before)
        if before.version == known.last_version:
            return lines
        return [
            f"Version {known.last_version} came into force WITHOUT YOU; against version {before.version}, "
            "which you know:",
            *lines,
        ]

    def _check_once(self, name: Name, part: bytes) -> None:
        """Two contents under one version are two histories: members of one refuse the other for ever."""
        signed = self._memory.signed(name)
        if signed is not None and signed != part and str(name) not in self._given_up:
            raise Corrupt(
                f"You have signed another {name} before. Two of them would be two histories of one exchange.",
                code="ceremony.two_contents",
                advice="Ask the other officers whether the first one was given up before it came into force. "
                f"If all say so, sign again with --given-up {name}.",
            )

    def _known(self, name: Name) -> Known:
        history = self._carried.history(name.repository)
        if name.role == "root":
            seen: Metadata[Root] | Metadata[Targets] | None = self._memory.root(name.repository)
            line: list[Metadata[Root] | Metadata[Targets]] = [*history.roots]
        else:
            seen = self._memory.targets(name.repository)
            line = [history.targets] if history.targets is not None else []
        if seen is not None:
            self._check_seen(name, seen, line)
        base = seen.signed_bytes if seen is not None else None
        for one in line:
            signed = Name(name.repository, one.signed.version, name.role)
            mine = self._memory.signed(signed)
            if mine is None:
                continue
            if mine == one.signed_bytes:
                base = mine
            elif str(signed) not in self._given_up:
                self._check_once(signed, one.signed_bytes)
        last = line[-1] if line else None
        if last is None:
            return Known(None, 0, None)
        if seen is not None and base is not None and seen.signed.version > facts_of(base).version:
            base = seen.signed_bytes
        return Known(last.signed_bytes, last.signed.version, base)

    @staticmethod
    def _check_seen(
        name: Name,
        seen: Metadata[Root] | Metadata[Targets],
        line: list[Metadata[Root] | Metadata[Targets]],
    ) -> None:
        if not line or line[-1].signed.version < seen.signed.version:
            raise Corrupt(
                f"The folder shows an older {name.role} of {name.repository} in force than you have seen: "
                f"version {seen.signed.version} was there.",
                code="ceremony.older",
                advice="Sign nothing of this folder. A restored backup or an attack would look like this.",
            )
        for one in line:
            if one.signed.version == seen.signed.version and one.signed_bytes != seen.signed_bytes:
                raise Corrupt(
                    f"{name.role} {seen.signed.version} of {name.repository} is not the one that you have "
                    "seen in force.",
                    code="ceremony.history",
                    advice="Sign nothing of this folder. Ask the other officers and the operator.",
                )


def _check_names(facts: dict[Name, RootFacts | TargetsFacts]) -> None:
    for name, one in facts.items():
        role = "root" if isinstance(one, RootFacts) else "targets"
        if Name(one.repository, one.version, role) != name:
            said = Name(one.repository, one.version, role)
            raise unexplained(f"what is called {name} is {said} in truth")


def _check_together(carried: Carried, facts: dict[Name, RootFacts | TargetsFacts]) -> None:
    """Lists are signed by the directory's officers; an online key serves one repository and nothing else."""
    roots = [one for one in facts.values() if isinstance(one, RootFacts)]
    in_force = [
        one
        for history in carried.histories.values()
        if isinstance(one := facts_of(history.roots[-1].signed_bytes), RootFacts)
    ]
    officers = [one.officers for one in (*roots, *in_force) if one.repository == DIRECTORY]
    for root in roots:
        if root.officers not in officers:
            raise unexplained(f"the root of {root.repository} names other officers than the directory")
    online: dict[str, str] = {}
    for root in (*roots, *in_force):
        if online.setdefault(root.online.keyid, root.repository) != root.repository:
            raise unexplained(f"{root.repository} shares its online key with {online[root.online.keyid]}")
    for one in facts.values():
        if not isinstance(one, TargetsFacts):
            continue
        for key in one.keys:
            serves = online.get(key.keyid)
            if serves != (DIRECTORY if one.repository == DIRECTORY else None):
                raise unexplained(
                    f"{key.keyid} of '{one.role}' in {one.repository} is an online key out of its place"
                )
