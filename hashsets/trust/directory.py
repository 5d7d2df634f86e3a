"""The directory: a small public repository with the exchange's root (which members pin) and what is public.

Its targets are the catalogue of public lists and the key that signs notices. They change often, so the
officers delegate exactly these two names to the directory's online key. Private lists never appear here, not
even as a count.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from securesystemslib.signer import Key
from tuf.api.metadata import Targets

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict
from accounts.identity.acting import system_actor
from hashsets.blobs.current import blob_store
from hashsets.core import anchor
from hashsets.lists.models import Audience, HashList, ListStatus
from hashsets.trust import lifetimes, metadata, officers, private_keys, push_key, signed_files
from hashsets.trust.metadata import OfficerSet, TargetFacts
from hashsets.trust.models import DIRECTORY, PrivateKeyPurpose, Repository, RoleName, SignedFile
from hashsets.trust.online import sign_online

CATALOGUE: Final = "catalogue.json"
PUSH_KEY: Final = "push-key.json"
_ATTEMPTS: Final = 3


def ensure_directory(now: datetime) -> Repository:
    """The directory's repository. The demo makes its own, officers included; production needs a ceremony
    first.

    Errors: Conflict `ceremony.not_initialised`.
    """
    existing = Repository.objects.filter(id=DIRECTORY).first()
    if existing is not None:
        return existing
    if not settings.HX_DEMO:
        officers.officers_in_force()  # says that a ceremony must come first
    with transaction.atomic():
        return open_directory(None, now=now)


def open_directory(chosen: OfficerSet | None, *, now: datetime) -> Repository:
    """Make the directory with these officers, None for the demo's; root and targets wait for them.

    Call it in a transaction. A directory that exists already is returned as it is.
    """
    signed_files.require_transaction()
    # The row first: its primary key makes a second process wait here, before any key is made.
    row, created = Repository.objects.get_or_create(id=DIRECTORY)
    if not created:
        return row
    if chosen is None:
        chosen = officers.demo_officers(now)
    online = private_keys.create_key(PrivateKeyPurpose.ONLINE, repository_id=DIRECTORY, now=now)
    push_key.ensure_key(now)
    officers.await_root(row, officers=chosen, online=online, now=now)
    officers.await_targets(row, targets_for(online, now=now), now=now)
    officers.sign_in_demo(row, now=now)
    record(
        Action.CEREMONY_ROOT_CREATED,
        actor=system_actor("trust"),
        subject_type="repository",
        subject_id=DIRECTORY,
        organisation_id=None,
        now=now,
        facts={
            "keyids": [key.keyid for key in chosen.keys],
            "threshold": chosen.threshold,
            "demo": chosen.demo,
        },
    )
    return row


def targets_for(online: Key, *, now: datetime) -> Targets:
    """The directory's top-level targets: two names, delegated to its online key."""
    return metadata.targets_part(
        version=1,  # drawn by `await_targets`
        expires=now,
        role=RoleName.CATALOGUE.value,
        paths=[CATALOGUE, PUSH_KEY],
        keys=[online],
        threshold=1,
    )


def root_fingerprint() -> str | None:
    """SHA-256 (hex) of the directory's first root, which members pin; None before the first ceremony."""
    row = Repository.objects.filter(id=DIRECTORY, root_version__gte=1).first()
    return None if row is None else anchor.fingerprint(signed_files.at_version(DIRECTORY, RoleName.ROOT, 1))


def root_fingerprints() -> list[dict[str, Any]]:
    """What members compare with what they were given out of band: version and SHA-256 of every root that
    they can fetch. One that is signed and not written out yet is not told: `hashx init` would not find it.
    """
    rows = SignedFile.objects.filter(
        repository_id=DIRECTORY, role=RoleName.ROOT, exported_at__isnull=False
    ).order_by("version")
    return [{"version": row.version, "sha256": row.sha256} for row in rows]


def refresh_directory(now: datetime) -> bool:
    """Publish the catalogue and the push key when they differ from what is served, or are past half their
    life.

    In the demo the directory is made on the way. Idempotent; returns whether something new was signed. The
    caller exports. Files first, signature last. Errors: Conflict `repository.awaits_officers`,
    `ceremony.not_initialised`.
    """
    ensure_directory(now)
    for _ in range(_ATTEMPTS):
        wanted = _targets()
        if not _is_stale(wanted, now=now):
            return False
        for name, content in wanted.items():
            blob_store().put_bytes(_blob_key(name, content), content)
        with transaction.atomic():
            row = signed_files.lock_repository(DIRECTORY)
            if not row.is_open:
                raise Conflict(
                    "The directory waits for the officers' signatures.", code="repository.awaits_officers"
                )
            # Someone may have published a list while the files were written: then start again with the newer
            # catalogue, or an older one would win.
            if _targets() != wanted:
                continue
            _sign_catalogue(row, wanted, now=now)
            return True
    return False


def is_stale(now: datetime) -> bool:
    """Whether `refresh_directory` has something to do: two small queries."""
    row = Repository.objects.filter(id=DIRECTORY).first()
    return row is not None and row.is_open and _is_stale(_targets(), now=now)


def catalogue_bytes() -> bytes:
    """The public lists with an open repository, oldest first."""
    lists = (
        HashList.objects.filter(
            audience=Audience.PUBLIC, status=ListStatus.ACTIVE, repository__timestamp_version__gte=1
        )
        .select_related("organisation")
        .order_by("created_at", "id")
    )
    listed = [
        {
            "id": row.id,
            "title": row.title,
            "publisher": row.organisation.name,
            "kind": row.organisation.kind,
            "jurisdiction": row.jurisdiction,
            "hash_types": row.hash_types,
            "tlp": row.tlp,
        }
        for row in lists
    ]
    return _json({"format": 1, "lists": listed})


def push_key_bytes() -> bytes:
    """The public key that signs notices (`v1a` of Standard Webhooks)."""
    return _json({"format": 1, "keys": [{"scheme": "ed25519", "public": push_key.public_key()}]})


def _targets() -> dict[str, bytes]:
    return {CATALOGUE: catalogue_bytes(), PUSH_KEY: push_key_bytes()}


def _is_stale(wanted: dict[str, bytes], *, now: datetime) -> bool:
    newest = signed_files.newest(DIRECTORY, RoleName.CATALOGUE)
    if newest is None:
        return True
    served = metadata.read(bytes(newest.content), Targets).signed
    same = {name: file.hashes["sha256"] for name, file in served.targets.items()} == {
        name: _sha256(content) for name, content in wanted.items()
    }
    targets = metadata.read(signed_files.newest_bytes(DIRECTORY, RoleName.TARGETS), Targets).signed
    listed = metadata.read(bytes(newest.content), Targets)
    # After the online key was replaced the newest targets delegate to the new one.
    if not metadata.meets(targets, newest.role, listed.signed_bytes, metadata.signatures_of(listed)):
        return True
    return not same or lifetimes.past_half(served.expires, lifetimes.CATALOGUE, now)


def _sign_catalogue(row: Repository, wanted: dict[str, bytes], *, now: datetime) -> None:
    row.list_version += 1
    row.save(update_fields=["list_version"])
    part = metadata.signed_bytes(
        metadata.delegated_part(
            version=row.list_version,
            expires=lifetimes.expiry(now, lifetimes.CATALOGUE),
            targets={name: TargetFacts(len(content), _sha256(content)) for name, content in wanted.items()},
        )
    )
    own = private_keys.public_half(PrivateKeyPurpose.ONLINE, repository_id=DIRECTORY)
    if own is None:
        raise Conflict("The directory has no online key.", code="repository.online_key")
    signature = private_keys.sign_as(own.keyid, PrivateKeyPurpose.ONLINE, part)
    sign_online(row, list_bytes=metadata.assemble(part, {own.keyid: signature}), now=now)


def _blob_key(name: str, content: bytes) -> str:
    return f"tuf/{DIRECTORY}/targets/{_sha256(content)}.{name}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
