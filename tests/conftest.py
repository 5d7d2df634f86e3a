"""What every test may ask for: real parts as fixtures, and the switches of the suite.

`--all` adds the tests marked slow and `--long` those that take minutes. In a run on both databases, the
second has `--needs-database`, which keeps only those that meet the database of the suite, and the first
leaves (`--then-postgresql`) what is marked row_locks to it. `HX_TEST_DATABASE=postgresql pytest …` runs the
same tests on PostgreSQL with Redis (tests/settings.py starts them). Tests may run in any order:
`--random-order-bucket=global --random-order-seed=7` draws one.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest
import pytest_timeout

from tests import forking as forking  # knows every database connection from the first on
from tests import services
from tests.run import COUNTED
from tests.stack import KINDS, Stack

# A busy machine draws examples slowly, and that says nothing about the code.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

# Marker, and the switch without which its tests are left out.
LATER = (("slow", "all"), ("long", "long"))

# Seconds that a test may take with its fixtures, by marker: several times what the longest of its kind takes
# on two cores. Whoever takes longer hangs: the stacks of all threads are shown, the process ends, and
# pytest-xdist names the test. In a thread, since a signal does not reach who waits in C (for a lock, say).
_PATIENCE = {"long": 3_600, "slow": 1_200}
_PLAIN_PATIENCE = 300
ENDING_PATIENCE = 180  # for taking down what a test stood on

_PLACE = pytest.StashKey[int]()  # of a test in the order of the command line
_PLACES = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also run the tests marked slow")
    parser.addoption("--long", action="store_true", help="also run the tests marked long")
    parser.addoption("--chaos-seed", default="1", help="draws the blows of the chaos run")
    parser.addoption(
        "--then-postgresql", action="store_true", help="leave tests marked row_locks to the run that follows"
    )
    parser.addoption(
        "--needs-database", action="store_true", help="only tests that meet the suite's database"
    )
    parser.addoption("--only-browser", action="store_true", help="only tests that drive a browser")
    parser.addoption("--without-browser", action="store_true", help="no test that drives a browser")
    parser.addoption("--as-given", action="store_true", help="in the order in which they are named")


class _SayAtOnce:
    """Shows a failure when it happens: a run of an hour may be cut before its summary."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.section(f"{report.nodeid} failed at {report.when}", "-")
            self._terminal.write_line(report.longreprtext)
            for title, content in report.sections:
                self._terminal.write_line(f"{title}:\n{content[-_LAST_WORDS:]}")


_LAST_WORDS = 4_000  # characters of what a failed test printed


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_SayAtOnce(terminal))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep whole stacks on one worker: two at once starve two cores. Said here, since pytest-xdist reads the
    groups before the hook that follows is asked.
    """
    if {"new_stack", "running_stack"} & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.xdist_group("stack"))
    item.stash[_PLACE] = next(_PLACES)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the switches say, and put the rest into an order that ends soonest."""
    keep: list[pytest.Item] = []
    leave: list[pytest.Item] = []
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        slow = any(
            item.get_closest_marker(name) and not config.getoption(f"--{switch}") for name, switch in LATER
        )
        elsewhere = config.getoption("--needs-database") and not _meets_the_database(item, names)
        later = config.getoption("--then-postgresql") and item.get_closest_marker("row_locks")
        other = config.getoption("--without-browser" if _in_browser(item) else "--only-browser")
        (leave if slow or elsewhere or later or other else keep).append(item)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_patience_with(item)))
    if leave:
        config.hook.pytest_deselected(items=leave)
    as_given = config.getoption("--as-given")  # pytest-django has sorted them already
    items[:] = sorted(keep, key=(lambda item: item.stash[_PLACE]) if as_given else _turn)


def _in_browser(item: pytest.Item) -> bool:
    return "playwright" in getattr(item, "fixturenames", ())


def _patience_with(item: pytest.Item) -> int:
    return next(
        (seconds for name, seconds in _PATIENCE.items() if item.get_closest_marker(name)), _PLAIN_PATIENCE
    )


def _turn(item: pytest.Item) -> int:
    """Whole stacks, which one worker goes through alone and which wait more than they work; then what leaves
    the database as it was, then what takes long, so that no worker is left alone with it. At the end what
    drives a browser: from the first of them on, an event loop runs in this thread.
    """
    if _in_browser(item):
        return 3
    if item.get_closest_marker("xdist_group"):
        return -1
    marker = item.get_closest_marker("django_db")
    clears = marker is not None and bool(marker.kwargs.get("transaction"))
    if not clears and not {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ())):
        return 0
    return 2 if item.get_closest_marker("slow") is None else 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Wind the clock of the time-out again. pytest-timeout stops it at a failure, for people with a debugger,
    and what hangs after a failure is the ending: a TRUNCATE that waits for the locks of a killed child.
    """
    hook = item.config.hook
    hook.pytest_timeout_cancel_timer(item=item)
    settings = pytest_timeout.Settings(ENDING_PATIENCE, "thread", False, False)
    hook.pytest_timeout_set_timer(item=item, settings=settings)
    yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How often something was killed, and where, over the whole run: what the README quotes."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in getattr(report, "user_properties", ()):
            if report.when == "call" and str(name).startswith(COUNTED):
                counts[name] += int(value)
    for name, value in sorted(counts.items()):
        terminalreporter.write_line(f"{name.removeprefix('faults: ')}: {value}, 0 violations")


def _meets_the_database(item: pytest.Item, fixtures: set[str]) -> bool:
    """Say whether another database may give another result; a stack brings its own."""
    if fixtures & {"new_stack", "running_stack"}:
        return False
    if item.get_closest_marker("browser") and ("look" in fixtures or item.get_closest_marker("slow")):
        return False  # how a page looks, and the long ways there; that it answers is asked without a browser
    return item.get_closest_marker("django_db") is not None or bool(fixtures & {"db", "transactional_db"})


def lacking(missing: services.Missing) -> NoReturn:
    """Skip a test for want of a system part; in CI nothing is skipped, so fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"this machine lacks {missing}")
    pytest.skip(f"this machine lacks {missing}")


@pytest.fixture(scope="session")
def durable_postgresql() -> Iterator[services.PostgreSQL]:
    """One cluster per run that really syncs; take a database of your own with `new_database`."""
    try:
        cluster = services.PostgreSQL(durable=True)
    except services.Missing as missing:
        lacking(missing)
    yield cluster
    cluster.remove()


@pytest.fixture
def redis_server() -> Iterator[services.Redis]:
    """A Redis of this test's own, to flush, kill or hang."""
    try:
        server = services.Redis()
    except services.Missing as missing:
        lacking(missing)
    yield server
    server.heal()
    server.kill()


@pytest.fixture
def new_receiver(tmp_path: Path) -> Iterator[Callable[..., services.Receiver]]:
    """A factory of receiving endpoints: `new_receiver()` or `new_receiver(secret="whsec_…")`."""
    started: list[services.Receiver] = []

    def start(*, secret: str = "") -> services.Receiver:
        receiver = services.Receiver(tmp_path / f"receiver-{len(started)}", secret=secret)
        started.append(receiver)
        return receiver

    yield start
    for receiver in started:
        receiver.stop()


@pytest.fixture
def receiver(new_receiver: Callable[..., services.Receiver]) -> services.Receiver:
    """One receiving endpoint of a member, as a process on loopback."""
    return new_receiver()


@pytest.fixture
def new_stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Stack]]:
    """A factory of whole exchanges: `new_stack("embedded")` or `new_stack("production")`, already started."""
    started: list[Stack] = []
    in_groups = getattr(request.config.option, "loadgroup", False)
    assert not in_groups or request.node.nodeid.endswith("@stack"), "two stacks at once starve two cores"

    def start(kind: str, **env: str) -> Stack:
        var = tmp_path / f"stack-{len(started)}"
        if kind == "embedded":
            stack = Stack(var, env=env)
        else:
            cluster: services.PostgreSQL = request.getfixturevalue("durable_postgresql")
            url = cluster.new_database()
            redis: services.Redis = request.getfixturevalue("redis_server")
            stack = Stack(var, database_url=url, redis=redis, postgresql=cluster, env=env)
        started.append(stack)
        stack.start()
        return stack

    yield start
    for stack in started:
        if stack.redis is not None:
            stack.redis.heal()
        stack.stop()


@pytest.fixture(params=KINDS)
def running_stack(request: pytest.FixtureRequest, new_stack: Callable[..., Stack]) -> Stack:
    """A whole running exchange, the test being run once embedded and once on PostgreSQL with Redis."""
    return new_stack(request.param)
