"""`push.fanout`: seconds from publication until the last healthy endpoint has its notice.

Of the endpoints, each with an address of its own, 90 % answer after 5 ms, 5 % hang until the time-out and
5 % answer 500. Members' servers are one other process; database, rows, signatures, HTTP and results are the
real ones. The peer in the same run is one task per delivery: 50 threads, each of which reads, signs, posts
and writes for one endpoint.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exchange.sharing.models import Endpoint
    from hashsets.lists.models import HashList

SIZES = (1_000, 10_000)
PEER_SIZES = (1_000,)
PEER_THREADS = 50
_SECRET = b"b" * 32


def run(
    sizes: tuple[int, ...] = SIZES, *, peers: tuple[int, ...] = PEER_SIZES
) -> Iterator[dict[str, object]]:
    """One line per size, after a warm-up. Needs Django on a migrated database of its own: see `main`."""
    _measured(20, _deliver)  # imports and prepared statements are not what is measured
    for n in sizes:
        ours = _measured(n, _deliver)
        line: dict[str, object] = {
            "name": "push.fanout", "n": n, "value": round(ours.last_healthy, 2), "unit": "s to last healthy",
            "cpu_s": round(ours.cpu, 2), "written_s": round(ours.written, 2), "attempts": ours.attempts,
            "peer": None, "peer_value": None, "ratio": None,
        }  # fmt: skip
        if n in peers:
            peer = _measured(n, _one_task_per_delivery)
            line |= {
                "peer": f"one task per delivery, {PEER_THREADS} threads",
                "peer_value": round(peer.last_healthy, 2),
                "peer_cpu_s": round(peer.cpu, 2),
                "ratio": round(peer.last_healthy / ours.last_healthy, 1),
            }
        yield line


class _Measured:
    def __init__(self, *, last_healthy: float, written: float, cpu: float, attempts: int) -> None:
        self.last_healthy, self.written, self.cpu, self.attempts = last_healthy, written, cpu, attempts


class _Servers:
    """The members' servers as a process; `close` returns when each address last got something."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.exchange.push.receivers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def close(self) -> dict[str, float]:
        told, _ = self._process.communicate()
        return dict(json.loads(told))


def _measured(n: int, deliver: Callable[[], object]) -> _Measured:
    from django.utils import timezone

    from exchange.push.models import Attempt
    from exchange.sharing.models import Notified
    from tests.exchange.world import publish

    servers = _Servers()
    hash_list, healthy = _world(n, servers.port)
    before = resource.getrusage(resource.RUSAGE_SELF)
    publish(hash_list, now=timezone.now())
    began, published = time.monotonic(), timezone.now()
    deliver()
    after = resource.getrusage(resource.RUSAGE_SELF)
    arrived = servers.close()
    attempts = Attempt.objects.filter(releases__has_key=hash_list.id).count()
    written = [
        (at - published).total_seconds()
        for at in Notified.objects.filter(hash_list=hash_list).values_list("notified_at", flat=True)
    ]
    late = [host for host in healthy if host not in arrived]
    if late:
        raise RuntimeError(f"{len(late)} of {len(healthy)} healthy endpoints were never told.")
    return _Measured(
        last_healthy=max(arrived[host] for host in healthy) - began,
        written=max(written, default=0.0),
        cpu=(after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime),
        attempts=attempts,
    )


def _world(n: int, port: int) -> tuple[HashList, set[str]]:
    """A list with `n` members that follow it, one endpoint each; returns the hosts of the healthy ones."""
    from accounts.identity.models import Organisation
    from exchange.sharing import secrets
    from exchange.sharing.models import Endpoint, EndpointCursor, Subscription
    from tests import cast
    from tests.cast import NOW
    from tests.exchange.world import new_list

    hash_list = new_list(cast.harbor(), f"Bench {uuid.uuid4()}")
    members, endpoints, healthy = [], [], set()
    for number in range(n):
        member = Organisation(
            name=f"Member {uuid.uuid4()}", kind="company", jurisdiction="US", status="active", created_at=NOW
        )
        behaviour = {0: "hang", 1: "status/500"}.get(number % 20, "delay/0.005")
        host = f"127.{1 + number // 62_500}.{1 + number // 250 % 250}.{1 + number % 250}:{port}"
        if behaviour.startswith("delay"):
            healthy.add(host)
        key = uuid.uuid4()
        members.append(member)
        endpoints.append(
            Endpoint(
                id=key, organisation=member, url=f"http://{host}/{behaviour}", host=host, state="active",
                sealed_secret=secrets.sealed_secret(_SECRET, endpoint_id=key), created_at=NOW,
                verified_at=NOW, due_at=NOW,
            )
        )  # fmt: skip
    Organisation.objects.bulk_create(members, batch_size=500)
    Endpoint.objects.bulk_create(endpoints, batch_size=500)
    Subscription.objects.bulk_create(
        [Subscription(organisation=one, hash_list=hash_list, created_at=NOW) for one in members],
        batch_size=500,
    )
    EndpointCursor.objects.bulk_create(
        [EndpointCursor(endpoint=one, hash_list=hash_list) for one in endpoints], batch_size=500
    )
    return hash_list, healthy


def _deliver() -> None:
    from exchange.push.deliver import deliver_due
    from tests.exchange.world import SIGNER

    deliver_due(lane="routine", signer=SIGNER)


def _one_task_per_delivery() -> None:
    """The naive design, favourably: no broker, and no retries."""
    from exchange.sharing.models import EndpointCursor

    owed = list(EndpointCursor.objects.owed().select_related("endpoint"))
    with ThreadPoolExecutor(PEER_THREADS) as threads:
        list(threads.map(_one_task, [cursor.endpoint for cursor in owed]))


def _one_task(endpoint: Endpoint) -> None:
    from django.db import OperationalError, connection
    from django.utils import timezone

    from exchange.push.fan_out import notices_for
    from exchange.push.schedule import Lane, Outcome
    from exchange.push.settle import Tried, settle
    from exchange.push.signature import signed_headers
    from exchange.push.transport import Answer
    from exchange.sharing.secrets import valid_secrets
    from tests.exchange.world import SIGNER, no_jitter

    now = timezone.now()
    notice = notices_for([endpoint])[endpoint.id]
    headers = signed_headers(
        notice.id, int(now.timestamp()), notice.body, secrets=valid_secrets(endpoint, now=now), signer=SIGNER
    )
    status, outcome = _posted(endpoint, headers, notice.body), Outcome.REFUSED
    if status is None:
        outcome = Outcome.TIMEOUT
    elif 200 <= status < 300:
        outcome = Outcome.DELIVERED
    tried = Tried(endpoint, notice, Answer(outcome, status=status), now)
    # SQLite gives up on some of 50 writers at once; a task would be retried, so this one is.
    while True:
        with contextlib.suppress(OperationalError):
            settle([tried], lane=Lane.ROUTINE, now=timezone.now(), draw=no_jitter)
            break
    connection.close()


def _posted(endpoint: Endpoint, headers: dict[str, str], body: bytes) -> int | None:
    address, _, port = endpoint.host.rpartition(":")
    client = http.client.HTTPConnection(address, int(port), timeout=10)
    try:
        client.request("POST", "/" + endpoint.url.split("/", 3)[3], body, headers)
        return client.getresponse().status
    except OSError:
        return None
    finally:
        client.close()


def main(arguments: list[str]) -> None:
    """`python -m tests.benchmarks.push [n …]`, on a SQLite file of its own or on DATABASE_URL."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({"HX_DEMO": "1", "HX_VAR": folder, "HX_LOG_LEVEL": "ERROR"})
        os.environ["DJANGO_SETTINGS_MODULE"] = "exchange.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, skip_checks=True)
        for line in run(tuple(int(n) for n in arguments) or SIZES):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
