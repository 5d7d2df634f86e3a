"""`push.urgent`: an urgent release to a thousand members while 100,000 routine notices are due and half of
all endpoints hang: seconds from publication until the last healthy one of the thousand has its notice.

A worker of the routine lane is at its hundred thousand, in a process of its own as in production, before the
urgent release is published. Figures are taken once it has filled its window.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.push_world import (
    HANGING,
    HEALTHY,
    Worker,
    cpu_used,
    deliver,
    following,
    machine_load,
    new_members,
    own_exchange,
    serving,
)

URGENT, ROUTINE = 1_000, 100_000
_UNDER_WAY_SECONDS = 5.0


def _half(number: int) -> str:
    return HANGING if number % 2 else HEALTHY


def run(folder: Path, urgent: int = URGENT, routine: int = ROUTINE) -> Iterator[dict[str, object]]:
    from django.db import connection
    from django.utils import timezone

    from exchange.push.models import Attempt
    from tests import cast
    from tests.exchange.world import new_list, publish

    with serving(folder, urgent + routine) as servers:
        emergency = new_list(cast.harbor(), f"Urgent {uuid.uuid4()}")
        usual = new_list(cast.harbor(), f"Routine {uuid.uuid4()}")
        told = following(emergency, new_members(urgent), _half, port=servers.port)
        following(usual, new_members(routine), _half, port=servers.port, first=urgent)
        deliver("urgent")  # imports; nothing is due
        publish(usual, now=timezone.now())
        # As `exchange.stack` starts it: whatever is routine gives way to what is urgent.
        worker = Worker("routine", nice=5)
        worker.wake()
        time.sleep(_UNDER_WAY_SECONDS)
        publish(emergency, urgent=True, now=timezone.now())
        began, cpu = time.monotonic(), cpu_used()
        deliver("urgent")
        cpu = cpu_used() - cpu
        connection.close()
        routine_cpu = worker.stop()
        arrived = servers.close()
    healthy = [address for address, behaviour in told.items() if behaviour == HEALTHY]
    if missing := [address for address in healthy if address not in arrived.first]:
        raise RuntimeError(f"{len(missing)} of {len(healthy)} healthy endpoints were never told.")
    others = sum(address not in told for address in arrived.first)
    yield {
        "name": "push.urgent", "n": urgent, "unit": "s to last healthy",
        "value": round(max(arrived.first[address] for address in healthy) - began, 2),
        "routine_due": routine, "routine_told_meanwhile": others, "cpu_s": round(cpu, 2),
        "routine_cpu_s": round(routine_cpu, 2), "members_cpu_s": round(arrived.cpu, 2),
        "attempts": Attempt.objects.filter(urgent=True).count(), "load": machine_load(),
        "peer": None, "peer_value": None, "ratio": None,
    }  # fmt: skip


def main(arguments: list[str]) -> None:
    """`python -m tests.benchmarks.push_urgent [urgent routine]`."""
    with own_exchange() as folder:
        for line in run(folder, *(int(n) for n in arguments)):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
