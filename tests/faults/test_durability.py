"""What was acknowledged is there, once: submissions by the API while PostgreSQL is cut off in the middle,
Redis forgets everything and workers are killed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.senders import Senders
from tests.faults.world import gather
from tests.services import wait_until
from tests.stack import Stack
from tests.storyline import set_stage

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("stack")]

# Nothing of this is about quotas.
UNLIMITED: Final = {"HX_CALLS_PER_MINUTE": "1000000", "HX_CALLS_PER_DAY": "10000000"}
# A worker that was killed keeps its lease of 60 s; whoever takes the work up may be killed as well.
PATIENCE_SECONDS: Final = 300.0
WAITS: Final = ("received", "validating")

Blow = Callable[[], object]


def in_turn(
    total: int, *blows: tuple[int, Callable[[], object]]
) -> Iterator[tuple[int, Callable[[], object]]]:
    """Every blow as often as is said, the kinds mixed and spread evenly: (acknowledged so far, blow)."""
    spread = sorted(
        ((turn + 1) / (often + 1), place, blow)
        for place, (often, blow) in enumerate(blows)
        for turn in range(often)
    )
    for step, (_, _, blow) in enumerate(spread, start=1):
        yield step * total // (len(spread) + 1), blow


@pytest.mark.parametrize(
    ("total", "restarts", "flushes", "kills", "to_the_end"),
    [
        # The short form does not wait for the lease of the dead worker: what it had is back in line.
        pytest.param(60, 1, 1, 1, False, id="60"),
        pytest.param(2_000, 4, 2, 4, True, id="2000", marks=pytest.mark.long),
    ],
)
def test_every_acknowledged_submission_is_there_and_none_twice(
    new_stack: Callable[..., Stack],
    tmp_path: Path,
    total: int,
    restarts: int,
    flushes: int,
    kills: int,
    to_the_end: bool,
    record_property: Callable[[str, object], None],
) -> None:
    stack = new_stack("production", **UNLIMITED)
    assert stack.postgresql is not None
    assert stack.redis is not None
    stage = set_stage(stack, tmp_path)
    lists = gather(stack, lists=4, members=0).lists
    blows = in_turn(
        total,
        (restarts, lambda: stack.postgresql.restart(mode="immediate")),  # type: ignore[union-attr]
        (flushes, stack.redis.flush),
        (kills, lambda: stack.cut("worker-data")),
    )
    with Senders(stack.base_url, stage.world.publisher_key, lists, total) as senders:
        for when, blow in blows:
            senders.wait_for(when)
            assert len(senders.sent) < total, "all had been sent before the blow"
            blow()
    assert len(senders.sent) == total
    if to_the_end:
        wait_until(lambda: not _waiting(stack), seconds=PATIENCE_SECONDS, what="the last validation")
    prove(stack, senders, {"staged"} if to_the_end else {"staged", *WAITS})
    record_property("faults: acknowledged submissions", total)


def prove(stack: Stack, senders: Senders, states: set[str]) -> None:
    """Each one is found by its id and by its note, once, with its bytes and one audit event, in a state in
    which it is done or somebody will do it."""
    with stack.rows() as ask:
        rows = ask("SELECT id, note, hash_list_id, upload_sha256, state FROM hashsets_submission")
        told = ask("SELECT subject_id FROM accounts_auditevent WHERE action = 'submission.received'")
    sent = sorted((one.id, one.note, one.list_id, one.sha256) for one in senders.sent)
    assert sorted((str(id_), note, list_id, sha256) for id_, note, list_id, sha256, _ in rows) == sent
    assert {state for *_, state in rows} <= states
    assert Counter(subject for (subject,) in told) == Counter(one.id for one in senders.sent)
    lost = [one.number for one in senders.sent if _stored(stack, one.id) != one.sha256]
    assert not lost, f"the bytes of these are not what was acknowledged: {lost}"
    stack.manage("verify_audit")


def _waiting(stack: Stack) -> bool:
    with stack.rows() as ask:
        return bool(ask(f"SELECT 1 FROM hashsets_submission WHERE state IN {WAITS} LIMIT 1"))  # noqa: S608


def _stored(stack: Stack, submission: str) -> str:
    from uuid import UUID

    from hashsets.blobs import keys

    return hashlib.sha256((stack.var / "blobs" / keys.upload(UUID(submission))).read_bytes()).hexdigest()
