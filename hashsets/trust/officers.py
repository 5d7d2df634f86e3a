"""The officers' part: roots and top-level targets wait here until enough officers have signed, then take
effect.

In production officers sign offline and several may do so at different times: valid signatures are collected
on the waiting row. In the demo one sealed key stands in for them and signs at once; such roots say so in a
signed field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.conf import settings
from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from accounts.errors import Conflict
from hashsets.core.anchor import DEMO_OFFICERS, OFFICERS_FIELD
from hashsets.trust import lifetimes, metadata, private_keys, signed_files
from hashsets.trust.explain import describe
from hashsets.trust.metadata import OfficerSet
from hashsets.trust.models import (
    DIRECTORY,
    AwaitedFile,
    PrivateKeyPurpose,
    Repository,
    RoleName,
    SignedFile,
)
from hashsets.trust.online import sign_online


def officers_in_force() -> OfficerSet:
    """The officers that the directory's root names; before the first ceremony, those who are to sign it.

    Errors: Conflict `ceremony.not_initialised`.
    """
    signed = signed_files.newest(DIRECTORY, RoleName.ROOT)
    if signed is not None:
        return officers_of(metadata.read(bytes(signed.content), Root).signed)
    awaited = AwaitedFile.objects.filter(repository_id=DIRECTORY, role=RoleName.ROOT).first()
    if awaited is not None:
        return officers_of(metadata.read_part(bytes(awaited.signed_part), Root))
    raise Conflict(
        "This exchange has no officers yet, so no list can be opened.",
        code="ceremony.not_initialised",
        advice="Run manage.py ceremony init with the officers' public keys.",
    )


def officers_of(root: Root) -> OfficerSet:
    role = root.roles["root"]
    return OfficerSet(
        keys=tuple(root.keys[keyid] for keyid in role.keyids),
        threshold=role.threshold,
        demo=root.unrecognized_fields.get(OFFICERS_FIELD) == DEMO_OFFICERS,
    )


def demo_officers(now: datetime) -> OfficerSet:
    """A local 1-of-1 in place of real officers. Errors: NotAllowed `officer.demo_only` outside the demo."""
    key = private_keys.public_half(PrivateKeyPurpose.OFFICER) or private_keys.create_key(
        PrivateKeyPurpose.OFFICER, now=now
    )
    return OfficerSet((key,), 1, demo=True)


def await_root(row: Repository, *, officers: OfficerSet, online: Key, now: datetime) -> None:
    """Put the next root before the officers, in place of one that still waits.

    Root versions must not skip (clients walk them one by one), so an unsigned one is replaced under its
    number.
    """
    version = row.root_version + 1
    part = metadata.root_part(
        row.id,
        version=version,
        expires=lifetimes.expiry(now, lifetimes.ROOT),
        officers=officers,
        online=online,
    )
    _await(row, RoleName.ROOT, version, metadata.signed_bytes(part), now=now)


def await_targets(row: Repository, part: Targets, *, now: datetime) -> None:
    """Put the next top-level targets before the officers; its version is drawn here and never given out
    again.
    """
    row.targets_version += 1
    row.save(update_fields=["targets_version"])
    part.version = row.targets_version
    part.expires = lifetimes.expiry(now, lifetimes.TARGETS)
    _await(row, RoleName.TARGETS, part.version, metadata.signed_bytes(part), now=now)


def _await(row: Repository, role: RoleName, version: int, part: bytes, *, now: datetime) -> None:
    AwaitedFile.objects.update_or_create(
        repository=row,
        role=role,
        defaults={"version": version, "signed_part": part, "signatures": {}, "created_at": now},
    )


def sign_in_demo(row: Repository, *, now: datetime) -> bool:
    """Let the demo's officer sign what waits, and install it. Does nothing where real officers are in
    force.
    """
    if not settings.HX_DEMO or not officers_in_force().demo:
        return False
    for awaited in AwaitedFile.objects.of_officers().filter(repository=row):
        payload = bytes(awaited.signed_part)
        for key in officers_in_force().keys:
            signature = private_keys.sign_as(key.keyid, PrivateKeyPurpose.OFFICER, payload)
            add_signatures(awaited, {key.keyid: signature})
    return install(row, now=now)


def add_signatures(awaited: AwaitedFile, signatures: Mapping[str, str]) -> frozenset[str]:
    """Keep the valid ones of `signatures` (hex by key id) and return whose they are."""
    accepted: set[str] = set()
    for delegator in _delegators(awaited):
        accepted |= metadata.valid_signers(delegator, awaited.role, bytes(awaited.signed_part), signatures)
    if accepted:
        awaited.signatures = awaited.signatures | {keyid: signatures[keyid] for keyid in accepted}
        awaited.save(update_fields=["signatures"])
    return frozenset(accepted)


def missing_signatures(awaited: AwaitedFile) -> int:
    """How many signatures are still needed, at least; 0 too when more officers have signed than must."""
    return missing_of([awaited])[awaited.pk]


def missing_of(waiting: Collection[AwaitedFile]) -> dict[int, int]:
    """As `missing_signatures`, by the file's row, for all of them at once."""
    rules = _delegators_of({awaited.repository_id for awaited in waiting})
    return {awaited.pk: _missing(awaited, rules[awaited.repository_id]) for awaited in waiting}


def _missing(awaited: AwaitedFile, delegators: Iterable[Root]) -> int:
    payload = bytes(awaited.signed_part)
    lacking = (
        delegator.get_delegated_role(awaited.role).threshold
        - len(metadata.valid_signers(delegator, awaited.role, payload, awaited.signatures))
        for delegator in delegators
    )
    return max(0, *lacking)


def describe_awaited(waiting: Sequence[AwaitedFile]) -> list[list[str]]:
    """What each waiting file promises, and what it changes in what is in force, as lines of plain text.

    Errors: Corrupt `ceremony.unexplained`, `metadata.…`: the row was tampered with.
    """
    ids = {awaited.repository_id for awaited in waiting}
    in_force: dict[tuple[str, str], bytes] = {}
    for signed in signed_files.newest_of_each(ids, RoleName.ROOT):
        part = metadata.read(bytes(signed.content), Root).signed_bytes
        in_force[signed.repository_id, signed.role] = part
    for signed in signed_files.newest_of_each(ids, RoleName.TARGETS):
        part = metadata.read(bytes(signed.content), Targets).signed_bytes
        in_force[signed.repository_id, signed.role] = part
    return [
        describe(bytes(awaited.signed_part), in_force.get((awaited.repository_id, awaited.role)))
        for awaited in waiting
    ]


def install(row: Repository, *, now: datetime) -> bool:
    """Put waiting files into force where enough officers have signed. Call it under the repository's lock.

    (1) Targets before root: when the officers change, targets are signed by the old and the new ones, so that
    a client is served at every moment, whichever root it has. (2) The very first root and targets only
    together. (3) Then the online key signs, and the repository is complete. Returns whether anything took
    effect.
    """
    waiting = {file.role: file for file in AwaitedFile.objects.filter(repository=row)}
    root, targets = waiting.get(RoleName.ROOT), waiting.get(RoleName.TARGETS)
    ready_targets = targets is not None and missing_signatures(targets) == 0
    ready_root = root is not None and missing_signatures(root) == 0
    first = row.root_version == 0
    if first and not (ready_root and ready_targets):
        return False
    changed = False
    if targets is not None and ready_targets:
        _put_into_force(row, targets, now=now)
        changed = True
    if root is not None and ready_root and _targets_fit(row, root):
        _put_into_force(row, root, now=now)
        row.root_version = root.version
        row.save(update_fields=["root_version"])
        online = online_key_of(metadata.read_part(bytes(root.signed_part), Root))
        private_keys.use_online_key(row.id, online.keyid, now=now)
        changed = True
    if changed:
        sign_online(row, list_bytes=None, now=now)
        row.refresh_from_db()
    return changed


def request_renewals(row: Repository, *, now: datetime) -> None:
    """Put root and targets before the officers when they expire soon. Call it under the repository's lock."""
    soon = now + lifetimes.RENEW_WITHIN
    waiting = set(AwaitedFile.objects.filter(repository=row).values_list("role", flat=True))
    root, targets = (
        signed_files.newest(row.id, RoleName.ROOT),
        signed_files.newest(row.id, RoleName.TARGETS),
    )
    if root is not None and RoleName.ROOT not in waiting:
        signed = metadata.read(bytes(root.content), Root).signed
        if signed.expires < soon:
            await_root(row, officers=officers_of(signed), online=online_key_of(signed), now=now)
    if targets is not None and RoleName.TARGETS not in waiting:
        part = metadata.read(bytes(targets.content), Targets).signed
        if part.expires < soon:
            await_targets(row, part, now=now)


def online_key_of(root: Root) -> Key:
    return root.keys[root.roles["timestamp"].keyids[0]]


def _put_into_force(row: Repository, awaited: AwaitedFile, *, now: datetime) -> None:
    content = metadata.assemble(bytes(awaited.signed_part), awaited.signatures)
    signed_files.keep(row, RoleName(awaited.role), awaited.version, content, now=now)
    awaited.delete()


def _delegators(awaited: AwaitedFile) -> list[Root]:
    return _delegators_of({awaited.repository_id})[awaited.repository_id]


def _delegators_of(repository_ids: Collection[str]) -> dict[str, list[Root]]:
    """The roots whose rule a file must satisfy: the one in force, and the one that waits beside it."""
    found: dict[str, list[Root]] = {repository_id: [] for repository_id in repository_ids}
    for signed in signed_files.newest_of_each(repository_ids, RoleName.ROOT):
        found[signed.repository_id].append(metadata.read(bytes(signed.content), Root).signed)
    for waiting in AwaitedFile.objects.filter(repository_id__in=repository_ids, role=RoleName.ROOT):
        found[waiting.repository_id].append(metadata.read_part(bytes(waiting.signed_part), Root))
    return found


def _targets_fit(row: Repository, root: AwaitedFile) -> bool:
    """Whether the newest targets also satisfy the root that is about to take effect."""
    newest: SignedFile | None = signed_files.newest(row.id, RoleName.TARGETS)
    if newest is None:
        return False
    targets = metadata.read(bytes(newest.content), Targets)
    return metadata.meets(
        metadata.read_part(bytes(root.signed_part), Root),
        RoleName.TARGETS.value,
        targets.signed_bytes,
        metadata.signatures_of(targets),
    )
