"""The gate itself: a failure, an empty run and, in CI, a skip are never reported as success."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests import run

_SOURCES = {
    "counts": (
        "def test_a(record_property):\n    record_property('crash points: push', 7)\n"
        "def test_b(record_property):\n    record_property('crash points: push', 5)\n    assert False\n"
    ),
    "passes": "def test_a():\n    assert True\n",
    "fails": "def test_a():\n    assert False\n\ndef test_b():\n    assert True\n",
    "skips": "import pytest\ndef test_a():\n    assert True\ndef test_b():\n    pytest.skip('no Redis')\n",
    "empty": "",
}


@pytest.fixture
def outcome_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> run.Outcome:
    """Run pytest, apart from this project's configuration, on one of the sources above."""
    name, in_ci = request.param
    monkeypatch.setattr(run, "_IN_CI", in_ci)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(_SOURCES[name])
    switches = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:django",
        "-c",
        str(tmp_path / "pytest.ini"),
        str(tmp_path),
    ]
    return run.run_pytest(name, switches, {})


@pytest.mark.parametrize(
    ("outcome_of", "passed", "numbers"),
    [
        (("passes", True), True, "1 passed, 0 failed, 0 skipped"),
        (("fails", False), False, "1 passed, 1 failed, 0 skipped"),
        (("skips", False), True, "1 passed, 0 failed, 1 skipped"),
        (("skips", True), False, "1 passed, 0 failed, 1 skipped"),
        (("empty", False), False, "no test was found"),
    ],
    indirect=["outcome_of"],
)
def test_a_run_is_judged_by_what_it_ran(outcome_of: run.Outcome, passed: bool, numbers: str) -> None:
    assert (outcome_of.passed, outcome_of.numbers) == (passed, numbers)


# What each kind of a run (without a browser, then with one) found, whether the suite was asked for whole, and
# whether it may pass.
@pytest.mark.parametrize(
    ("without", "with_one", "whole", "passed"),
    [
        ("9 passed", "4 passed", True, True),
        ("9 passed", run.NOTHING_FOUND, True, False),
        (run.NOTHING_FOUND, "4 passed", True, False),
        ("9 passed", run.NOTHING_FOUND, False, True),
        (run.NOTHING_FOUND, "4 passed", False, True),
        (run.NOTHING_FOUND, run.NOTHING_FOUND, False, False),
        ("9 passed", "1 failed", False, False),
    ],
)
def test_of_a_whole_suite_both_kinds_are_found_and_of_a_part_one(
    monkeypatch: pytest.MonkeyPatch, without: str, with_one: str, whole: bool, passed: bool
) -> None:
    numbers = {"--without-browser": without, "--only-browser": with_one}

    def ran(name: str, arguments: Sequence[str], env: Mapping[str, str]) -> run.Outcome:
        (kind,) = (one for one in arguments if one in numbers)
        assert env == {"HX_TEST_DATABASE": "sqlite"}
        return run.Outcome(name, numbers[kind].endswith("passed"), 1.0, numbers[kind])

    monkeypatch.setattr(run, "run_pytest", ran)
    outcomes = run.on_database("SQLite", "sqlite", [], whole=whole)
    assert all(outcome.passed for outcome in outcomes) is passed
    assert outcomes


def test_every_test_is_of_one_kind(request: pytest.FixtureRequest) -> None:
    """The two runs together are the suite: what one leaves out the other has, and nothing twice."""

    def collected(*switches: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", *switches, "tests/exchange/web/account"],
            cwd=request.config.rootpath,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return {line for line in done.stdout.splitlines() if "::" in line}

    without, with_one = collected("--without-browser"), collected("--only-browser")
    assert without | with_one == collected()
    assert without.isdisjoint(with_one)
    assert {line.partition("::")[0] for line in with_one} == {"tests/exchange/web/account/test_browser.py"}


@pytest.mark.parametrize("outcome_of", [("counts", False)], indirect=True)
def test_only_passed_tests_count_in_the_table(outcome_of: run.Outcome) -> None:
    assert run.table_of([outcome_of])[-2] == "| crash points: push | 7 |"
    assert run.table_of([]) == []


def test_what_could_not_run_is_said_and_fails_only_in_ci(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    switches = argparse.Namespace(all=True, only_lint=False)
    fine = [run.Outcome("tests on SQLite, embedded", True, 1.0, "9 passed, 0 failed, 0 skipped")]
    monkeypatch.setattr(run, "_IN_CI", False)
    assert run.conclude(fine, ["every test on PostgreSQL"], switches) == 0
    assert "NOT RUN every test on PostgreSQL" in capsys.readouterr().out
    monkeypatch.setattr(run, "_IN_CI", True)
    assert run.conclude(fine, ["every test on PostgreSQL"], switches) == 1
    assert run.conclude(fine, [], switches) == 0
