"""`ingest.csv`: from the stored upload to the committed release, in CPU seconds and peak memory.

The file has a SHA-256 and a classification on each line. Validation, approval, building, a hosted key's
signature and publication are the real verbs on a real database and blob store; receiving the upload is not
counted. Each size runs in a process of its own, so that its peak memory is its own. Peers, on PostgreSQL,
load the same rows into a table with an index over list and hash: Django's `bulk_create`, and COPY (its
server's CPU counted). They stop at a table: no gate, no comparison, no files, no root, no signature.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

SIZES: Final = (1_000_000, 10_000_000)
BULK_CREATE_ROWS: Final = 100_000  # measured with so many and scaled up: it takes a minute per million
_LABELS: Final = ("A1", "A2", "B1", "B2")


def run(sizes: tuple[int, ...] = SIZES, *, peers: bool = True) -> Iterator[dict[str, object]]:
    """One line per size and peer, and one with the peak memory."""
    with tempfile.TemporaryDirectory() as name:
        for n in sizes:
            file = Path(name) / f"{n}.csv"
            write_csv(file, n)
            ours = _in_own_process("ours", file)
            line = {"name": "ingest.csv", "n": n, "value": ours["cpu"], "unit": "s CPU"}
            line |= {"validate_s": ours["validate"], "wall_s": ours["wall"], "peak_mb": ours["peak_mb"]}
            for peer in ("bulk_create", "COPY") if peers else (None,):
                theirs = _in_own_process(peer, file)["cpu"] if peer else None
                ratio = round(theirs / ours["cpu"], 1) if theirs else None
                yield line | {"peer": peer, "peer_value": theirs, "ratio": ratio}
            yield {"name": "ingest.csv.memory", "n": n, "value": ours["peak_mb"], "unit": "MB at the peak"}
            file.unlink()


def write_csv(path: Path, n: int) -> None:
    """`n` lines that are the same at every run."""
    with path.open("w") as file:
        file.write("sha256,classification\n")
        for number in range(n):
            digest = hashlib.sha256(b"entry %d" % number).hexdigest()
            file.write(f"{digest},{_LABELS[number & 3]}\n")


def _in_own_process(what: str, file: Path) -> dict[str, float]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment.pop("HX_TEST_VAR", None)
    environment["HX_TEST_DATABASE"] = "sqlite" if what == "ours" else "postgresql"
    told = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.ingest", what, str(file)],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    return dict(json.loads(told.splitlines()[-1]))


def _ours(file: Path) -> dict[str, float]:
    from hashsets.intake.receive import receive_submission
    from hashsets.intake.validate import validate_submission
    from hashsets.releases.build import build_draft
    from hashsets.releases.publish import publish_draft
    from tests.hashsets.releases.world import NOW, harbor_world

    world = harbor_world(scheme="ncmec")
    with file.open("rb") as upload:
        submission = receive_submission(
            world.hash_list,
            upload,
            mode="add",
            urgent=False,
            note="",
            actor=world.crew.contributor.actor,
            now=NOW,
        )
    world.release(f"sha256\n{hashlib.sha256(b'warm').hexdigest()}\n")  # imports are not what is measured
    started, clock = _cpu(), time.perf_counter()
    assert validate_submission(submission.id, now=NOW)
    validated = _cpu()
    draft = build_draft(world.approve(submission).id, now=NOW)
    assert draft is not None
    release = publish_draft(world.sign(draft).id, now=NOW)
    spent, wall = _cpu() - started, time.perf_counter() - clock
    assert release is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "cpu": round(spent, 2),
        "validate": round(validated - started, 2),
        "wall": round(wall, 2),
        "peak_mb": round(peak),
    }


def _bulk_create(file: Path) -> dict[str, float]:
    from django.db import connection, models

    class Entry(models.Model):  # noqa: DJ008 - never shown
        hash_list = models.CharField(max_length=26)
        hash = models.BinaryField()
        classification = models.PositiveSmallIntegerField()

        class Meta:
            app_label = "benchmarks"
            indexes = (models.Index(fields=["hash_list", "hash"], name="entry_by_hash"),)

    with connection.schema_editor() as editor:
        editor.create_model(Entry)
    before = _cpu() + server_cpu()
    rows = 0
    batch: list[Entry] = []
    with file.open() as lines:
        next(lines)
        for line in lines:
            digest, label = line.rstrip().split(",")
            batch.append(
                Entry(hash_list="b" * 26, hash=bytes.fromhex(digest), classification=_LABELS.index(label))
            )
            rows += 1
            if len(batch) == 1_000 or rows == BULK_CREATE_ROWS:
                Entry._default_manager.bulk_create(batch)
                batch = []
            if rows == BULK_CREATE_ROWS:
                break
        Entry._default_manager.bulk_create(batch)
    spent = _cpu() + server_cpu() - before
    return {"cpu": round(spent * (_lines_of(file) / rows), 2)}


def _copy(file: Path) -> dict[str, float]:
    from django.db import connection

    before = _cpu() + server_cpu()
    with connection.cursor() as cursor, file.open() as lines:
        cursor.execute("CREATE TABLE incoming (hash text, label text)")
        cursor.execute("CREATE TABLE entry (hash_list text, hash bytea, classification smallint)")
        cursor.execute("CREATE INDEX ON entry (hash_list, hash)")
        database: Any = cursor
        database.copy_expert("COPY incoming FROM STDIN WITH (FORMAT csv, HEADER)", lines)
        cursor.execute(
            "INSERT INTO entry SELECT %s, decode(hash, 'hex'), array_position(%s, label) FROM incoming",
            ["b" * 26, list(_LABELS)],
        )
    return {"cpu": round(_cpu() + server_cpu() - before, 2)}


def _lines_of(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines) - 1


def server_cpu() -> float:
    """CPU of this connection's server process."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(int(tick) for tick in ticks) / os.sysconf("SC_CLK_TCK")


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _child(what: str, file: Path) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, stdout=io.StringIO())
    measure = {"ours": _ours, "bulk_create": _bulk_create, "COPY": _copy}[what]
    print(json.dumps(measure(file)))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _child(sys.argv[1], Path(sys.argv[2]))
    else:
        for measured in run(tuple(int(size) for size in sys.argv[1:]) or SIZES):
            print(json.dumps(measured), flush=True)
