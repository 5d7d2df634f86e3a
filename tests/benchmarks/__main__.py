"""`make bench`: every benchmark as a process of its own, one JSON object per line on stdout.

`--only NAME…` runs some, `--large` adds the sizes that take minutes. Each benchmark measures its peer in the
same run, so that figures are compared on one machine at one time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Bench:
    """A module that prints lines, the names it prints, and its arguments for the usual and the large run."""

    module: str
    names: tuple[str, ...]
    usual: tuple[str, ...] = ()
    large: tuple[str, ...] = ()


BENCHES = (
    Bench("segment", ("segment.bytes_per_entry",), ("1000000",), ("1000000", "10000000")),
    Bench("ingest", ("ingest.csv",), ("1000000",), ("1000000", "10000000")),
    Bench("replace", ("ingest.replace",), ("1000000",), ("1000000", "10000000")),
    Bench("release", ("release.one_change",), ("100000", "1000000"), ("100000", "1000000", "10000000")),
    Bench("sync", ("sync.full", "sync.delta"), ("1000000",), ("1000000",)),
    Bench("pages", ("web.pages",)),
    Bench("timestamp", ("web.timestamp",)),
    Bench("push", ("push.fanout",), ("1000", "10000"), ("1000", "10000")),
    Bench("push_urgent", ("push.urgent",)),
    Bench("push_fair", ("push.fair",)),
)


def chosen(names: Sequence[str]) -> list[Bench]:
    """The benches that print any of `names`; all without names. Exits with a sentence on an unknown name."""
    known = {name for bench in BENCHES for name in bench.names}
    if unknown := sorted(set(names) - known):
        raise SystemExit(f"No benchmark is called {unknown[0]}. There are: {', '.join(sorted(known))}.")
    return [bench for bench in BENCHES if not names or set(names) & set(bench.names)]


def main() -> int:
    """Run the chosen benches; returns how many failed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these figures")
    parser.add_argument("--large", action="store_true", help="also the sizes that take minutes")
    asked = parser.parse_args()
    failed = 0
    for bench in chosen(asked.only):
        arguments = bench.large if asked.large else bench.usual
        with subprocess.Popen(
            [sys.executable, "-m", f"tests.benchmarks.{bench.module}", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if not asked.only or _name(line) in asked.only:
                    print(line, end="", flush=True)
        failed += process.returncode != 0
    return failed


def _name(line: str) -> str:
    try:
        return str(json.loads(line)["name"])
    except (ValueError, KeyError, TypeError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
