"""`push.fanout`: seconds from publication until the last healthy endpoint has its notice, over TLS.

Of the endpoints, each with a loopback address of its own, 90 % answer after 5 ms, 5 % hang until the time-out
and 5 % answer 500. Members' servers are one other process; database, rows, signatures, TLS, HTTP and results
are the real ones, every connection is a fresh one. The peer in the same run is one task per delivery: 50
threads, each of which reads, signs, posts and writes for one endpoint.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.push_world import (
    FAILING,
    HANGING,
    HEALTHY,
    cpu_used,
    deliver,
    following,
    machine_load,
    new_members,
    own_exchange,
    serving,
)

if TYPE_CHECKING:
    from exchange.sharing.models import Endpoint

SIZES = (1_000, 10_000)
PEER_SIZES = (1_000,)
PEER_THREADS = 50
PEER_TRIES = 20


def run(
    folder: Path, sizes: tuple[int, ...] = SIZES, *, peers: tuple[int, ...] = PEER_SIZES
) -> Iterator[dict[str, object]]:
    """One line per size, after a warm-up."""
    _measured(folder, 40, lambda: deliver("routine"))  # imports and prepared statements are not measured
    for n in sizes:
        ours = _measured(folder, n, lambda: deliver("routine"))
        line: dict[str, object] = {
            "name": "push.fanout",
            "n": n,
            "value": round(ours.last_healthy, 2),
            "unit": "s to last healthy",
            "cpu_s": round(ours.cpu, 2),
            "members_cpu_s": round(ours.members_cpu, 2),
            "written_s": round(ours.written, 2),
            "attempts": ours.attempts,
            "load": machine_load(),
            "peer": None,
            "peer_value": None,
            "ratio": None,
        }
        if n in peers:
            peer = _measured(folder, n, _one_task_per_delivery)
            line |= {
                "peer": f"one task per delivery, {PEER_THREADS} threads",
                "peer_value": round(peer.last_healthy, 2),
                "peer_cpu_s": round(peer.cpu, 2),
                "ratio": round(peer.last_healthy / ours.last_healthy, 1),
            }
        yield line


@dataclass(frozen=True, slots=True)
class _Measured:
    last_healthy: float
    written: float
    cpu: float
    members_cpu: float
    attempts: int


def _behaviour(number: int) -> str:
    return {0: HANGING, 1: FAILING}.get(number % 20, HEALTHY)


def _measured(folder: Path, n: int, act: Callable[[], object]) -> _Measured:
    from django.utils import timezone

    from exchange.push.models import Attempt
    from exchange.sharing.models import EndpointCursor, Notified
    from tests import cast
    from tests.exchange.world import new_list, publish

    with serving(folder, n) as servers:
        hash_list = new_list(cast.harbor(), f"Bench {uuid.uuid4()}")
        addresses = following(hash_list, new_members(n), _behaviour, port=servers.port)
        healthy = {address for address, behaviour in addresses.items() if behaviour == HEALTHY}
        publish(hash_list, now=timezone.now())
        cpu, began, published = cpu_used(), time.monotonic(), timezone.now()
        act()
        cpu = cpu_used() - cpu
        arrived = servers.close()
    attempts = Attempt.objects.filter(releases__has_key=hash_list.id).count()
    written = [
        (at - published).total_seconds()
        for at in Notified.objects.filter(hash_list=hash_list).values_list("notified_at", flat=True)
    ]
    # What this size still owes must not be in the way of the next.
    EndpointCursor.objects.filter(hash_list=hash_list).delete()
    if missing := healthy - set(arrived.first):
        raise RuntimeError(f"{len(missing)} of {len(healthy)} healthy endpoints were never told.")
    last = max(arrived.first[address] for address in healthy) - began
    return _Measured(
        last_healthy=last,
        written=max(written, default=0.0),
        cpu=cpu,
        members_cpu=arrived.cpu,
        attempts=attempts,
    )


def _one_task_per_delivery() -> None:
    """The naive design, favourably: no broker, no retries, one TLS context for all."""
    from exchange.sharing.models import EndpointCursor

    context = ssl.create_default_context()
    owed = list(EndpointCursor.objects.owed().select_related("endpoint"))
    with ThreadPoolExecutor(PEER_THREADS) as threads:
        list(threads.map(lambda cursor: _one_task(cursor.endpoint, context), owed))


def _one_task(endpoint: Endpoint, context: ssl.SSLContext) -> None:
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
    status, outcome = _posted(endpoint, headers, notice.body, context), Outcome.REFUSED
    if status is None:
        outcome = Outcome.TIMEOUT
    elif 200 <= status < 300:
        outcome = Outcome.DELIVERED
    tried = Tried(endpoint, notice, Answer(outcome, status=status), now)
    # SQLite gives up on some of 50 writers at once; a task would be retried, so this one is.
    for _ in range(PEER_TRIES):
        with contextlib.suppress(OperationalError):
            settle([tried], lane=Lane.ROUTINE, now=timezone.now(), draw=no_jitter)
            break
    connection.close()


def _posted(endpoint: Endpoint, headers: dict[str, str], body: bytes, context: ssl.SSLContext) -> int | None:
    address, _, port = endpoint.host.rpartition(":")
    client = http.client.HTTPSConnection(address, int(port), timeout=10, context=context)
    try:
        client.request("POST", "/" + endpoint.url.split("/", 3)[3], body, headers)
        return client.getresponse().status
    except OSError:
        return None
    finally:
        client.close()


def main(arguments: list[str]) -> None:
    """`python -m tests.benchmarks.push [n …]`."""
    with own_exchange() as folder:
        for line in run(folder, tuple(int(n) for n in arguments) or SIZES):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
