"""The rules can fail: a good history breaks none, and one doctored for each invariant breaks that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.ending import leaks_in
from tests.faults.history import Event, History
from tests.faults.rules import RULES, Act, End, Held, Published, Row, violations


@dataclass
class Case:
    """A history and its end, to be doctored."""

    history: list[Event]
    end: End

    def forget(self, what: str) -> None:
        self.history = [event for event in self.history if event.what != what]

    def add(self, what: str, **facts: Any) -> None:
        self.history.append(Event(99.0, what, facts))

    def alter(self, what: str, **facts: Any) -> None:
        """Of the last event of that kind."""
        place = max(n for n, event in enumerate(self.history) if event.what == what)
        event = self.history[place]
        self.history[place] = Event(event.at, what, {**event.facts, **facts})

    def state(self, **fields: Any) -> None:
        self.end = replace(self.end, **fields)


def good() -> Case:
    """Two submissions, two releases, one member, one endpoint, one stranger; nothing wrong."""
    rows = tuple(
        Row(f"s{n}", f"note {n}", "list", f"sha{n}", "published", "hanna", ("hugo",)) for n in (1, 2)
    )
    releases = tuple(Published("list", n, f"s{n}", f"manifest{n}", f"root{n}", 10 * n) for n in (1, 2))
    acts = [("submission.received", "s1"), ("submission.received", "s2")]
    acts += [("release.published", "list"), ("release.published", "list")]
    history: list[tuple[str, dict[str, Any]]] = []
    for n in (1, 2):
        acknowledged = {"submission": f"s{n}", "list": "list", "note": f"note {n}", "sha256": f"sha{n}"}
        history.append(("acknowledged", {**acknowledged, "mode": "add"}))
        files = [("part 1", "abc", "abc"), (f"delta {n}", f"d{n}", f"d{n}")]
        read = {"reader": "reader", "list": "list", "release": n, "manifest": f"manifest{n}"}
        history.append(("read", {**read, "files": files}))
        history.append(("applied", {"member": "lumen", "list": "list", "release": n, "root": f"root{n}"}))
        history += [("notice", {"member": "counting", "id": f"n{n}", "body": f"release {n}"})] * 2
    history.append(("head", {"number": 3, "digest": "digest 3"}))
    history.append(("self-approval", {"submission": "s1", "status": 403}))
    history.append(("stranger", {"path": "/x", "status": 404, "hidden": True, "marked": False}))
    end = End(
        submissions=rows,
        releases=releases,
        acts=tuple(Act(n, *act, f"digest {n}") for n, act in enumerate(acts, start=1)),
        cursors=(("endpoint", "list", 2),),
        held=(Held("lumen", "list", 2, "root2", "all"),),
        subscribers=(("lumen", "list"),),
        expected={"list": "all"},
    )
    return Case([Event(float(n), what, facts) for n, (what, facts) in enumerate(history)], end)


def test_a_good_history_breaks_no_rule() -> None:
    case = good()
    assert violations(case.history, case.end) == []


Doctor = Callable[[Case], object]


def rows(case: Case) -> tuple[Row, ...]:
    return case.end.submissions


def releases(case: Case) -> tuple[Published, ...]:
    return case.end.releases


DOCTORED: list[tuple[int, str, Doctor]] = [
    (
        1,
        "lost",
        lambda c: c.add("acknowledged", submission="s9", list="list", note="n9", sha256="", mode="add"),
    ),
    (1, "other bytes", lambda c: c.alter("acknowledged", sha256="other")),
    (1, "twice", lambda c: c.state(submissions=(*rows(c), replace(rows(c)[0], id="s3")))),
    (1, "nothing sent", lambda c: c.forget("acknowledged")),
    (2, "missing segment", lambda c: c.alter("read", files=[("part 1", "abc", "")])),
    (2, "wrong segment", lambda c: c.alter("read", files=[("part 7", "abc", "abd")])),
    (2, "unreadable", lambda c: c.add("unreadable", list="list", why="BadVersionNumberError")),
    (2, "verifier complains", lambda c: c.state(broken=("verify_release list 2: root differs",))),
    (2, "nobody read", lambda c: c.forget("read")),
    (3, "gap", lambda c: c.state(releases=(releases(c)[0], replace(releases(c)[1], number=3)))),
    (3, "same number", lambda c: c.state(releases=(releases(c)[0], replace(releases(c)[1], number=1)))),
    (
        3,
        "back",
        lambda c: c.add("read", reader="reader", list="list", release=1, manifest="manifest1", files=[]),
    ),
    (
        3,
        "two releases of one",
        lambda c: c.state(releases=(releases(c)[0], replace(releases(c)[1], submission="s1"))),
    ),
    (4, "other manifest", lambda c: c.alter("read", manifest="manifest9")),
    (4, "other file", lambda c: c.alter("read", files=[("part 1", "xyz", "xyz")])),
    (5, "endpoint behind", lambda c: c.state(cursors=(("endpoint", "list", 1),))),
    (5, "member behind", lambda c: c.state(held=(Held("lumen", "list", 1, "root1", "all"),))),
    (5, "member has nothing", lambda c: c.state(held=())),
    (5, "applied twice", lambda c: c.add("applied", member="lumen", list="list", release=2, root="root2")),
    (5, "one notice, two contents", lambda c: c.alter("notice", body="release 7")),
    (6, "existence", lambda c: c.alter("stranger", status=403)),
    (6, "answered", lambda c: c.alter("stranger", status=200)),
    (6, "name", lambda c: c.alter("stranger", marked=True)),
    (6, "nobody looked", lambda c: c.forget("stranger")),
    (7, "untold", lambda c: c.state(acts=c.end.acts[1:])),
    (7, "told twice", lambda c: c.state(acts=(*c.end.acts, Act(5, "submission.received", "s1", "digest 5")))),
    (7, "cut tail", lambda c: c.add("head", number=9, digest="digest 9")),
    (7, "rewritten", lambda c: c.alter("head", digest="another")),
    (
        8,
        "own approval",
        lambda c: c.state(submissions=(replace(rows(c)[0], approvers=("hanna", "hugo")), rows(c)[1])),
    ),
    (8, "no second person", lambda c: c.state(submissions=(replace(rows(c)[0], approvers=()), rows(c)[1]))),
    (8, "let through", lambda c: c.alter("self-approval", status=200)),
    (8, "nobody tried", lambda c: c.forget("self-approval")),
    (8, "no answer", lambda c: c.alter("self-approval", status=0)),
    (9, "shrank", lambda c: c.state(releases=(releases(c)[0], replace(releases(c)[1], entries=9)))),
    (9, "empty", lambda c: c.state(releases=(replace(releases(c)[0], entries=0), releases(c)[1]))),
    (9, "another root", lambda c: c.alter("applied", root="root9")),
    (9, "other content", lambda c: c.state(held=(Held("lumen", "list", 2, "root2", "less"),))),
    (10, "leak", lambda c: c.state(leaks=("web.log: a hash value",))),
]


@pytest.mark.parametrize(
    ("invariant", "doctor"),
    [pytest.param(number, doctor, id=f"{number}-{name}") for number, name, doctor in DOCTORED],
)
def test_a_doctored_history_breaks_its_rule(invariant: int, doctor: Doctor) -> None:
    case = good()
    doctor(case)
    assert invariant in {one.invariant for one in violations(case.history, case.end)}


def test_every_invariant_is_doctored() -> None:
    assert {number for number, _, _ in DOCTORED} == set(RULES) == set(range(1, 11))


def test_a_secret_is_found_wherever_it_stands_and_not_repeated() -> None:
    texts = {"web.log": "GET /x hx_live_abc", "mail": f"see {'0A' * 32}.", "clean": f"file {'0b' * 32}"}
    found = leaks_in(texts, secrets={"Lumen's key": "hx_live_abc"}, hashes={"0a" * 32})
    assert found == ["web.log: Lumen's key", "mail: a hash value"]


def test_a_history_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.note("blow", name="kill -9 web")
    history.note("head", number=1, digest="d")
    first, second = history.events()
    assert (first.what, first.facts) == ("blow", {"name": "kill -9 web"})
    assert second.at >= first.at
