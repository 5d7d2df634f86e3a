"""The data work of a release, without rows: what is written, how often, and that it always says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from accounts.errors import Conflict
from hashsets.blobs.current import blob_store
from hashsets.core.columns import Op, Rows
from hashsets.core.compaction import MAX_CHAIN
from hashsets.core.hashtypes import hash_type
from hashsets.core.manifest import TypeState
from hashsets.core.merkle import leaves_of, type_root
from hashsets.core.segment import Segment
from hashsets.core.segment_writer import write_delta
from hashsets.lists.current import ListState, state_of_manifest
from hashsets.releases.compose import Composed, ReleaseFacts, compose
from hashsets.releases.tree import Tree

LIST_ID = "c" * 26
Change = tuple[int, Op]


def raw(number: int, width: int) -> bytes:
    return bytes(np.random.default_rng(number).integers(0, 256, width, np.uint8))


@dataclass
class Bench:
    """A list without SQL: releases are composed one on the other."""

    folder: Path
    slugs: tuple[str, ...] = ("sha256",)
    base: ListState = field(default_factory=ListState)
    beats: int = 0

    def release(self, changes: dict[str, Sequence[Change]]) -> Composed:
        number = self.base.release + 1
        done = self.compose(number, changes, self.folder / f"work-{number}")
        self.base = state_of_manifest(LIST_ID, number, done.sha256)
        return done

    def compose(self, number: int, changes: dict[str, Sequence[Change]], work: Path) -> Composed:
        work.mkdir()
        staged = {slug: self._staged(slug, rows, work) for slug, rows in changes.items()}
        facts = ReleaseFacts(LIST_ID, "Bench", number, "2026-01-01T00:00:00Z", "none", (), self.slugs)
        return compose(facts, self.base, staged, folder=work, store=blob_store(), pulse=self._beat)

    def _staged(self, slug: str, changes: Sequence[Change], work: Path) -> Segment:
        """As intake leaves it: an update carries when its entry was added."""
        kind = hash_type(slug)
        ordered = sorted((raw(number, kind.bytes_wide), op) for number, op in changes)
        hashes = np.frombuffer(b"".join(one for one, _ in ordered), np.uint8).reshape(-1, kind.bytes_wide)
        rows = Rows.keyed(hashes).with_op(np.array([op for _, op in ordered], np.uint8))
        if any(op == Op.UPDATE for _, op in ordered):
            known = {
                entry.tobytes(): int(added)
                for batch in self.base.of(slug).iter_batches()
                for entry, added in zip(batch.hash, batch.added, strict=True)
            }
            added = np.array([known.get(one, 0) for one, _ in ordered], np.uint32)
            rows = rows.released(added=added, changed=0)
        return write_delta(kind, [rows], work / f"staged-{slug}.parquet").segment

    def _beat(self) -> None:
        self.beats += 1

    def type_state(self, slug: str = "sha256") -> TypeState:
        assert self.base.manifest is not None
        found = self.base.manifest.type_state(slug)
        assert found is not None
        return found

    def recomputed_root(self, slug: str = "sha256") -> str:
        state = self.base.of(slug)
        leaves = leaves_of(state.iter_batches(), self.type_state(slug).bits, state.hash_type.bytes_wide)
        return type_root(leaves, state.count)


def adds(numbers: Sequence[int]) -> list[Change]:
    return [(number, Op.ADD) for number in numbers]


def test_a_first_release_is_a_snapshot(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(5000))})
    typed = bench.type_state()
    assert (typed.snapshot.release, typed.snapshot.rows, typed.chain) == (1, 5000, ())
    assert typed.root == bench.recomputed_root()
    assert bench.beats > 0


def test_a_small_change_is_one_small_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    first = bench.release({"sha256": adds(range(5000))})
    second = bench.release({"sha256": adds([6000])})
    new = set(second.targets) - set(first.targets)
    assert new == {f"{LIST_ID}/sha256.delta-1-2.parquet"}
    assert bench.type_state().root == bench.recomputed_root()


def test_a_change_of_more_than_a_quarter_writes_a_snapshot(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(100))})
    bench.release({"sha256": adds(range(100, 140))})
    typed = bench.type_state()
    assert (typed.snapshot.release, typed.count, typed.chain) == (2, 140, ())
    assert typed.root == bench.recomputed_root()


def test_an_update_keeps_when_its_entry_was_added(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(100))})
    bench.release({"sha256": [(5, Op.UPDATE), (6, Op.REMOVE), (200, Op.ADD)]})
    found = {
        entry.tobytes(): (int(added), int(changed))
        for batch in bench.base.of("sha256").iter_batches()
        for entry, added, changed in zip(batch.hash, batch.added, batch.changed, strict=True)
    }
    assert found[raw(5, 32)] == (1, 2)
    assert found[raw(7, 32)] == (1, 1)
    assert found[raw(200, 32)] == (2, 2)
    assert raw(6, 32) not in found


def test_a_long_chain_is_shortened_without_writing_the_list_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(3000))})
    longest = 0
    for number in range(2, 60):
        # Every second release takes away what the one before it had added.
        change = (10_000 + number // 2, Op.ADD if number % 2 == 0 else Op.REMOVE)
        bench.release({"sha256": [change]})
        longest = max(longest, len(bench.type_state().chain))
        assert bench.type_state().root == bench.recomputed_root(), number
    assert longest == MAX_CHAIN
    typed = bench.type_state()
    assert typed.snapshot.release == 1
    assert typed.chain[0].base == 1 and typed.chain[0].release > 2
    assert typed.release == 59


def test_an_untouched_type_stays_as_it_is_and_its_next_delta_starts_where_it_was(tmp_path: Path) -> None:
    bench = Bench(tmp_path, slugs=("md5", "sha256"))
    bench.release({"sha256": adds(range(50)), "md5": adds(range(50))})
    before = bench.type_state("md5")
    bench.release({"sha256": adds([900])})
    assert bench.type_state("md5") == before
    bench.release({"md5": adds([901])})
    chain = bench.type_state("md5").chain
    assert [(delta.base, delta.release) for delta in chain] == [(1, 3)]
    assert bench.type_state("md5").root == bench.recomputed_root("md5")


def test_a_list_can_be_emptied_and_filled_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(5))})
    bench.release({"sha256": [(number, Op.REMOVE) for number in range(5)]})
    assert (bench.type_state().count, bench.type_state().snapshot.parts) == (0, ())
    bench.release({"sha256": adds([1])})
    assert bench.type_state().root == bench.recomputed_root()


def test_the_same_work_writes_the_same_bytes(tmp_path: Path) -> None:
    """What lets a builder take over from a dead one."""
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(500))})
    one = bench.compose(2, {"sha256": adds([900])}, tmp_path / "one")
    other = bench.compose(2, {"sha256": adds([900])}, tmp_path / "other")
    assert (one.content, one.targets) == (other.content, other.targets)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((3, Op.ADD), "delta.add_present"),
        ((77, Op.UPDATE), "delta.update_absent"),
        ((77, Op.REMOVE), "delta.remove_absent"),
    ],
)
def test_operations_that_do_not_fit_the_base_are_refused(tmp_path: Path, change: Change, code: str) -> None:
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(10))})
    with pytest.raises(Conflict) as refused:
        bench.compose(2, {"sha256": [change]}, tmp_path / "refused")
    assert refused.value.code == code


@pytest.mark.parametrize("op", [Op.UPDATE, Op.REMOVE])
def test_a_first_release_cannot_update_or_remove(tmp_path: Path, op: Op) -> None:
    with pytest.raises(Conflict) as refused:
        Bench(tmp_path).release({"sha256": [(1, op)]})
    assert refused.value.code == "delta.base_empty"


def test_a_damaged_tree_is_computed_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.release({"sha256": adds(range(5000))})
    (stored,) = (Path(settings.BLOB_URL) / "leaves" / LIST_ID).iterdir()
    content = bytearray(stored.read_bytes())
    content[100] ^= 1
    stored.chmod(0o600)
    stored.write_bytes(bytes(content))
    bench.release({"sha256": adds([6000])})
    assert bench.type_state().root == bench.recomputed_root()


@pytest.mark.parametrize("bits", [0, 1, 5])
def test_a_tree_with_changed_leaves_is_the_tree_over_them(bits: int) -> None:
    generator = np.random.default_rng(bits)
    leaves = generator.integers(0, 256, (1 << bits, 32), np.uint8)
    changed = leaves.copy()
    changed[generator.integers(0, 1 << bits, 2)] ^= 1
    updated = Tree.over(leaves.tobytes()).with_leaves(changed.tobytes())
    assert updated == Tree.over(changed.tobytes())
    assert updated.root(9) == type_root(changed.tobytes(), 9)
    assert Tree.parse(updated.to_bytes(), bits) == updated
    assert Tree.parse(updated.to_bytes(), bits + 1) is None
    assert Tree.parse(updated.to_bytes()[:-1], bits) is None
    assert Tree.parse(b"", bits) is None
