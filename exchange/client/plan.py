"""What to download: for each hash type the deltas since the local release, or the snapshot, whichever is
fewer bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hashsets.core.manifest import Delta, Manifest, TypeState, delta_name, part_name
from hashsets.core.segment import SegmentFacts

__all__ = ["Needed", "Transport", "TypePlan", "plan_type"]


class Transport(StrEnum):
    """How a type's new state arrives."""

    KEEP = "none"
    DELTAS = "delta"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Needed:
    """A segment to fetch: its target name and what the manifest says about it."""

    name: str
    facts: SegmentFacts


@dataclass(frozen=True, slots=True)
class TypePlan:
    """`parts` make up the state to start from (none unless SNAPSHOT); `deltas` are applied to it in order."""

    state: TypeState
    transport: Transport
    parts: tuple[Needed, ...] = ()
    deltas: tuple[Needed, ...] = ()

    @property
    def length(self) -> int:
        """Bytes to fetch."""
        return sum(needed.facts.length for needed in (*self.parts, *self.deltas))


def plan_type(manifest: Manifest, state: TypeState, held: TypeState | None) -> TypePlan:
    """How to come from `held`, the type as the manifest in force describes it, to `state`; None: from
    nothing."""
    parts = tuple(
        Needed(part_name(manifest.list_id, state.slug, state.snapshot.release, number), facts)
        for number, facts in enumerate(state.snapshot.parts, start=1)
    )
    snapshot = TypePlan(state, Transport.SNAPSHOT, parts, _named(manifest, state, state.chain))
    if held is None:
        return snapshot
    if (held.count, held.bits, held.root) == (state.count, state.bits, state.root):
        return TypePlan(state, Transport.KEEP)
    since = _deltas_since(state, held.release)
    if since is None:
        return snapshot
    deltas = TypePlan(state, Transport.DELTAS, deltas=_named(manifest, state, since))
    return min(deltas, snapshot, key=lambda plan: plan.length)


def _deltas_since(state: TypeState, release: int) -> tuple[Delta, ...] | None:
    """The end of the chain that starts from `release`; None when the chain does not pass there."""
    for position, delta in enumerate(state.chain):
        if delta.base == release:
            return state.chain[position:]
    return None


def _named(manifest: Manifest, state: TypeState, chain: tuple[Delta, ...]) -> tuple[Needed, ...]:
    return tuple(
        Needed(delta_name(manifest.list_id, state.slug, delta.base, delta.release), delta.facts)
        for delta in chain
    )
