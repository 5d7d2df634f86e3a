"""The ten invariants, held against a recorded history and what the database says at its end. Pure.

A rule returns sentences; none is good. Each can fail: `test_rules.py` doctors a history for every one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from tests.faults.history import Event

OK: Final = 200
REDIRECTS: Final = 300
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403  # says that there is something


@dataclass(frozen=True, slots=True)
class Row:
    """A submission in the end. `submitter` and `approvers` are people's ids."""

    id: str
    note: str
    list_id: str
    sha256: str
    state: str
    submitter: str
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """A release in the end; `manifest` is the digest of its manifest."""

    list_id: str
    number: int
    submission: str
    manifest: str
    root: str
    entries: int


@dataclass(frozen=True, slots=True)
class Act:
    """An audit event: number, what was done, to what, and the digest of the chain up to it."""

    number: int
    action: str
    subject: str
    digest: str


@dataclass(frozen=True, slots=True)
class Held:
    """What a member holds of a list in the end: release, root, and a digest of its sorted hashes."""

    member: str
    list_id: str
    release: int
    root: str
    hashes: str


@dataclass(frozen=True, slots=True)
class End:
    """The database, the members and the places where secrets could be, when everything has come to rest."""

    submissions: tuple[Row, ...]
    releases: tuple[Published, ...]
    acts: tuple[Act, ...]
    cursors: tuple[tuple[str, str, int], ...]
    """(endpoint, list, notified release) of every active subscriber."""
    held: tuple[Held, ...]
    subscribers: tuple[tuple[str, str], ...]
    """(member, list) of every member that applies what it is told."""
    expected: dict[str, str] = field(default_factory=dict)
    """The digest of the hashes that each list must have, counted up from what was sent."""
    broken: tuple[str, ...] = ()
    """What the exchange's own verifiers (releases, audit chain) complain of."""
    leaks: tuple[str, ...] = ()

    def newest(self) -> dict[str, int]:
        newest: dict[str, int] = {}
        for one in self.releases:
            newest[one.list_id] = max(one.number, newest.get(one.list_id, 0))
        return newest


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: int
    sentence: str


def violations(history: Sequence[Event], end: End) -> list[Violation]:
    """Everything that is not as it must be; empty when all ten hold."""
    return [Violation(number, sentence) for number, rule in RULES.items() for sentence in rule(history, end)]


def _of(history: Sequence[Event], *what: str) -> Iterator[dict[str, Any]]:
    return (event.facts for event in history if event.what in what)


def nothing_acknowledged_is_lost(history: Sequence[Event], end: End) -> Iterator[str]:
    rows = {row.id: row for row in end.submissions}
    told = list(_of(history, "acknowledged"))
    for facts in told:
        row = rows.get(facts["submission"])
        if row is None:
            yield f"{facts['note']} was acknowledged and is gone"
        elif (row.note, row.list_id, row.sha256) != (facts["note"], facts["list"], facts["sha256"]):
            yield f"{facts['note']} is not what was acknowledged"
    for note, count in Counter(row.note for row in end.submissions).items():
        if count > 1:
            yield f"{note} is there {count} times"
    if not told:
        yield "nothing was acknowledged at all"


def no_release_lacks_a_segment(history: Sequence[Event], end: End) -> Iterator[str]:
    reads = list(_of(history, "read"))
    for facts in reads:
        for name, wanted, got in facts["files"]:
            if wanted != got:
                yield f"release {facts['release']} of {facts['list']} was seen with {got or 'no'} {name}"
    for facts in _of(history, "unreadable"):
        yield f"{facts['list']} could not be read: {facts['why']}"
    yield from end.broken
    if not reads:
        yield "nobody read a release"


def numbers_have_no_gap(history: Sequence[Event], end: End) -> Iterator[str]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for release in end.releases:
        numbers[release.list_id].append(release.number)
    for list_id, found in numbers.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            yield f"{list_id} has the releases {sorted(found)}"
    last: dict[tuple[str, str], int] = {}
    for facts in _of(history, "read"):
        place = (facts["reader"], facts["list"])
        if facts["release"] < last.get(place, 0):
            yield f"{facts['list']} went back from release {last[place]} to {facts['release']}"
        last[place] = facts["release"]
    for submission, count in Counter(release.submission for release in end.releases).items():
        if count > 1:
            yield f"submission {submission} made {count} releases"


def published_bytes_never_change(history: Sequence[Event], end: End) -> Iterator[str]:
    first: dict[tuple[str, int], str] = {(r.list_id, r.number): r.manifest for r in end.releases}
    files: dict[tuple[str, str], str] = {}
    for facts in _of(history, "read"):
        place = (facts["list"], facts["release"])
        if first.setdefault(place, facts["manifest"]) != facts["manifest"]:
            yield f"release {place[1]} of {place[0]} had two manifests"
        for name, _, got in facts["files"]:
            if got and files.setdefault((facts["list"], name), got) != got:
                yield f"{name} of {facts['list']} has changed"


def every_subscriber_ends_at_the_newest(history: Sequence[Event], end: End) -> Iterator[str]:
    newest = end.newest()
    for endpoint, list_id, notified in end.cursors:
        if notified != newest.get(list_id, 0):
            yield f"{endpoint} was told of release {notified} of {list_id}, not of {newest.get(list_id)}"
    holds = {(one.member, one.list_id): one.release for one in end.held}
    for place in end.subscribers:
        if holds.get(place, 0) != newest.get(place[1], 0):
            yield f"{place[0]} holds release {holds.get(place, 0)} of {place[1]}, not {newest.get(place[1])}"
    for place, applied in _by_place(_of(history, "applied")).items():
        if any(later <= earlier for earlier, later in pairwise(applied)):
            yield f"{place[0]} applied of {place[1]}: {applied}"
    bodies: dict[str, str] = {}
    for facts in _of(history, "notice"):
        if bodies.setdefault(facts["id"], facts["body"]) != facts["body"]:
            yield f"notice {facts['id']} came with two contents"


def _by_place(applied: Iterator[dict[str, Any]]) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for facts in applied:
        found[facts["member"], facts["list"]].append(facts["release"])
    return found


def strangers_see_nothing(history: Sequence[Event], end: End) -> Iterator[str]:
    looks = list(_of(history, "stranger"))
    for facts in looks:
        if facts["marked"]:
            yield f"{facts['path']} named the private list to a stranger"
        if facts["hidden"] and (OK <= facts["status"] < BAD_REQUEST or facts["status"] == FORBIDDEN):
            yield f"{facts['path']} answered a stranger {facts['status']}"
    if not looks:
        yield "no stranger looked"


def every_act_is_told_once(history: Sequence[Event], end: End) -> Iterator[str]:
    told = Counter((act.action, act.subject) for act in end.acts)
    for row in end.submissions:
        if told["submission.received", row.id] != 1:
            yield f"{row.note} was received {told['submission.received', row.id]} times by the audit"
    published = sum(count for (action, _), count in told.items() if action == "release.published")
    if published != len(end.releases):
        yield f"{published} publications were told, and there are {len(end.releases)} releases"
    if [act.number for act in end.acts] != list(range(1, len(end.acts) + 1)):
        yield "the audit chain has gaps"
    digests = {act.number: act.digest for act in end.acts}
    for facts in _of(history, "head"):
        if digests.get(facts["number"]) != facts["digest"]:
            yield f"the chain once had another event {facts['number']}, or more of them"


def nobody_approves_their_own(history: Sequence[Event], end: End) -> Iterator[str]:
    released = {release.submission for release in end.releases}
    for row in end.submissions:
        if row.submitter in row.approvers:
            yield f"{row.note} was approved by who sent it"
        if row.id in released and not set(row.approvers) - {row.submitter}:
            yield f"{row.note} was released without a second person"
    # 0: the connection broke, and nothing was said.
    tried = [facts for facts in _of(history, "self-approval") if facts["status"]]
    for facts in tried:
        if OK <= facts["status"] < REDIRECTS:
            yield f"{facts['submission']}: who sent it was let through to approve it"
    if not tried:
        yield "nobody tried to approve their own submission"


def nothing_shrinks_in_silence(history: Sequence[Event], end: End) -> Iterator[str]:
    roots = {(r.list_id, r.number): r.root for r in end.releases}
    removed = {facts["submission"] for facts in _of(history, "acknowledged") if facts["mode"] == "remove"}
    before: dict[str, int] = {}
    for release in sorted(end.releases, key=lambda one: (one.list_id, one.number)):
        if not release.root or not release.entries:
            yield f"release {release.number} of {release.list_id} states nothing of its content"
        if release.entries < before.get(release.list_id, 0) and release.submission not in removed:
            yield f"release {release.number} of {release.list_id} shrank without a removal"
        before[release.list_id] = release.entries
    for facts in _of(history, "applied"):
        if facts["root"] != roots.get((facts["list"], facts["release"])):
            yield f"{facts['member']} has another root of release {facts['release']} of {facts['list']}"
    for one in end.held:
        if one.hashes != end.expected.get(one.list_id):
            yield f"{one.member} does not hold what was sent to {one.list_id}"


def no_secret_is_anywhere(history: Sequence[Event], end: End) -> Iterator[str]:
    yield from end.leaks


Rule = Callable[[Sequence[Event], End], Iterator[str]]
RULES: Final[dict[int, Rule]] = {
    1: nothing_acknowledged_is_lost,
    2: no_release_lacks_a_segment,
    3: numbers_have_no_gap,
    4: published_bytes_never_change,
    5: every_subscriber_ends_at_the_newest,
    6: strangers_see_nothing,
    7: every_act_is_told_once,
    8: nobody_approves_their_own,
    9: nothing_shrinks_in_silence,
    10: no_secret_is_anywhere,
}
