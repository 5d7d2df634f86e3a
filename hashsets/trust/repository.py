"""Opens the repository of a list, gives out its versions, and changes who may sign for the publisher."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Invalid
from accounts.identity.acting import Actor, system_actor
from accounts.identity.models import Organisation
from accounts.signing_keys.models import Custody, SigningKey, SigningKeyStatus
from hashsets.lists.models import HashList
from hashsets.trust import directory, list_role, metadata, officers, private_keys, signed_files
from hashsets.trust.keys import check_threshold, key_of
from hashsets.trust.metadata import PublisherFacts
from hashsets.trust.models import DIRECTORY, AwaitedFile, PrivateKeyPurpose, Repository, RoleName
from hashsets.trust.online import published_file


def open_repository(
    hash_list: HashList,
    *,
    publisher_keys: Sequence[SigningKey],
    threshold: int,
    now: datetime,
    actor: Actor | None = None,
) -> Repository:
    """Make the list's repository: own online key, root, and the delegation to the publisher's keys.

    In the demo it is open at once; otherwise root and targets wait for the officers (`Repository.is_open`). A
    repository that exists already is returned as it is. Nothing is exported here: `export_repository` does
    that. Errors: Invalid `threshold.out_of_range`, `key.…`; Conflict `ceremony.not_initialised`.
    """
    keys = check_rule(hash_list.organisation_id, publisher_keys, threshold)
    directory.ensure_directory(now)
    with transaction.atomic():
        HashList.objects.lock(hash_list.id)
        existing = Repository.objects.filter(id=hash_list.id).first()
        if existing is not None:
            return existing
        row = Repository.objects.create(id=hash_list.id, hash_list=hash_list)
        online = private_keys.create_key(PrivateKeyPurpose.ONLINE, repository_id=row.id, now=now)
        officers.await_root(row, officers=officers.officers_in_force(), online=online, now=now)
        hosted = _is_hosted(publisher_keys)
        part = _targets(hash_list, hash_list.organisation, keys, threshold, hosted=hosted, now=now)
        officers.await_targets(row, part, now=now)
        officers.sign_in_demo(row, now=now)
        record(
            Action.REPOSITORY_OPENED,
            actor=actor or system_actor("trust"),
            subject_type="hash_list",
            subject_id=hash_list.id,
            organisation_id=hash_list.organisation_id,
            now=now,
            facts={"keyids": [key.keyid for key in keys], "threshold": threshold},
        )
    return row


def delegate(
    hash_list: HashList,
    *,
    publisher_keys: Sequence[SigningKey],
    threshold: int,
    now: datetime,
    actor: Actor | None = None,
    publisher: Organisation | None = None,
) -> Repository:
    """Name other publisher keys (or another threshold) in the repository's next targets version; `publisher`
    is who the keys belong to when the list goes to somebody else.

    Once the officers have signed it, the new keys take effect with the first list version that they satisfy,
    under one snapshot. Replaces a delegation that still waits for the officers.
    Errors: as `open_repository`; NotFound `repository.not_found`.
    """
    whose = publisher or hash_list.organisation
    keys = check_rule(whose.id, publisher_keys, threshold)
    part = _targets(hash_list, whose, keys, threshold, hosted=_is_hosted(publisher_keys), now=now)
    with transaction.atomic():
        row = signed_files.lock_repository(hash_list.id)
        officers.await_targets(row, part, now=now)
        officers.sign_in_demo(row, now=now)
        record(
            Action.REPOSITORY_DELEGATED,
            actor=actor or system_actor("trust"),
            subject_type="hash_list",
            subject_id=hash_list.id,
            organisation_id=hash_list.organisation_id,
            now=now,
            facts={"keyids": [key.keyid for key in keys], "threshold": threshold},
        )
    return row


def replace_online_key(repository_id: str, *, now: datetime, actor: Actor | None = None) -> Repository:
    """Put a root with a fresh online key before the officers: the answer to a stolen one.

    The old key signs until they have signed. Then clients drop every timestamp and snapshot of the old key,
    and with them versions that a thief has driven up. Between the export of the new timestamp and of the new
    root a member may see one failed poll.
    Errors: NotFound `repository.not_found`; Conflict `repository.awaits_officers`.
    """
    with transaction.atomic():
        row = signed_files.lock_repository(repository_id)
        root = metadata.read(signed_files.newest_bytes(row.id, RoleName.ROOT), Root).signed
        online = private_keys.create_key(
            PrivateKeyPurpose.ONLINE, repository_id=row.id, now=now, waiting=True
        )
        officers.await_root(row, officers=officers.officers_of(root), online=online, now=now)
        if repository_id == DIRECTORY:
            officers.await_targets(row, directory.targets_for(online, now=now), now=now)
        officers.sign_in_demo(row, now=now)
        record(
            Action.CEREMONY_ROOT_CREATED,
            actor=actor or system_actor("trust"),
            subject_type="repository",
            subject_id=repository_id,
            organisation_id=None,
            now=now,
            facts={"online_keyid": online.keyid},
        )
    return row


def draw_list_version(list_id: str) -> int:
    """The next version of `list.json`, for a draft. Never given out again, even when the draft is abandoned.

    Call it in the transaction that keeps the draft; it locks the list's row.
    """
    row = signed_files.lock_repository(list_id)
    row.list_version += 1
    row.save(update_fields=["list_version"])
    return row.list_version


def delegation_bytes(list_id: str) -> bytes:
    """The newest top-level targets that officers have signed: the keys that the next list version must
    satisfy.

    Errors: Conflict `repository.awaits_officers`.
    """
    return signed_files.newest_bytes(list_id, RoleName.TARGETS)


def published_list_version(list_id: str) -> int:
    """The `list` version that clients get now; 0 before the first release."""
    row = Repository.objects.filter(id=list_id).first()
    published = None if row is None else published_file(row)
    return 0 if published is None else published.version


def awaits_officers(repository_id: str) -> bool:
    return AwaitedFile.objects.of_officers().filter(repository_id=repository_id).exists()


def check_rule(organisation_id: uuid.UUID, signing_keys: Sequence[SigningKey], threshold: int) -> list[Key]:
    """The keys in TUF's form, when `threshold` of them can be an organisation's rule for a list.

    Errors: Invalid `key.…`, `threshold.out_of_range`.
    """
    for signing_key in signing_keys:
        if signing_key.organisation_id != organisation_id:
            raise Invalid("This key belongs to another organisation.", code="key.other_organisation")
        if signing_key.status != SigningKeyStatus.ACTIVE:
            raise Invalid("This key is not active.", code="key.not_active")
    keys = [tuf_key(signing_key) for signing_key in signing_keys]
    check_threshold(keys, threshold)
    if _is_hosted(signing_keys) and len(keys) != 1:
        # Several hosted keys would be one custodian signing several times; mixed custody would look like more
        # independence than there is.
        raise Invalid(
            "A list that uses a hosted key has that one key and a threshold of 1.", code="key.hosted_alone"
        )
    return keys


def tuf_key(signing_key: SigningKey) -> Key:
    """A registered key in TUF's form. Errors: Invalid and Unsupported `key.…`."""
    return key_of(
        keyid=signing_key.keyid,
        keytype=signing_key.keytype,
        scheme=signing_key.scheme,
        public=signing_key.public,
    )


def _is_hosted(signing_keys: Sequence[SigningKey]) -> bool:
    return any(signing_key.custody == Custody.HOSTED for signing_key in signing_keys)


def _targets(
    hash_list: HashList,
    publisher: Organisation,
    keys: Sequence[Key],
    threshold: int,
    *,
    hosted: bool,
    now: datetime,
) -> Targets:
    return metadata.targets_part(
        version=1,  # drawn by `await_targets`
        expires=now,
        role=list_role.ROLE,
        paths=[f"{hash_list.id}/*"],
        keys=keys,
        threshold=threshold,
        publisher=PublisherFacts(
            name=publisher.name,
            kind=publisher.kind,
            jurisdiction=publisher.jurisdiction,
            key_custody=Custody.HOSTED.value if hosted else Custody.OWN.value,
        ),
    )
