"""`make demo`: the whole exchange on one machine, with a sample world and a journey through it.

(1) bring the database up to date and make the sample world; (2) start web, workers and Lumen's machine under
the supervisor; (3) walk two releases through every station; (4) tell what there is to see, and run until
stopped, or with `once` end with the journey's result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
from django.core.management import call_command
from django.utils import timezone

from exchange import stack
from exchange.demo.corpus import write_releases
from exchange.demo.journey import Arrived, Journey, Step
from exchange.demo.member import settle
from exchange.demo.people import Machine, Phone, Unexpected
from exchange.demo.world import World, ensure_world
from exchange.supervise import Process, Supervisor
from hashsets.lists.models import HashList
from hashsets.trust.directory import root_fingerprint

NOTES: Final = ("First release of the sample list", "Some added, some dropped, some reviewed")
SMALL_DELTA: Final = 0.10  # release 2 must travel as less than a tenth of the snapshot

Write = Callable[[str], object]


def run_demo(*, var: Path, bind: str, member_port: int, once: bool, write: Write) -> bool:
    """Run it; returns whether the journey ended well. Blocks until stopped unless `once`."""
    started = time.monotonic()
    demo, base_url = var / "demo", f"http://{bind}"
    call_command("migrate", verbosity=0)
    world = ensure_world(demo / "world.json", now=timezone.now())
    fingerprint = str(root_fingerprint())
    write(f"  {time.monotonic() - started:6.2f} s  database and sample world\n")
    env = {"HX_VAR": str(var), "HX_PUBLIC_URL": base_url}
    member = _member(world, demo / "lumen", base_url, fingerprint, member_port)
    supervisor = Supervisor([*stack.processes(bind=bind, env=env), member], var=var)
    outcome: list[bool] = []

    def story() -> None:
        try:
            outcome.append(_story(world, demo, base_url, fingerprint, write))
            if not once and outcome == [True]:
                write(guide(world, base_url, fingerprint, member_port, demo))
        except (Unexpected, httpx.HTTPError) as error:
            outcome.append(False)
            write(f"\nThe journey stopped: {error}\nLogs are in {var / 'log'}.\n")
        finally:
            if once or outcome != [True]:
                supervisor.stop()

    threading.Thread(target=story, name="journey", daemon=True).start()
    supervisor.run()
    return outcome == [True]


def _member(world: World, home: Path, base_url: str, fingerprint: str, port: int) -> Process:
    machine = Machine(home)
    argv = (
        *(machine.argv()[0], "-m", "exchange.demo.member", "--home", str(home), "--url", base_url),
        *("--fingerprint", fingerprint, "--list", world.list_id, "--port", str(port)),
    )
    return Process("lumen", argv, {"HASHX_KEY": world.member_key})


def _story(world: World, demo: Path, base_url: str, fingerprint: str, write: Write) -> bool:
    """Both releases, or nothing when an earlier run has made them."""
    started = time.monotonic()
    publisher = Machine(demo / "harbor")
    files = demo / "release-1.csv", demo / "release-2.csv"
    if not files[1].exists():
        write_releases(*files)  # while the processes start
    # Harbor pins the exchange too; a publisher needs no subscription to submit.
    settle(publisher, base_url=base_url, key=world.publisher_key, fingerprint=fingerprint, list_id=None)
    held = HashList.objects.get(id=world.list_id).latest_release
    if held >= len(files):
        return True
    write(f"  {time.monotonic() - started:6.2f} s  exchange up; files of this Python hashed\n")
    arrived: list[Arrived] = []
    with Journey(base_url, world, publisher=publisher, tell=lambda step: _tell(step, write)) as journey:
        for number, (file, note) in enumerate(zip(files, NOTES, strict=True), start=1):
            if number > held:
                write(f"\nRelease {number}\n")
                arrived.append(journey.travel(file, release=number, note=note))
    write(summary(arrived[-1]))
    return arrived[-1].delta_share < SMALL_DELTA


def _tell(step: Step, write: Write) -> None:
    write(f"  {step.seconds:6.2f} s  {step.name:<30} {step.outcome}\n")


def summary(last: Arrived) -> str:
    """What the journey proved."""
    return (
        f"\nThe member's state root is the publisher's: {last.member_root[:12]}…, {last.entries:,} entries.\n"
        f"Release {last.number} travelled as a delta of {last.delta_bytes:,} bytes, "
        f"{last.delta_share:.1%} of the snapshot's {last.snapshot_bytes:,}.\n"
    )


def guide(world: World, base_url: str, fingerprint: str, member_port: int, demo: Path) -> str:
    """Sign-ins, addresses, credentials, and the next three things to try."""
    now = timezone.now()
    people = "".join(
        f"    {person.email:<24} {Phone(person.seed).shows(now)}  "
        f"{person.name}, {person.organisation} ({person.role})\n"
        for person in world.people
    )
    return f"""
Hash Exchange is running on {base_url}  (stop it with Ctrl-C; `make clean` forgets everything)

  Sign in with the password {world.password} and the code that the page shows in its demo box
  (those below were right at {now:%H:%M:%S} UTC; a new one comes every half minute)
{people}
  API                {base_url}/api/v1/docs/
  Root fingerprint   {fingerprint}
  Lumen's machine    listens on 127.0.0.1:{member_port}, keeps its lists in {demo / "lumen" / "lists"}
  Credentials        Harbor     {world.publisher_key}
                     Lumen      {world.member_key}
                     Pixelhaus  {world.pixelhaus_key}
  Letters            lie in {demo.parent / "mail"}, one file each: invitations and links are there
  An applicant       waits for Olive and Oscar at {base_url}/applications;
                     be the applicant at {base_url}/apply/resume with {world.applicant_code}

Three things to try
  1. Sign in as {world.people[2].email} and open the list: its submissions, its releases, who applied them.
  2. Be a second member:
       .venv/bin/hashx init --url {base_url} --fingerprint {fingerprint} \\
           --key {world.pixelhaus_key} --home var/demo/pixelhaus
       .venv/bin/hashx subscribe {world.list_id} --home var/demo/pixelhaus
       .venv/bin/hashx sync --into var/demo/pixelhaus/lists --home var/demo/pixelhaus
  3. Propose a change, then approve it as Hugo and sign it as Hope, and watch Lumen's root follow:
       printf 'sha256\\n%s\\n' $(date | sha256sum | cut -c1-64) > var/demo/one.csv
       .venv/bin/hashx submit {world.list_id} var/demo/one.csv --mode add --home var/demo/harbor
"""
