"""Any sequence of submissions, in any mode, leaves the state that a plain dict would be in.

The state is also cut differently at random (snapshot rewritten, deltas merged): what it holds, and its root,
may not depend on that.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hashsets.core.compaction import compact, merge_deltas
from hashsets.core.diff import DiffCounts, Mode, compare
from hashsets.core.merkle import leaves_of, type_root
from hashsets.core.segment_writer import write_delta
from hashsets.core.state import State, apply_delta, touched_leaves
from tests.hashsets.core.builders import MD5, Fact, Key, Model, entries_of, model_of, snapshot_state

BITS = 3

# Few hashes, with shared first 8 bytes and trailing zero bytes: every tie and every run of items occurs.
hashes = st.builds(
    lambda head, tail: head + tail,
    st.sampled_from([bytes(8), b"\x3f" + bytes(7), b"\x3f" * 8, b"\xff" * 8]),
    st.sampled_from([bytes(8), b"\x01" + bytes(7), bytes(7) + b"\x01", b"\xff" * 8]),
)
keys = st.tuples(hashes, st.sampled_from([0, 1, 2**63 - 1]))
facts = st.builds(
    Fact,
    classification=st.integers(0, 2),
    quality=st.sampled_from([None, 0, 100]),
    labels=st.sampled_from([(), (1,), (1, 500)]),
    source_ref=st.sampled_from([None, "a", "é"]),
)
Step = tuple[Mode, Model, set[str], str]
submissions = st.tuples(
    st.sampled_from(list(Mode)),
    st.dictionaries(keys, facts, max_size=12),
    st.sets(st.sampled_from(["classification", "quality", "labels", "source_ref"])),
    st.sampled_from(["", "compact", "merge"]),
)


def expected(
    model: Model, mode: Mode, rows: Model, given: set[str], release: int
) -> tuple[Model, DiffCounts]:
    """The same submission on a dict."""
    after = dict(model)
    unchanged = absent = problems = 0
    for key, fact in rows.items():
        old = model.get(key)
        if mode is Mode.REMOVE:
            absent += after.pop(key, None) is None
        elif old is None:
            if mode is Mode.UPDATE:
                problems += 1
            else:
                after[key] = replace(fact, added=release, changed=release)
        else:
            named = {"classification", "quality", "labels", "source_ref"} if mode is Mode.REPLACE else given
            new = replace(old, **{name: getattr(fact, name) for name in named})
            if new.stated == old.stated:
                unchanged += 1
            elif mode is Mode.ADD:
                problems += 1
            else:
                after[key] = replace(new, changed=release)
    if mode is Mode.REPLACE:
        after = {key: fact for key, fact in after.items() if key in rows}
    counts = DiffCounts(
        adds=len(after.keys() - model.keys()),
        updates=sum(after[key] != model[key] for key in after.keys() & model.keys()),
        removals=len(model.keys() - after.keys()),
        reclassified=sum(
            model[key].classification not in (0, after[key].classification)
            for key in after.keys() & model.keys()
        ),
        unchanged=unchanged,
        absent=absent,
        problems=problems,
    )
    return after, counts


@given(first=st.dictionaries(keys, facts, max_size=12), steps=st.lists(submissions, max_size=6))
@settings(max_examples=150)
def test_submissions_leave_the_state_that_a_dict_would_be_in(first: Model, steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, state = first, snapshot_state(first, folder / "0")
        leaves = leaves_of(state.iter_batches(), BITS, 16)
        for release, (mode, rows, named, then) in enumerate(steps, 2):
            given_columns = {"item", *named} if mode is not Mode.REPLACE else {"item"}
            incoming = entries_of(rows.items(), given=given_columns).sort().entries
            comparison = compare(state, incoming, mode, release=release)
            delta = write_delta(MD5, comparison.batches(), folder / f"{release}.delta")
            model, counts = expected(model, mode, rows, named, release)
            assert comparison.counts == counts
            state = apply_delta(state, delta.segment)
            leaves = touched_leaves(leaves, BITS, state, delta.segment)
            if then == "compact":
                (folder / str(release)).mkdir()
                state = State(MD5, tuple(part.segment for part in compact(state, folder / str(release))))
            elif then == "merge" and state.deltas:
                merged = merge_deltas(state.deltas, folder / f"{release}.merged")
                state = apply_delta(State(MD5, state.parts), merged.segment)
            assert model_of(state) == model
            assert state.count == len(model)
            assert leaves == leaves_of(state.iter_batches(), BITS, 16)
        fresh = snapshot_state(model, folder / "fresh")
        assert type_root(leaves, len(model)) == type_root(
            leaves_of(fresh.iter_batches(), BITS, 16), len(model)
        )


@given(model=st.dictionaries(keys, facts, min_size=1, max_size=12), wanted=st.lists(keys, max_size=5))
@settings(max_examples=60)
def test_a_look_up_finds_every_entry_of_a_hash(model: Model, wanted: list[Key]) -> None:
    with tempfile.TemporaryDirectory() as name:
        state = snapshot_state(model, Path(name))
        raw = np.frombuffer(b"".join(key[0] for key in wanted), np.uint8).reshape(-1, 16)
        found = state.lookup(raw)
        sought = {key[0] for key in wanted}
        assert len(found) == sum(key[0] in sought for key in model)
        assert {row.tobytes() for row in found.hash} == sought & {key[0] for key in model}
