"""The world of the push benchmarks: members' servers and workers as processes, endpoints as rows.

As a module it is a worker of its own, `python -m tests.benchmarks.push_world LANE`: each line on its standard
input is a wake-up, as a Celery message is one, and at the end of its input it stops wherever it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.members import address_of

if TYPE_CHECKING:
    from accounts.identity.models import Organisation
    from hashsets.lists.models import HashList

SECRET = b"b" * 32
HEALTHY, HANGING, FAILING = "delay/0.005", "hang", "status/500"


@dataclass(frozen=True, slots=True)
class Arrived:
    """When each address first got something (monotonic seconds), and what serving it cost."""

    first: dict[str, float]
    cpu: float


class Servers:
    """The members' servers as a process; `close` returns what arrived."""

    def __init__(self, folder: Path, n: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.members", str(folder), str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.authority = folder / "ca.pem"
        self._arrived: Arrived | None = None

    def close(self) -> Arrived:
        if self._arrived is None:
            told, _ = self._process.communicate()
            arrived = json.loads(told)
            self._arrived = Arrived(arrived["first"], arrived["cpu_s"])
        return self._arrived


class Worker:
    """A worker of one lane as a process."""

    def __init__(self, lane: str, *, nice: int = 0) -> None:
        self._process = subprocess.Popen(
            ["nice", "-n", str(nice), sys.executable, "-m", "tests.benchmarks.push_world", lane],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it is ready

    def wake(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("wake\n")
        self._process.stdin.flush()

    def stop(self) -> float:
        """Returns the CPU seconds that it used."""
        told, _ = self._process.communicate()
        return float(told)


@contextlib.contextmanager
def own_exchange() -> Iterator[Path]:
    """Django on a SQLite file of its own or on DATABASE_URL, migrated; yields a folder to use."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({"HX_DEMO": "1", "HX_VAR": folder, "HX_LOG_LEVEL": "ERROR"})
        os.environ["DJANGO_SETTINGS_MODULE"] = "exchange.settings"
        import django
        from django.core.management import call_command

        django.setup()
        _be_a_worker()
        call_command("migrate", verbosity=0, skip_checks=True)
        yield Path(folder)


@contextlib.contextmanager
def serving(folder: Path, n: int) -> Iterator[Servers]:
    """Members' servers, whose authority this process and its children trust."""
    servers = Servers(folder, n)
    os.environ["SSL_CERT_FILE"] = str(servers.authority)
    try:
        yield servers
    finally:
        servers.close()


def new_members(n: int) -> list[Organisation]:
    from accounts.identity.models import Organisation
    from tests.cast import NOW

    members = [
        Organisation(
            name=f"Member {uuid.uuid4()}", kind="company", jurisdiction="US", status="active", created_at=NOW
        )
        for _ in range(n)
    ]
    return Organisation.objects.bulk_create(members, batch_size=500)


def following(
    hash_list: HashList, members: Sequence[Organisation], behaviours: Callable[[int], str], *, port: int,
    first: int = 0,
) -> dict[str, str]:  # fmt: skip
    """An endpoint of each of `members` that follows `hash_list`; returns address -> behaviour.

    A member that is named several times has several endpoints. Addresses are numbered from `first`.
    """
    from exchange.sharing import secrets
    from exchange.sharing.models import Endpoint, EndpointCursor, Subscription
    from tests.cast import NOW

    made, addresses = [], dict[str, str]()
    for number, member in enumerate(members):
        key, address, behaviour = uuid.uuid4(), address_of(first + number), behaviours(number)
        addresses[address] = behaviour
        made.append(
            Endpoint(
                id=key, organisation=member, url=f"https://{address}:{port}/{behaviour}",
                host=f"{address}:{port}", state="active", created_at=NOW, verified_at=NOW, due_at=NOW,
                sealed_secret=secrets.sealed_secret(SECRET, endpoint_id=key),
            )
        )  # fmt: skip
    Endpoint.objects.bulk_create(made, batch_size=500)
    followers = {member.id: member for member in members}.values()
    Subscription.objects.bulk_create(
        [Subscription(organisation=one, hash_list=hash_list, created_at=NOW) for one in followers],
        batch_size=500,
    )
    EndpointCursor.objects.bulk_create(
        [EndpointCursor(endpoint=one, hash_list=hash_list) for one in made], batch_size=500
    )
    return addresses


def cpu_used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def machine_load() -> float:
    """The machine's load of the last minute: beside other work, seconds on the wall say little."""
    return round(os.getloadavg()[0], 1)


def deliver(lane: str) -> None:
    from exchange.push.deliver import deliver_due
    from tests.exchange.world import SIGNER

    deliver_due(lane=lane, signer=SIGNER)


def _be_a_worker() -> None:
    """What a Celery worker does to its process when it starts."""
    from exchange.worker import collect_seldom

    collect_seldom()


def main() -> None:
    """Be a worker; see the module's first lines."""
    import django

    django.setup()
    _be_a_worker()
    print("ready", flush=True)
    began = cpu_used()
    for _ in sys.stdin:
        threading.Thread(target=deliver, args=(sys.argv[1],), daemon=True).start()
    print(cpu_used() - began, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
