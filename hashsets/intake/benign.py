"""Hashes that belong on no list: a public collection, and what members know to be innocent of their own.

The public collection is a sorted file per hash type under HX_VAR/benign, derived and deletable, made by
`manage.py load_benign`. A member's own hashes are one sorted blob per type, named by a row. Either way a hit
sets a row aside until a person decides (`quarantine`); it never refuses one, because a member could otherwise
keep an entry off every list by calling it innocent.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

import numpy as np
from django.conf import settings
from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, TooLarge
from accounts.identity.acting import Actor
from accounts.identity.models import OrganisationStatus
from accounts.identity.roles import Permission
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.benign import BenignCorpus, RawHashes, sorted_unique
from hashsets.core.diff import Mode
from hashsets.core.hashtypes import HASH_TYPES, hash_type
from hashsets.intake.decode import Decoder, Terms
from hashsets.intake.models import BenignSet
from hashsets.intake.problem_log import ProblemLog
from hashsets.intake.readers.header import Bare
from hashsets.intake.readers.opening import open_reader
from hashsets.intake.sniff import require_list

MOST_BYTES: Final = 16 << 20  # of one upload
MOST_HASHES: Final = 100_000  # of one organisation and type


def benign_corpus(hash_types: Iterable[str]) -> BenignCorpus:
    """All that is known to be innocent of these types, by everybody who is a member now."""
    sets: dict[str, list[RawHashes]] = {slug: [] for slug in hash_types}
    for slug, known in sets.items():
        path = _public_file(slug)
        if path.exists():
            known.append(_mapped(path, slug))
    members = BenignSet.objects.filter(
        hash_type__in=list(sets), organisation__status=OrganisationStatus.ACTIVE
    )
    for row in members:
        sets[row.hash_type].append(_mapped(blob_store().local_path(row.blob_key), row.hash_type))
    return BenignCorpus(sets)


def add_benign_hashes(
    stream: BinaryIO, *, actor: Actor, now: datetime, stated_type: str = ""
) -> dict[str, int]:
    """Add the hashes of an upload, in any form that a submission may have, to the actor's organisation's own.

    Returns how many there are now, by type. Errors: NotAllowed `permission.missing`; Unsupported
    `upload.media`, `upload.binary`; TooLarge `upload.too_large`, `benign.too_many`; Invalid
    `benign.unreadable` when a row cannot be read, and those of the readers; Conflict
    `benign.changed_meanwhile`.
    """
    actor.require(Permission.SUBMISSION_CREATE)
    organisation_id = actor.organisation()
    grown = [
        _extended(organisation_id, slug, fresh, now)
        for slug, fresh in sorted(_read(stream, stated_type).items())
    ]
    totals = {row.hash_type: row.hashes for row, _ in grown}
    with transaction.atomic():
        for row, before in grown:
            _put_in_place(row, before)
        record(
            Action.BENIGN_ADDED,
            actor=actor,
            subject_type="organisation",
            subject_id=organisation_id,
            organisation_id=organisation_id,
            now=now,
            facts={"hashes": totals},
        )
    return totals


def write_public_corpus(hashes: Mapping[str, Iterable[bytes]]) -> dict[str, int]:
    """Replace the public collection; a worker at it keeps the file that it has open."""
    counts = {}
    for slug, rows in hashes.items():
        path = _public_file(slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = sorted_unique(rows, hash_type(slug).bytes_wide)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(raw.tobytes())
        fresh.replace(path)
        counts[slug] = len(raw)
    return counts


def _read(stream: BinaryIO, stated_type: str) -> dict[str, set[bytes]]:
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TooLarge(f"An upload of these may have at most {MOST_BYTES} bytes.", code="upload.too_large")
    require_list(content, content)
    if stated_type and stated_type not in HASH_TYPES:
        raise Invalid("This hash type is not known here.", code="hash_type.unknown", field="type")
    types, log = tuple(HASH_TYPES), ProblemLog()
    # Read as a removal is: facts play no part, and what the gate refuses may well be known as innocent.
    terms = Terms(list_id="", mode=Mode.REMOVE, hash_types=types, classifications={})
    found: dict[str, set[bytes]] = defaultdict(set)
    with TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as scratch:
        reader = open_reader(io.BytesIO(content), Bare(types, stated_type), scratch=Path(scratch))
        decoder = Decoder(reader.layout, terms, log)
        for batch in reader.batches():
            for entries in decoder.decode(batch).entries:
                found[entries.hash_type.slug].update(row.tobytes() for row in entries.rows.hash)
    problem = next(log.kept(), None)
    if problem is not None:
        raise Invalid(
            f"Line {problem.line}: {problem.message}", code="benign.unreadable", advice=problem.advice
        )
    return found


def _extended(
    organisation_id: uuid.UUID, slug: str, fresh: set[bytes], now: datetime
) -> tuple[BenignSet, str]:
    """The organisation's set with the fresh hashes, its file stored, and the key of the file before."""
    row = BenignSet.objects.filter(organisation_id=organisation_id, hash_type=slug).first()
    row = row or BenignSet(organisation_id=organisation_id, hash_type=slug)
    before = row.blob_key
    if before:
        fresh = fresh | {one.tobytes() for one in _mapped(blob_store().local_path(before), slug)}
    if len(fresh) > MOST_HASHES:
        raise TooLarge(
            f"An organisation may add at most {MOST_HASHES} hashes of a type.", code="benign.too_many"
        )
    content = sorted_unique(fresh, hash_type(slug).bytes_wide).tobytes()
    row.blob_key = keys.benign(organisation_id, slug, hashlib.sha256(content).hexdigest())
    row.hashes, row.changed_at = len(fresh), now
    blob_store().put_bytes(row.blob_key, content)
    return row, before


def _put_in_place(row: BenignSet, before: str) -> None:
    """Errors: Conflict `benign.changed_meanwhile`."""
    if before:
        current = BenignSet.objects.filter(id=row.id, blob_key=before)
        moved = current.update(blob_key=row.blob_key, hashes=row.hashes, changed_at=row.changed_at) == 1
    else:
        _, moved = BenignSet.objects.get_or_create(
            organisation_id=row.organisation_id,
            hash_type=row.hash_type,
            defaults={"blob_key": row.blob_key, "hashes": row.hashes, "changed_at": row.changed_at},
        )
    if not moved:
        raise Conflict(
            "Somebody else of your organisation added hashes at the same moment.",
            code="benign.changed_meanwhile",
            advice="Send them again; nothing of this upload was added.",
        )


def _public_file(slug: str) -> Path:
    return Path(settings.HX_VAR) / "benign" / f"{slug}.hashes"


def _mapped(path: Path, slug: str) -> RawHashes:
    if not path.stat().st_size:
        return np.zeros((0, hash_type(slug).bytes_wide), np.uint8)
    return np.memmap(path, np.uint8, "r").reshape(-1, hash_type(slug).bytes_wide)
