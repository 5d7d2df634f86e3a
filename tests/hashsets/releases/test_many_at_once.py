"""Eight publishers' people send fifty changes each to one list at once: releases without gap, every root
recomputed from the segments."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.audit.verify import verify_audit
from hashsets.core.merkle import TypeRoot, leaves_of, list_root, type_root
from hashsets.lists.current import state_of_manifest
from hashsets.releases.models import Release
from tests.hashsets.releases.test_two_at_once import _work, together
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

pytestmark = pytest.mark.django_db(transaction=True)


def recomputed_root(release: Release) -> str:
    """From the entries alone: the files that the manifest names, merged and hashed anew."""
    state = state_of_manifest(release.hash_list_id, release.number, release.manifest_sha256)
    assert state.manifest is not None
    roots = []
    for typed in state.manifest.types:
        held = state.of(typed.slug)
        leaves = leaves_of(held.iter_batches(), typed.bits, held.hash_type.bytes_wide)
        roots.append(TypeRoot(typed.slug, held.count, type_root(leaves, held.count)))
    return list_root(roots)


def submit_and_work(world: World, sender: int, changes: int, handed_in: threading.Barrier) -> None:
    """One sender: everything handed in and approved, all at once with the others; then a worker like them."""
    for number in range(changes):
        at = NOW + timedelta(milliseconds=sender * changes + number)
        world.approve(world.stage(csv_of([sender * changes + number]), now=at), now=at)
    handed_in.wait(600)  # a worker would take a submission from under the sender's hands
    _work([world])


def run(senders: int, changes: int) -> None:
    world = harbor_world()
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
    for release in releases:
        assert recomputed_root(release) == release.state_root, release.number
    assert releases[-1].entries == 200 + total
    assert verify_audit().holds


def test_three_senders_with_four_changes_each() -> None:
    run(3, 4)


@pytest.mark.slow
def test_eight_senders_with_fifty_changes_each() -> None:
    run(8, 50)
