"""A publisher with a list, and submissions to it, with the real verbs."""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hashsets.blobs.current import blob_store
from hashsets.core.hashtypes import hash_type
from hashsets.core.segment import Kind, Segment
from hashsets.intake.models import Submission
from hashsets.intake.outcome import PROBLEMS
from hashsets.intake.receive import receive_submission
from hashsets.intake.validate import validate_submission
from hashsets.lists.current import newest_state
from hashsets.lists.models import HashList
from hashsets.releases.compose import ReleaseFacts, compose
from tests.cast import NOW, Crew

Entry = tuple[
    str, str, int, int, int | None, str | None
]  # type, hash, item, classification, quality, source_ref


def sha256(number: int) -> str:
    """The n-th hash of these tests."""
    return hashlib.sha256(b"picture %d" % number).hexdigest()


def md5(number: int) -> str:
    return hashlib.md5(b"picture %d" % number, usedforsecurity=False).hexdigest()


def sheet(header: str, *rows: Iterable[Any]) -> str:
    """CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue()


def received(
    crew: Crew,
    hash_list: HashList,
    content: str | bytes,
    *,
    mode: str = "add",
    now: datetime = NOW,
    **more: Any,
) -> Submission:
    octets = content.encode() if isinstance(content, str) else content
    settings: dict[str, Any] = {"urgent": False, "note": "", "actor": crew.contributor.actor} | more
    return receive_submission(hash_list, io.BytesIO(octets), mode=mode, now=now, **settings)


def staged(
    crew: Crew,
    hash_list: HashList,
    content: str | bytes,
    *,
    mode: str = "add",
    now: datetime = NOW,
    **more: Any,
) -> Submission:
    """Received and validated, whatever the outcome."""
    submission = received(crew, hash_list, content, mode=mode, now=now, **more)
    assert validate_submission(submission.id, now=now + timedelta(seconds=1))
    submission.refresh_from_db()
    return submission


def put_in_force(submission: Submission) -> HashList:
    """Make the staged change the list's next release, without the people and the signatures."""
    hash_list = HashList.objects.get(id=submission.hash_list_id)
    base = newest_state(hash_list)
    store = blob_store()
    operations = {
        file.name: Segment(hash_type(file.name), Kind.DELTA, store.local_path(file.blob_key))
        for file in submission.staged_files.exclude(name=PROBLEMS)
    }
    facts = ReleaseFacts(
        list_id=hash_list.id,
        title=hash_list.title,
        release=base.release + 1,
        prepared_at="2026-01-15T09:00:00Z",
        scheme=hash_list.scheme,
        labels=tuple(hash_list.classifications.values_list("code", "label")),
        hash_types=tuple(hash_list.hash_types),
    )
    with tempfile.TemporaryDirectory() as folder:
        composed = compose(facts, base, operations, folder=Path(folder), store=store, pulse=lambda: None)
    hash_list.latest_release, hash_list.latest_manifest_sha256 = facts.release, composed.sha256
    hash_list.save()
    return hash_list


def entries(hash_list: HashList) -> set[Entry]:
    """All that the list holds."""
    held: set[Entry] = set()
    for slug, state in newest_state(HashList.objects.get(id=hash_list.id)).states.items():
        for rows in state.iter_batches():
            table = rows.to_arrow()
            for row in table.to_pylist():
                facts = (row["classification"], row["quality"], row["source_ref"])
                held.add((slug, row["hash"].hex(), row["item"], *facts))
    return held
