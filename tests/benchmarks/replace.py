"""`ingest.replace`: a full list sent again with 10,000 changes, from stored upload to the draft's files.

The peer loads the same rows into a staging table on PostgreSQL and finds the differences with SQL; it stops
there, without files, roots or signatures. Each side runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.ingest import write_csv

SIZES: Final = (1_000_000, 10_000_000)
CHANGES: Final = 10_000


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """One line per size."""
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder) / "before.csv", Path(folder) / "after.csv"
            write_csv(before, n)
            _change(before, after, n)
            ours = _in_own_process("ours", before, after)
            peer = _in_own_process("sql", before, after)
        yield {
            "name": "ingest.replace",
            "n": n,
            "value": ours["cpu"],
            "unit": "s CPU",
            "peak_mb": ours["peak_mb"],
            "operations": ours["operations"],
            "peer": "staging table and SQL",
            "peer_value": peer["cpu"],
            "ratio": round(peer["cpu"] / ours["cpu"], 1),
        }


def _change(before: Path, after: Path, n: int) -> None:
    """Every n/10,000th line gets another class, so that nothing is added or removed but much is compared."""
    step = max(1, n // CHANGES)
    with before.open() as old, after.open("w") as new:
        new.write(next(old))
        for number, line in enumerate(old):
            new.write(line[:-3] + "A2\n" if number % step == 0 and not line.endswith("A2\n") else line)


def _in_own_process(what: str, *files: Path) -> dict[str, float]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment.pop("HX_TEST_VAR", None)
    environment["HX_TEST_DATABASE"] = "sqlite" if what == "ours" else "postgresql"
    told = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.replace", what, *map(str, files)],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    return dict(json.loads(told.splitlines()[-1]))


def _ours(before: Path, after: Path) -> dict[str, float]:
    from hashsets.intake.receive import receive_submission
    from hashsets.intake.validate import validate_submission
    from hashsets.releases.build import build_draft
    from tests.hashsets.releases.world import NOW, harbor_world

    world = harbor_world(scheme="ncmec")
    world.release(before.read_text(), mode="add")
    with after.open("rb") as upload:
        submission = receive_submission(
            world.fresh(),
            upload,
            mode="replace",
            urgent=False,
            note="",
            actor=world.crew.contributor.actor,
            now=NOW,
        )
    started = _cpu()
    assert validate_submission(submission.id, now=NOW)
    draft = build_draft(world.approve(submission).id, now=NOW)
    spent = _cpu() - started
    assert draft is not None
    submission.refresh_from_db()
    return {
        "cpu": round(spent, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "operations": submission.adds + submission.updates + submission.removals,
    }


def _sql(before: Path, after: Path) -> dict[str, float]:
    from django.db import connection

    from tests.benchmarks.ingest import server_cpu

    with connection.cursor() as cursor:
        database: Any = cursor
        for table, file in (("held", before), ("incoming", after)):
            cursor.execute(f"CREATE TABLE {table} (hash text, label text)")
            if table == "held":
                _copy(database, table, file)
                cursor.execute("CREATE UNIQUE INDEX ON held (hash)")
                cursor.execute("ANALYZE held")
        started = _cpu() + server_cpu()
        _copy(database, "incoming", after)
        cursor.execute(
            "SELECT count(*) FROM held FULL JOIN incoming USING (hash) "
            "WHERE held.label IS DISTINCT FROM incoming.label"
        )
        return {"cpu": round(_cpu() + server_cpu() - started, 2)}


def _copy(cursor: Any, table: str, file: Path) -> None:
    with file.open() as lines:
        cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv, HEADER)", lines)


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _child(what: str, files: list[Path]) -> None:
    import io

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, stdout=io.StringIO())
    print(json.dumps(_ours(*files) if what == "ours" else _sql(*files)))


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].isdigit():
        _child(sys.argv[1], [Path(name) for name in sys.argv[2:]])
    else:
        for measured in run(tuple(int(size) for size in sys.argv[1:]) or SIZES):
            print(json.dumps(measured), flush=True)
