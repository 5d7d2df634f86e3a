"""Everything at once: people work, members listen, a stranger tries doors, and blows fall; afterwards all ten
invariants are held against the recorded history and the database.

40 seconds of blows and ten minutes of them, both in `make faults`; `--chaos-seed` draws other ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg2
import pytest

from accounts.identity.roles import Role
from tests.faults import ending
from tests.faults.history import Event, History
from tests.faults.members import Listener, endpoint_of
from tests.faults.rules import End, Violation, violations
from tests.faults.storm import Storm
from tests.faults.test_durability import UNLIMITED
from tests.faults.walkers import (
    Api,
    Approver,
    Contributor,
    Desk,
    Reader,
    Stranger,
    TwoHats,
    Walker,
    Witness,
    keys_of,
)
from tests.faults.world import Crowd, gather
from tests.services import Receiver, wait_until
from tests.stack import Stack
from tests.storyline import Stage, set_stage

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("stack")]

# Every lease of the dead runs out, every breaker probes and every member looks by itself within this time.
REST_SECONDS: Final = 300.0


@dataclass
class Cast:
    """Everybody of a run."""

    stage: Stage
    crowd: Crowd
    history: History
    contributors: list[Contributor]
    others: list[Walker]
    listeners: list[Listener]
    receiver: Receiver
    told: dict[str, int] = field(default_factory=dict)


@contextmanager
def gathered(stack: Stack, folder: Path) -> Iterator[Cast]:
    """People, members and their machines, all at their places."""
    stage = set_stage(stack, folder)
    crowd = gather(stack, lists=2, members=2)
    history, desk = History(folder / "history.jsonl"), Desk()
    url, world = stack.base_url, stage.world
    listeners = [
        Listener(
            f"member {number}",
            folder / f"member-{number}",
            base_url=url,
            key=key,
            fingerprint=stage.fingerprint,
            lists=crowd.lists,
        )
        for number, key in enumerate(crowd.members)
    ]
    wait_until(lambda: all(one.told("listening") for one in listeners), seconds=120, what="members at work")
    receiver = Receiver(folder / "counting")
    endpoint_of(receiver, base_url=url, key=world.pixelhaus_key, lists=(*crowd.lists, crowd.private))
    hugo = world.person("Harbor", Role.APPROVER)
    publisher = Api(url, world.publisher_key, "publisher", history)
    hers = Approver(url, world, crowd.two_hats_email, crowd.two_hats_seed, desk, history)
    people: list[Contributor] = [
        Contributor(
            f"contributor {number}",
            list_id,
            submit=publisher,
            sign=publisher,
            desk=desk,
            history=history,
            seed=f"{number}",
        )
        # Two at one list: the slower one's change is staged again on what the faster one published.
        for number, list_id in enumerate((crowd.lists[0], crowd.lists[0], crowd.private))
    ]
    people.append(
        TwoHats(
            "two hats",
            crowd.lists[1],
            submit=Api(url, crowd.two_hats_key, "two hats", history),
            sign=publisher,
            desk=desk,
            history=history,
            seed="two",
            herself=hers,
        )
    )
    others: list[Walker] = [
        Approver(url, world, hugo.email, hugo.seed, desk, history),
        Stranger(url, crowd, history),
        Reader(stack, crowd.members[0], crowd.lists, folder / "reader", history),
        Witness(stack, history),
    ]
    try:
        yield Cast(stage, crowd, history, people, others, listeners, receiver)
    finally:
        for listener in listeners:
            listener.stop()
        receiver.stop()


@contextmanager
def walking(walkers: list[Walker]) -> Iterator[None]:
    """In this block everybody goes their rounds; at its end everybody has finished theirs."""
    with ExitStack() as ends:
        for walker in walkers:
            walker.start()
            ends.callback(walker.stop)
        yield


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(40.0, marks=pytest.mark.long, id="40-s"),
        pytest.param(600.0, marks=pytest.mark.long, id="10-min"),
    ],
)
def test_whatever_breaks_the_ten_invariants_hold(
    new_stack: Callable[..., Stack],
    tmp_path: Path,
    seconds: float,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    stack = new_stack("production", **UNLIMITED)
    seed = int(request.config.getoption("--chaos-seed"))
    with gathered(stack, tmp_path) as cast:
        storm = Storm(
            stack,
            listener=cast.listeners[0],
            receiver=cast.receiver,
            seed=seed,
            history=cast.history,
        )
        with walking(cast.others):
            with walking(list(cast.contributors)):
                storm.rage(seconds)
            wait_until(lambda: at_rest(cast), seconds=REST_SECONDS, what="rest")
        found = judged(cast)
        for name, value in cast.told.items():
            record_property(f"faults: chaos, {name}", value)
        assert not found, "\n".join(f"{one.invariant}: {one.sentence}" for one in found[:20])


def at_rest(cast: Cast) -> bool:
    """Everybody was told of the newest release, and has it."""
    for listener in cast.listeners:
        listener.tend()
    try:
        with cast.stage.stack.rows() as ask:
            newest = dict(ask("SELECT id, latest_release FROM hashsets_hashlist"))
            behind = ask(
                "SELECT 1 FROM exchange_endpointcursor c JOIN hashsets_hashlist l ON l.id = c.hash_list_id "
                "WHERE c.notified_release < l.latest_release"
            )
    except psycopg2.Error:
        return False
    holds = all(
        listener.state(list_id)[0] == newest[list_id]
        for listener in cast.listeners
        for list_id in listener.lists
    )
    return holds and not behind


def noted(cast: Cast) -> None:
    """What the members' machines remember becomes part of the history."""
    for listener in cast.listeners:
        for one in listener.applied():
            cast.history.note(
                "applied",
                member=listener.name,
                list=one["list_id"],
                release=one["release"],
                root=one["state_root"],
            )
    for request in cast.receiver.requests():
        headers, body = request["headers"], str(request["body"])
        assert isinstance(headers, dict)
        if '"release.published"' in body:
            cast.history.note("notice", member="counting", id=headers["webhook-id"], body=body)


def judged(cast: Cast) -> list[Violation]:
    noted(cast)
    history = cast.history.events()
    content: dict[str, set[str]] = {}
    for one in cast.contributors:
        content.setdefault(one.list_id, set()).update(one.content)
    secrets = {**keys_of(cast.stage.world, cast.crowd), "a password": cast.stage.world.password}
    bodies = {"a counting endpoint": [str(request["body"]) for request in cast.receiver.requests()]}
    leaks = ending.leaks_in(
        ending.places(cast.stage.stack, history, bodies),
        secrets=secrets,
        hashes=set().union(*content.values()),
    )
    end = ending.ending(cast.stage.stack, listeners=cast.listeners, content=content, leaks=leaks)
    for name, value in counts(history, end).items():
        cast.told[name] = value
    return violations(history, end)


def counts(history: Sequence[Event], end: End) -> dict[str, int]:
    happened = Counter(event.what for event in history)
    notices = Counter(event.facts["id"] for event in history if event.what == "notice")
    unanswered = sum(event.what == "asked" and event.facts["status"] == 0 for event in history)
    return {
        "requests": happened["asked"] + happened["approval"] + happened["self-approval"],
        "requests without an answer": unanswered,
        "blows": happened["blow"],
        "submissions acknowledged": happened["acknowledged"],
        "releases": len(end.releases),
        "releases applied by members": happened["applied"],
        "notices to a counting endpoint": len(notices),
        "of them told again": sum(notices.values()) - len(notices),
        "releases read by a stock client": happened["read"],
    }
