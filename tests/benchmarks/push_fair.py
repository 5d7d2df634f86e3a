"""`push.fair`: what one organisation with 10,000 hanging endpoints costs the others.

A thousand members with a healthy endpoint each are told of a release, once undisturbed and once while the
worker is busy with the ten thousand: the 95th percentile of their seconds, and the ratio. The peer is the
undisturbed run.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.push_world import (
    HANGING,
    HEALTHY,
    Worker,
    following,
    machine_load,
    new_members,
    own_exchange,
    serving,
)

OTHERS, GREEDY = 1_000, 10_000
_UNDER_WAY_SECONDS = 5.0
_LONGEST = 120.0


@dataclass(frozen=True, slots=True)
class _Told:
    p95: float
    last: float


def run(folder: Path, others: int = OTHERS, greedy: int = GREEDY) -> Iterator[dict[str, object]]:
    _measured(folder, 40, 0)  # the first run of all pays for imports and a cold database
    alone = _measured(folder, others, 0)
    beside = _measured(folder, others, greedy)
    yield {
        "name": "push.fair", "n": others, "value": round(beside.p95, 2), "unit": "s (p95 of the others)",
        "last_s": round(beside.last, 2), "hanging": greedy, "load": machine_load(), "peer": "undisturbed",
        "peer_value": round(alone.p95, 2), "ratio": round(beside.p95 / alone.p95, 2),
    }  # fmt: skip


def _measured(folder: Path, n: int, greedy: int) -> _Told:
    from django.utils import timezone

    from exchange.sharing.models import EndpointCursor, Notified
    from tests import cast
    from tests.exchange.world import new_list, publish

    with serving(folder, n + greedy) as servers:
        theirs, ours = (new_list(cast.harbor(), f"Bench {uuid.uuid4()}") for _ in range(2))
        following(theirs, new_members(1) * greedy, lambda _: HANGING, port=servers.port, first=n)
        addresses = following(ours, new_members(n), lambda _: HEALTHY, port=servers.port)
        worker = Worker("routine")
        publish(theirs, now=timezone.now())
        worker.wake()
        time.sleep(_UNDER_WAY_SECONDS if greedy else 1.0)
        publish(ours, now=timezone.now())
        began = time.monotonic()
        worker.wake()
        while (
            Notified.objects.filter(hash_list=ours).count() < n and time.monotonic() - began < _LONGEST
        ):  # fmt: skip
            time.sleep(0.25)
        worker.stop()
        arrived = servers.close()
    EndpointCursor.objects.filter(hash_list__in=[theirs, ours]).delete()
    seconds = sorted(arrived.first[address] - began for address in addresses if address in arrived.first)
    if len(seconds) < n:
        raise RuntimeError(f"{n - len(seconds)} of {n} endpoints were not told in {_LONGEST:g} s.")
    return _Told(p95=seconds[int(0.95 * (n - 1))], last=seconds[-1])


def main(arguments: list[str]) -> None:
    """`python -m tests.benchmarks.push_fair [others hanging]`."""
    with own_exchange() as folder:
        for line in run(folder, *(int(n) for n in arguments)):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
