"""Eight publishers' people send fifty changes each to one list at once: releases without gap, every root
recomputed from segments that a verifier downloads."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.audit.verify import verify_audit
from hashsets.core.manifest import Manifest, manifest_name
from hashsets.core.merkle import TypeRoot, leaves_of, list_root, type_root
from hashsets.lists.models import Audience, HashList
from hashsets.releases.models import Release
from tests.hashsets.releases.test_two_at_once import _work, together
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

pytestmark = pytest.mark.django_db(transaction=True)

# Enough to race for every release; more would only ask the database who is first.
WORKERS = 1


@dataclass(frozen=True, slots=True)
class Verifier:
    """Knows the list's address and a release's manifest digest; all else it downloads, once, and checks."""

    list_id: str
    folder: Path

    def root_of(self, release: Release) -> str:
        """From the entries of the downloaded segments alone, merged and hashed anew."""
        name = manifest_name(self.list_id)
        manifest = Manifest.parse(self._downloaded(name, release.manifest_sha256).read_bytes())
        assert (manifest.list_id, manifest.release) == (self.list_id, release.number)
        files = dict(manifest.files())
        roots = []
        for typed in manifest.types:
            held = manifest.open(typed.slug, lambda name: self._downloaded(name, files[name].sha256))
            leaves = leaves_of(held.iter_batches(), typed.bits, held.hash_type.bytes_wide)
            roots.append(TypeRoot(typed.slug, held.count, type_root(leaves, held.count)))
        return list_root(roots)

    def _downloaded(self, name: str, sha256: str) -> Path:
        path = self.folder / sha256
        if not path.exists():
            base, _, file = name.rpartition("/")
            answer: Any = Client().get(f"/tuf/{self.list_id}/targets/{base}/{sha256}.{file}")
            assert answer.status_code == 200, name
            content = b"".join(answer.streaming_content)
            answer.close()
            assert hashlib.sha256(content).hexdigest() == sha256, name
            path.write_bytes(content)
        return path


def submit_and_work(world: World, sender: int, changes: int, handed_in: threading.Barrier) -> None:
    """One sender: everything handed in and approved, all at once with the others; the first then work."""
    for number in range(changes):
        at = NOW + timedelta(milliseconds=sender * changes + number)
        world.approve(world.stage(csv_of([sender * changes + number]), now=at), now=at)
    handed_in.wait(600)  # a worker would take a submission from under the sender's hands
    if sender < WORKERS:
        _work([world])


def run(senders: int, changes: int, folder: Path) -> None:
    world = harbor_world()
    HashList.objects.filter(id=world.hash_list.id).update(audience=Audience.PUBLIC)
    world.release(csv_of(range(100_000, 100_200)))
    handed_in = threading.Barrier(senders)
    steps: list[Callable[[], object]] = [
        lambda sender=sender: submit_and_work(world, sender, changes, handed_in)  # type: ignore[misc]
        for sender in range(senders)
    ]
    assert together(steps, patience=900) == []
    releases = list(Release.objects.order_by("number"))
    total = senders * changes
    assert [release.number for release in releases] == list(range(1, total + 2))
    assert len({release.submission_id for release in releases}) == total + 1
    verifier = Verifier(world.hash_list.id, folder)
    for release in releases:
        assert verifier.root_of(release) == release.state_root, release.number
    assert releases[-1].entries == 200 + total
    assert verify_audit().holds


def test_three_senders_with_four_changes_each(tmp_path: Path) -> None:
    run(3, 4, tmp_path)


@pytest.mark.row_locks
@pytest.mark.slow
def test_eight_senders_with_fifty_changes_each(tmp_path: Path) -> None:
    run(8, 50, tmp_path)
