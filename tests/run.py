"""`make test`: the lint gates, the tests on SQLite, and again on PostgreSQL with Redis.

A machine without PostgreSQL, Redis or Chromium runs the rest and says so loudly at the end. In CI (`CI=true`)
a skipped test is a failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import Missing, postgresql_programs

_ROOT = Path(__file__).resolve().parents[1]
_BIN = Path(sys.executable).parent
_IN_CI = os.environ.get("CI") == "true"
_PYTEST_NOTHING_COLLECTED = 5
NOTHING_FOUND = "no test was found"

_SPREAD = ("-n", "2", "--dist", "loadgroup")

COUNTED = ("crash points: ", "faults: ")

LINT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("import contracts", ("lint-imports", "--no-logo")),
    ("mypy --strict", ("mypy",)),
)


@dataclass
class Outcome:
    """What one run said: its verdict, its numbers and why tests were skipped."""

    name: str
    passed: bool
    seconds: float
    numbers: str = ""
    skipped: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def say(sentence: str) -> None:
    print(sentence, flush=True)


def lint() -> list[Outcome]:
    """Run every gate, the later ones too when an earlier one fails: one round shows all there is to do."""
    outcomes = []
    for name, (program, *arguments) in LINT:
        say(f"\n── {name}")
        started = time.monotonic()
        code = subprocess.run([str(_BIN / program), *arguments], cwd=_ROOT, check=False).returncode
        outcomes.append(Outcome(name, code == 0, time.monotonic() - started))
    return outcomes


def run_pytest(name: str, arguments: Sequence[str], env: Mapping[str, str]) -> Outcome:
    """Run pytest in a process of its own and read its numbers from the report it leaves."""
    say(f"\n── {name}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hx-report-") as folder:
        report = Path(folder) / "report.xml"
        code = subprocess.run(
            [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments],
            cwd=_ROOT,
            env={**os.environ, **env},
            check=False,
        ).returncode
        numbers, skipped, ran = _read_report(report)
        counts = _read_counts(report)
    passed = code == 0 and ran > 0 and not (_IN_CI and skipped)
    if code == _PYTEST_NOTHING_COLLECTED:
        numbers = NOTHING_FOUND
    return Outcome(name, passed, time.monotonic() - started, numbers, skipped, counts)


def _read_counts(report: Path) -> Counter[str]:
    """What passed tests counted (`record_property`): how often something was killed, lost, told."""
    counts: Counter[str] = Counter()
    if report.exists():
        for case in ET.parse(report).getroot().iter("testcase"):
            if not any(case.find(wrong) is not None for wrong in ("failure", "error", "skipped")):
                for counted in case.iter("property"):
                    if str(counted.get("name")).startswith(COUNTED):
                        counts[str(counted.get("name"))] += int(counted.get("value", "0"))
    return counts


def _read_report(report: Path) -> tuple[str, list[str], int]:
    if not report.exists():
        return "no report was written", [], 0
    suites = ET.parse(report).getroot().iter("testsuite")
    total = failed = 0
    skipped: list[str] = []
    for suite in suites:
        total += int(suite.get("tests", "0"))
        failed += int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        for case in suite.iter("testcase"):
            note = case.find("skipped")
            if note is not None:
                skipped.append(
                    f"{case.get('classname')}::{case.get('name')}: {note.get('message') or 'no reason'}"
                )
    ran = total - len(skipped)
    return f"{ran - failed} passed, {failed} failed, {len(skipped)} skipped", skipped, ran


def production_is_possible() -> str:
    """Return an empty string, or what is missing for the run on PostgreSQL with Redis."""
    try:
        postgresql_programs()
    except Missing as missing:
        return str(missing)
    if not (shutil.which("redis-server") or shutil.which("valkey-server")):
        return "Redis (Debian package: redis-server)"
    return ""


def tests(arguments: argparse.Namespace, rest: Sequence[str]) -> tuple[list[Outcome], list[str]]:
    """Run the suite twice; returns the outcomes and what was not run at all."""
    switches = [
        *(["--all"] if arguments.all else []),
        *(["-m", "faults", *([] if arguments.short else ["--long"])] if arguments.only_faults else []),
        *rest,
    ]
    whole = not rest and not arguments.only_faults
    outcomes: list[Outcome] = []
    left_out: list[str] = []
    lack = production_is_possible()
    if arguments.database in (None, "sqlite"):
        later = [] if arguments.database or lack else ["--then-postgresql"]
        outcomes += on_database("SQLite, embedded", "sqlite", [*later, *switches], whole=whole)
    if arguments.database in (None, "postgresql"):
        if lack:
            left_out.append(f"every test on PostgreSQL with Redis: this machine lacks {lack}")
        else:
            # Only what meets the database: the data plane and the client would do the very same work again.
            only = [] if arguments.database else ["--needs-database"]
            outcomes += on_database("PostgreSQL with Redis", "postgresql", [*only, *switches], whole=whole)
    return outcomes, left_out


def on_database(title: str, database: str, switches: Sequence[str], *, whole: bool) -> list[Outcome]:
    """Run the tests without a browser, then those that drive one, each in processes of their own.

    Playwright leaves an event loop running in the thread for the rest of the process, and what comes after
    behaves otherwise there: Django keeps other connections, asyncio refuses to start. Of a `whole` suite both
    kinds must be found; of a part that somebody asked for (`ARGS="-k word"`), one of them.
    """
    env = {"HX_TEST_DATABASE": database}
    outcomes = [
        run_pytest(f"{name} on {title}", [*_SPREAD, switch, *switches], env)
        for name, switch in (("tests", "--without-browser"), ("browser tests", "--only-browser"))
    ]
    found = [outcome for outcome in outcomes if outcome.numbers != NOTHING_FOUND]
    return outcomes if whole or not found else found


def conclude(outcomes: Sequence[Outcome], left_out: Sequence[str], arguments: argparse.Namespace) -> int:
    """Say in a few last lines what passed, what failed and what nobody looked at."""
    say("\n══ Result")
    for outcome in outcomes:
        mark = "ok    " if outcome.passed else "FAILED"
        say(f"{mark} {outcome.name} ({outcome.seconds:.0f} s) {outcome.numbers}".rstrip())
    for sentence in left_out:
        say(f"NOT RUN {sentence}")
    for outcome in outcomes:
        for reason in outcome.skipped:
            say(f"SKIPPED {outcome.name}: {reason}")
    for line in table_of(outcomes):
        say(line)
    if not arguments.all and not arguments.only_lint:
        say("Left out on request: tests marked slow. ARGS=--all runs them too.")
    failed = not all(outcome.passed for outcome in outcomes) or (_IN_CI and bool(left_out))
    if failed and _IN_CI and (left_out or any(outcome.skipped for outcome in outcomes)):
        say("In CI nothing may be skipped.")
    return 1 if failed else 0


def table_of(outcomes: Sequence[Outcome]) -> list[str]:
    """What was counted, as a table for the README. A test that saw a violation failed and counts nothing."""
    total = sum((outcome.counts for outcome in outcomes), Counter[str]())
    if not total:
        return []
    rows = (f"| {name.removeprefix('faults: ')} | {value:,} |" for name, value in sorted(total.items()))
    return ["", "| counted in tests that passed (0 violations) | times |", "|---|---:|", *rows, ""]


def main() -> int:
    """Parse the switches, run, conclude; what is not known here goes to pytest."""
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("--all", action="store_true", help="the slow matrices too")
    parser.add_argument("--only-lint", action="store_true", help="no tests")
    parser.add_argument("--no-lint", action="store_true", help="tests only")
    parser.add_argument(
        "--only-faults", action="store_true", help="only what kills, flushes and hangs things"
    )
    parser.add_argument("--short", action="store_true", help="of the faults, not those that take minutes")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="all tests on this one only")
    arguments, rest = parser.parse_known_args()
    if arguments.only_faults:
        arguments.all = True
    outcomes = [] if arguments.no_lint or arguments.only_faults else lint()
    left_out: list[str] = []
    if not arguments.only_lint:
        tested, left_out = tests(arguments, rest)
        outcomes += tested
    return conclude(outcomes, left_out, arguments)


if __name__ == "__main__":
    sys.exit(main())
