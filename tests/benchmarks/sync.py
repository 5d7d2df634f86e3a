"""`sync.full` and `sync.delta`: what a member pays for a list of SHA-256 hashes, from process start to
confirmation.

The real `hashx` runs as a process of its own against a loopback server in another; its CPU and peak memory
are those that the system reports for it at its end. Peers fetch and parse the same entries from pages of
1,000: as a JSON feed, and as XML with the elements that NCMEC's feed has for an entry. They only collect what
they parsed: no signature, no root, no store.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from tests.exchange.client.exchange_server import KEY, ExchangeServer
from tests.exchange.client.publisher import Directory, Officers, Publisher, hashes, operations, rows

SIZE: Final = 1_000_000
CHANGES: Final = 10_000
PAGE: Final = 1_000
PEER_SIZE: Final = (
    100_000  # peers grow in proportion to the entries; the rest of the million would only take time
)
# The system counts the forking parent's memory as the child's peak, so the child says its own.
PEAK: Final = """
import atexit, os, re
def peak():
    with open("/proc/self/status") as status, open(os.environ["HX_BENCH_PEAK"], "w") as out:
        out.write(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
atexit.register(peak)
"""
HASHX: Final = PEAK + "from exchange.client.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    cpu: float
    wall: float
    peak_mb: float
    out: str


def run(*, size: int = SIZE, changes: int = CHANGES) -> Iterator[dict[str, Any]]:
    """Rows of the benchmark table."""
    with tempfile.TemporaryDirectory(prefix="hx-bench-") as folder:
        base = Path(folder)
        served = base / "served"
        served.mkdir()
        officers = Officers()
        directory = Directory(served, officers)
        publisher = Publisher(served, officers, base / "work")
        codes = np.random.default_rng(7).integers(1, 5, size).astype(np.uint8)
        raw = hashes(size, seed=1)
        publisher.release({"sha256": operations(rows(raw, 1, classification=codes))})
        server, url = _serve(served)
        try:
            yield from _rows(base, url, directory, publisher, raw, changes)
        finally:
            server.terminate()
            server.join()


def _rows(
    base: Path, url: str, directory: Directory, publisher: Publisher, raw: Any, changes: int
) -> Iterator[dict[str, Any]]:
    size = len(raw)
    home, into = base / "home", base / "into"
    pinned = hashlib.sha256(directory.root).hexdigest()
    _hashx("init", "--url", url, "--key", KEY, "--fingerprint", pinned, home=home)
    sync = ("sync", publisher.list_id, "--into", str(into))
    _hashx("sync", publisher.list_id, "--into", str(base / "warm"), home=home)  # compiles every module
    full = _hashx(*sync, home=home)
    third, step = changes // 3, max(2, 3 * size // changes)  # spread over the whole list
    publisher.release(
        {
            "sha256": operations(
                rows(hashes(changes - 2 * third, seed=2), 2),
                rows(raw[: third * step : step], 2, classification=9),
                raw[1 : 1 + third * step : step],
            )
        }
    )
    delta = _hashx(*sync, home=home)
    idle = _hashx(*sync, home=home)
    for name, cost, n in (
        ("sync.full", full, size),
        ("sync.delta", delta, changes),
        ("sync.nothing_new", idle, size),
    ):
        said = json.loads(cost.out)["lists"][0]
        yield _row(name, n, cost.cpu, "CPU s")
        yield _row(f"{name}.wall", n, cost.wall, "s")
        yield _row(f"{name}.bytes", n, said["downloaded"], "B")
        yield _row(f"{name}.peak", n, cost.peak_mb, "MB")
    for kind in ("json", "xml"):
        peer = _python(_PEER, kind, _feed_url(url, kind), str(PEER_SIZE // PAGE))
        scaled = peer.cpu * size / PEER_SIZE
        yield _row("sync.full", size, full.cpu, "CPU s", f"{kind} feed pages", scaled)


def _row(
    name: str, n: int, value: float, unit: str, peer: str | None = None, peer_value: float | None = None
) -> dict[str, Any]:
    ratio = None if peer_value is None else round(peer_value / value, 2)
    shown = None if peer_value is None else round(peer_value, 3)
    said = {"name": name, "n": n, "value": round(value, 3), "unit": unit}
    return {**said, "peer": peer, "peer_value": shown, "ratio": ratio}


def _hashx(*arguments: str, home: Path) -> Cost:
    return _python(HASHX, *arguments, "--json", HASHX_HOME=str(home))


def _python(code: str, *arguments: str, **environment: str) -> Cost:
    """Run a process to its end and ask the system what it took."""
    with tempfile.NamedTemporaryFile() as peak:
        # As pip installs it: byte-compiled, whatever the environment of this run says.
        compiled = {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "hx-bench-pycache")}
        usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return _measured(
            code, arguments, {**usual, **compiled, **environment, "HX_BENCH_PEAK": peak.name}, peak
        )


def _measured(code: str, arguments: Sequence[str], environment: Mapping[str, str], peak: IO[bytes]) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        raise RuntimeError(f"{arguments[:1]} ended with {process.returncode}: {out}")
    return Cost(used.ru_utime + used.ru_stime, wall, int(peak.read() or 0) / 1024, out)


def _serve(served: Path) -> tuple[Any, str]:
    """A server process, so that its CPU is not counted."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_server, args=(served, theirs), daemon=True)
    process.start()
    return process, ours.recv()


def _server(served: Path, pipe: Connection) -> None:
    server = ExchangeServer(served)
    feeds = served / "tuf" / "feeds"  # under an address that the server hands out as files
    feeds.mkdir(parents=True)
    for kind, page in (("json", _json_page()), ("xml", _xml_page())):
        (feeds / f"{kind}").write_bytes(page)
    server.start()
    pipe.send(server.url)
    time.sleep(3600)


def _feed_url(url: str, kind: str) -> str:
    return f"{url}/tuf/feeds/{kind}"


def _entries() -> list[tuple[int, str]]:
    return [(number, raw.tobytes().hex()) for number, raw in enumerate(hashes(PAGE, seed=5))]


def _json_page() -> bytes:
    items = [
        {"op": "add", "type": "sha256", "hash": text, "classification": "A1", "release": 1, "item": number}
        for number, text in _entries()
    ]
    return json.dumps({"items": items, "next": "1"}).encode()


def _xml_page() -> bytes:
    entries = "".join(
        f'<image><member id="42">Example</member><timestamp>2026-01-31T12:00:00Z</timestamp><id>{number}</id>'
        f"<classification>A1</classification><fingerprints><sha256>{text}</sha256></fingerprints></image>"
        for number, text in _entries()
    )
    head = '<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><images count="1000">'
    return f"{head}{entries}</images></queryResult>".encode()


_PEER: Final = """
import json, sys
import xml.etree.ElementTree as tree
import httpx
kind, url, pages = sys.argv[1], sys.argv[2], int(sys.argv[3])
names = "{https://hashsharing.ncmec.org/hashsharing/v2}"
found = []
with httpx.Client(trust_env=False) as client:
    for _ in range(pages):
        content = client.get(url).content
        if kind == "json":
            items = json.loads(content)["items"]
            found += [(bytes.fromhex(one["hash"]), one["classification"]) for one in items]
        else:
            for image in tree.fromstring(content).iter(names + "image"):
                text = image.findtext(f"{names}fingerprints/{names}sha256")
                found.append((bytes.fromhex(text), image.findtext(names + "classification")))
print(len(found))
"""


if __name__ == "__main__":
    for row in run(size=int(sys.argv[1]) if len(sys.argv) > 1 else SIZE):
        print(json.dumps(row), flush=True)
