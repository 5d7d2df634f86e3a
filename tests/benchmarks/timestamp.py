"""`web.timestamp`: how often in a second one web process answers a member that looks at `timestamp.json`.

The process is gunicorn with the configuration that is deployed and the exchange's own settings; a member's
key reads a list for members over kept connections from another process. Polling is most of what the web does,
so this figure decides how many web processes there are (deploy/capacity.md).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.benchmarks.push_world import machine_load, own_exchange

SECONDS = 10.0
CLIENTS = 8
_ROOT = Path(__file__).resolve().parents[2]
_WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class _Served:
    requests: int
    seconds: float
    p95_ms: float
    cpu: float


def run(folder: Path, seconds: float = SECONDS) -> Iterator[dict[str, object]]:
    path, key = _published()
    with _web_process() as (port, pid):
        _asked(port, path, key, _WARM_UP)
        before = _cpu_of_child(pid)
        requests, took, waits = _asked(port, path, key, seconds)
        cpu = _cpu_of_child(pid) - before
    served = _Served(requests, took, sorted(waits)[int(0.95 * (len(waits) - 1))] * 1_000, cpu)
    yield {
        "name": "web.timestamp", "n": served.requests, "unit": "requests/s of one process",
        "value": round(served.requests / served.seconds, 1),
        "cpu_ms_per_request": round(1_000 * served.cpu / served.requests, 3),
        "per_cpu_second": round(served.requests / served.cpu, 1), "p95_ms": round(served.p95_ms, 1),
        "clients": CLIENTS, "load": machine_load(), "peer": None, "peer_value": None, "ratio": None,
    }  # fmt: skip


def _published() -> tuple[str, str]:
    """The address of a list's timestamp, signed as ever, and the key of a member that may read it."""
    from django.utils import timezone

    from accounts.credentials.issue import issue_credential
    from accounts.identity.roles import Permission
    from exchange.sharing.subscribe import subscribe
    from hashsets.lists.models import Audience, HashList
    from tests import cast
    from tests.exchange.web.stage import release_one
    from tests.hashsets.releases.world import harbor_world

    now = timezone.now()
    world = harbor_world(now=now)
    release_one(world)
    HashList.objects.filter(id=world.hash_list.id).update(audience=Audience.MEMBERS)
    member = cast.lumen(now=now)
    subscribe(world.hash_list.id, actor=member.integrator.actor, now=now)
    key = issue_credential(
        member.organisation, name="bench", scopes=(Permission.LIST_VIEW,), mode="live",
        expires_at=now + timedelta(days=1), actor=member.integrator.actor, now=now,
    ).key  # fmt: skip
    return f"/tuf/{world.hash_list.id}/metadata/timestamp.json", key


@contextlib.contextmanager
def _web_process() -> Iterator[tuple[int, int]]:
    """Gunicorn with one worker; yields its port and the pid of its master."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    gunicorn = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "exchange.wsgi"],
        cwd=_ROOT,
        env={**os.environ, "HX_WEB_PROCESSES": "1", "HX_BIND": f"127.0.0.1:{port}"},
    )
    try:
        _wait_for(port, gunicorn)
        yield port, gunicorn.pid
    finally:
        gunicorn.send_signal(signal.SIGTERM)
        gunicorn.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            client.request("GET", "/healthz")
            if client.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("The web process did not start.")


def _asked(port: int, path: str, key: str, seconds: float) -> tuple[int, float, list[float]]:
    """Ask from a process of its own, so that its CPU is not taken for the server's."""
    asked = json.dumps({"port": port, "path": path, "key": key, "seconds": seconds})
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.timestamp", "--ask"],
        input=asked, stdout=subprocess.PIPE, text=True, check=True, cwd=_ROOT,
    )  # fmt: skip
    waits = [float(one) for one in json.loads(done.stdout)["waits"]]
    return len(waits), seconds, waits


def _ask(port: int, path: str, key: str, seconds: float) -> list[float]:
    waits: list[float] = []
    until = time.monotonic() + seconds

    def one_client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while (began := time.monotonic()) < until:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200 or b'"timestamp"' not in body:
                raise RuntimeError(f"The web process answered {answer.status}.")
            waits.append(time.monotonic() - began)

    with ThreadPoolExecutor(CLIENTS) as clients:
        for client in [clients.submit(one_client) for _ in range(CLIENTS)]:
            client.result()
    return waits


def _cpu_of_child(pid: int) -> float:
    """CPU seconds so far of gunicorn's only worker, from /proc."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: list[str]) -> None:
    """`python -m tests.benchmarks.timestamp [seconds]`."""
    if arguments == ["--ask"]:
        asked = json.loads(sys.stdin.read())
        print(json.dumps({"waits": _ask(**asked)}))
        return
    with own_exchange() as folder:
        for line in run(folder, *(float(one) for one in arguments)):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
