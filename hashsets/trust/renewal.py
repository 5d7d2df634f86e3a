"""The same content, signed again as the list's next version: what revocation, rotation and old age call for.

TUF knows no time of signing: what a revoked key has signed stays valid until a newer version replaces it. So
the remaining keys sign what is published once more. (1) `prepare_renewal` draws a version and freezes the
bytes. (2) The publisher's signatures are collected, as for a release. (3) With enough of them the online key
signs a snapshot that names the new version, and with it the newest delegation: new keys and what they signed
take effect together. (4) The files are written out. No release comes of it; members who are up to date fetch
a few kilobytes of metadata and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.signing_keys.models import Custody, SigningKey
from hashsets.lists.models import HashList
from hashsets.trust import list_role, signed_files
from hashsets.trust.export import export_repository
from hashsets.trust.hosted import sign_hosted
from hashsets.trust.models import AwaitedFile, Repository, RoleName
from hashsets.trust.online import published_file, sign_online
from hashsets.trust.repository import delegation_bytes
from hashsets.trust.signers import entitled_keys


@dataclass(frozen=True, slots=True)
class Renewal:
    """What the publisher's signers are asked to sign. `signatures` are the ids of the keys that have."""

    list_id: str
    list_version: int
    signed_part: bytes
    signatures: tuple[str, ...]
    needed: int


def prepare_renewal(hash_list: HashList, *, actor: Actor, now: datetime) -> Renewal:
    """Put the published content before the publisher's signers as the next version, in place of an unsigned
    one.

    Closed lists too: who still reads them must not be cut off by old age.
    Errors: NotFound `list.not_found`, `repository.not_found`; NotAllowed `list.other_publisher`,
    `permission.missing`; Conflict `renewal.nothing_published`.
    """
    hash_list.require_publisher(actor)
    if not actor.may(Permission.LIST_MANAGE):
        actor.require(Permission.RELEASE_SIGN)
    with transaction.atomic():
        row = signed_files.lock_repository(hash_list.id)
        published = published_file(row)
        if published is None:
            raise Conflict(
                "Nothing is published yet, so there is nothing to sign again.",
                code="renewal.nothing_published",
            )
        awaited = await_renewal(row, published.content, now=now)
        record(
            Action.LIST_RENEWAL_PREPARED,
            actor=actor,
            subject_type="list",
            subject_id=hash_list.id,
            organisation_id=hash_list.organisation_id,
            now=now,
            facts={"list_version": awaited.version, "published_version": published.version},
        )
    return _renewal(awaited)


def renewal_of(hash_list: HashList, *, actor: Actor) -> Renewal:
    """The renewal that waits for signatures.

    Errors: NotFound `list.not_found`, `renewal.not_found`; NotAllowed `list.other_publisher`.
    """
    hash_list.require_publisher(actor)
    return _renewal(_awaited(hash_list.id))


def add_renewal_signature(
    hash_list: HashList, *, keyid: str, signature: str, actor: Actor, now: datetime
) -> Renewal | None:
    """Keep a detached signature (hex) over the renewal; None when it was the last one needed, and all is out.

    Errors: those of `renewal_of`; NotAllowed `permission.missing`; Conflict `key.not_entitled`; Invalid
    `signature.invalid`.
    """
    return _sign(hash_list, keyid, Custody.OWN, signature.lower(), actor=actor, now=now)


def sign_renewal_hosted(hash_list: HashList, *, actor: Actor, now: datetime) -> Renewal | None:
    """Have the exchange sign the renewal with the list's hosted key. Errors: as `add_renewal_signature`."""
    hash_list.require_publisher(actor)
    actor.require(Permission.RELEASE_SIGN)
    key = entitled_keys(hash_list.id).filter(custody=Custody.HOSTED).first()
    if key is None:
        raise Conflict("This list has no hosted key.", code="key.none_hosted")
    signature = sign_hosted(key, bytes(_awaited(hash_list.id).signed_part))
    return _sign(hash_list, key.keyid, Custody.HOSTED, signature, actor=actor, now=now)


def await_renewal(row: Repository, published: bytes, *, now: datetime) -> AwaitedFile:
    """Freeze the bytes of the next version of `published`. Call it under the repository's lock."""
    row.list_version += 1
    row.save(update_fields=["list_version"])
    part = list_role.prepare(
        row.id,
        version=row.list_version,
        expires=list_role.expiry(now),
        targets=list_role.read_targets(published),
    )
    awaited, _ = AwaitedFile.objects.update_or_create(
        repository=row,
        role=RoleName.LIST,
        defaults={"version": row.list_version, "signed_part": part, "signatures": {}, "created_at": now},
    )
    return awaited


def _sign(
    hash_list: HashList, keyid: str, custody: Custody, signature: str, *, actor: Actor, now: datetime
) -> Renewal | None:
    hash_list.require_publisher(actor)
    actor.require(Permission.RELEASE_SIGN)
    with transaction.atomic():
        row = signed_files.lock_repository(hash_list.id)
        awaited = _awaited(hash_list.id)
        key = entitled_keys(hash_list.id).filter(keyid=keyid, custody=custody).first()
        if key is None:
            raise Conflict("This key may not sign this list.", code="key.not_entitled")
        _keep(awaited, key, signature)
        complete = _publish_if_complete(row, awaited, now=now)
        record(
            Action.LIST_RENEWED if complete else Action.LIST_RENEWAL_SIGNED,
            actor=actor,
            subject_type="list",
            subject_id=hash_list.id,
            organisation_id=hash_list.organisation_id,
            now=now,
            facts={"list_version": awaited.version, "keyid": keyid, "custody": key.custody},
        )
    if complete:
        export_repository(hash_list.id, now=now)
        return None
    return _renewal(awaited)


def _keep(awaited: AwaitedFile, key: SigningKey, signature: str) -> None:
    valid = list_role.valid_signatures(
        delegation_bytes(awaited.repository_id), bytes(awaited.signed_part), {key.keyid: signature}
    )
    if key.keyid not in valid:
        raise Invalid(
            "This is not a valid signature of this key over this renewal.",
            code="signature.invalid",
            field="signature",
            advice="Sign exactly the bytes of `signed_part`. A key that the officers have not yet put into "
            "force cannot sign.",
        )
    awaited.signatures = awaited.signatures | {key.keyid: signature}
    awaited.save(update_fields=["signatures"])


def _publish_if_complete(row: Repository, awaited: AwaitedFile, *, now: datetime) -> bool:
    """Publish when enough keys that may still sign have signed."""
    signatures = _counting(awaited)
    if len(signatures) < list_role.threshold(delegation_bytes(row.id)):
        return False
    sign_online(row, list_bytes=list_role.assemble(bytes(awaited.signed_part), signatures), now=now)
    awaited.delete()
    return True


def _counting(awaited: AwaitedFile) -> Mapping[str, str]:
    """The signatures, without those of keys that were revoked or taken out since."""
    active = set(entitled_keys(awaited.repository_id).values_list("keyid", flat=True))
    given = {keyid: hex_ for keyid, hex_ in awaited.signatures.items() if keyid in active}
    valid = list_role.valid_signatures(
        delegation_bytes(awaited.repository_id), bytes(awaited.signed_part), given
    )
    return {keyid: hex_ for keyid, hex_ in given.items() if keyid in valid}


def _awaited(list_id: str) -> AwaitedFile:
    found = AwaitedFile.objects.filter(repository_id=list_id, role=RoleName.LIST).first()
    if found is None:
        raise NotFound("No renewal of this list waits for signatures.", code="renewal.not_found")
    return found


def _renewal(awaited: AwaitedFile) -> Renewal:
    return Renewal(
        list_id=awaited.repository_id,
        list_version=awaited.version,
        signed_part=bytes(awaited.signed_part),
        signatures=tuple(sorted(_counting(awaited))),
        needed=list_role.threshold(delegation_bytes(awaited.repository_id)),
    )
