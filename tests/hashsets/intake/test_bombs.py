"""Small files that unfold to large ones are refused before they are unpacked, in little memory: measured in a
process of its own.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MOST_MEMORY = 300 << 20
MOST_ROWS = 2_500_000  # of the three million that one of them holds: refused before its end
ROOT = Path(__file__).resolve().parents[3]

# What validation does with an upload before it compares it with the list.
READ = r"""
import json, re, sys, time
from pathlib import Path
from accounts.errors import Refusal
from hashsets.intake.readers.header import Bare
from hashsets.intake.readers.opening import open_reader
begun, code, rows = time.process_time(), "", 0
try:
    with open(sys.argv[1], "rb", buffering=0) as file:
        for batch in open_reader(file, Bare(("sha256", "md5")), scratch=Path(sys.argv[2])).batches():
            rows += batch.rows
except Refusal as refusal:
    code = refusal.code
# Of this program alone: what getrusage says begins with the memory of the process that started it.
peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"code": code, "seconds": time.process_time() - begun, "peak": peak, "rows": rows}))
"""


def parquet(column: Any, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"md5": column}), sink, **options)
    return sink.getvalue()


def one_long_text_in_a_million_rows() -> bytes:
    """13 KB a row from a file of 60 KB: 13 GB as text."""
    indices = pa.array([0], pa.int32()).take(pa.array([0] * 1_000_000, pa.int32()))
    return parquet(pa.DictionaryArray.from_arrays(indices, pa.array(["a" * 13_000])))


def packed(piece: bytes, times: int, *, first: bytes = b"") -> bytes:
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1) as file:
        file.write(first)
        for _ in range(times):
            file.write(piece)
    return sink.getvalue()


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "gzip of blank lines": (lambda: packed(b"\n" * (1 << 20), 300, first=b"md5\n"), "gzip.ratio"),
    "gzip of one line": (lambda: packed(b"a" * (1 << 20), 300), "csv.line_too_long"),
    "gzip of one hash": (lambda: packed(b"ab" * 16 + b"\n", 3_000_000, first=b"md5\n"), "gzip.ratio"),
    "a dictionary in Parquet": (one_long_text_in_a_million_rows, "parquet.cell_too_long"),
    "a page in Parquet": (
        lambda: parquet(["a" * (1 << 20)] * 400, compression="zstd", use_dictionary=False),
        "parquet.too_large",
    ),
    "JSON of empty arrays": (lambda: b'{"rows":[' + b"[[],[]," * 550_000, "json.malformed"),
    "JSON of arrays in arrays": (lambda: b'{"rows":[' + b"[" * 4_000_000, "json.malformed"),
    "JSON without end": (lambda: b"[" + b"1," * 4_000_000, "json.too_large"),
}


@pytest.mark.parametrize(("bomb", "code"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked_and_in_little_memory(
    bomb: Callable[[], bytes], code: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(bomb())
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(done.stdout)
    assert found["code"] == code
    record_property("seconds of CPU", found["seconds"])
    record_property("rows read", found["rows"])
    assert found["rows"] < MOST_ROWS
    assert found["peak"] < MOST_MEMORY
