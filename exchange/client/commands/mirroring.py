"""`hashx mirror`: keep a verified copy up to date, and serve it on."""

from __future__ import annotations

import secrets
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from accounts.errors import Refusal
from exchange.client import api
from exchange.client.addresses import is_loopback
from exchange.client.commands.run import HomeOption, JsonOption, Run, clock
from exchange.client.commands.syncing import ListsArgument
from exchange.client.durable import write_durably
from exchange.client.fetch import Session
from exchange.client.lean import load_tuf
from exchange.client.output import refusal_document, size_of
from exchange.client.refusals import Ended, Usage, exit_for

OWNER_ONLY = 0o600
TICK = 0.5  # seconds until a request to end is noticed, at most


def mirror(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the copy is kept.")],
    lists: ListsArgument = None,
    port: Annotated[int, typer.Option("--port", help="The port to serve on.", min=0, max=65535)] = 8080,
    host: Annotated[str, typer.Option("--host", help="The address to serve on.")] = "127.0.0.1",
    every: Annotated[float, typer.Option("--every", help="Seconds between updates.", min=1)] = 60.0,
    once: Annotated[bool, typer.Option("--once", help="Update the copy and end; serve nothing.")] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Serve the copy as it is, in a network without a way out: carry DIR there."
        ),
    ] = False,
    open_: Annotated[
        bool, typer.Option("--open", help="Serve to everybody who can reach it, without a key.")
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Serve a verified copy of your lists on: stock TUF clients and `hashx` sync from it as from the
    exchange.

    It speaks plain HTTP: put a proxy with TLS before it where it leaves this machine. Readers need the key
    in DIR/reader-key. Without updates the copy stops being believed when its timestamps expire.
    """
    load_tuf()
    run = Run.of(home, as_json)
    if once and offline:
        raise Usage("--once updates and --offline does not.", code="usage.contradiction", field="--once")
    if once:
        refused = _update(run, folder, lists or [])
        if refused is not None:
            raise Ended(exit_for(refused))
        return
    _serve(run, folder, None if offline else (lists or []), host, port, every, open_)


def _serve(
    run: Run, folder: Path, lists: list[str] | None, host: str, port: int, every: float, open_: bool
) -> None:
    from exchange.client.serve import MirrorServer

    # No Event: its lock may be held by the very wait that the signal interrupts.
    asked: list[int] = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, _: asked.append(number))
    key = None if open_ else _reader_key(folder)
    server = MirrorServer(folder, host, port, key=key)
    server.start()
    try:
        _tell(
            run, "serving", {"url": f"http://{host}:{server.port}", "reader_key": str(folder / "reader-key")}
        )
        if not is_loopback(f"http://{host}"):
            run.output.warn("Beyond this machine hashx speaks https only: put a proxy with TLS before it.")
        while not asked:
            if lists is not None:
                _update(run, folder, lists)
            due = time.monotonic() + every
            while not asked and time.monotonic() < due:
                time.sleep(min(TICK, every))
    finally:
        server.stop()
    _tell(run, "stopped", {})


def _update(run: Run, folder: Path, lists: list[str]) -> Refusal | OSError | None:
    """Everything once; what is refused is told, and what was served before stays. The first refusal."""
    try:
        with run.session() as session:
            return _update_from(run, session, folder, lists)
    except (Refusal, OSError) as refusal:
        _refused(run, refusal, None)
        return refusal


def _update_from(run: Run, session: Session, folder: Path, lists: list[str]) -> Refusal | OSError | None:
    from exchange.client.mirror import mirror_directory, mirror_list, note_answers

    directory = run.home.directory(session)
    mirror_directory(session, folder, directory, run.home.folder / "directory")
    listed = api.all_lists(session)
    wanted = [one for one in listed if (one.id in lists if lists else one.subscribed)]
    stopped: Refusal | OSError | None = None
    for list_id in lists or [one.id for one in wanted]:
        try:
            done = mirror_list(session, folder, list_id, directory, watch=run.output.watch())
        except (Refusal, OSError) as refusal:
            stopped = stopped or refusal
            _refused(run, refusal, list_id)
            continue
        facts = {"list_id": list_id, "release": done.release, "downloaded": done.downloaded}
        run.output.event({"event": "mirrored", "at": clock().isoformat(), **facts})
        if done.downloaded:
            run.output.say(f"{list_id}: release {done.release}, {size_of(done.downloaded)} fetched.")
    followed = [one for one in api.subscriptions(session) if any(one.list_id == two.id for two in wanted)]
    note_answers(folder, wanted, followed)
    return stopped


def _reader_key(folder: Path) -> str:
    """What readers of the mirror show; made at the first start."""
    path = folder / "reader-key"
    if not path.exists():
        write_durably(path, f"hxm_{secrets.token_urlsafe(32)}\n".encode(), mode=OWNER_ONLY)
    return path.read_text(encoding="ascii").strip()


def _refused(run: Run, refusal: Refusal | OSError, list_id: str | None) -> None:
    document = refusal_document(refusal)
    run.output.event({"event": "refused", "at": clock().isoformat(), "list_id": list_id, "error": document})
    run.output.warn(f"{list_id or 'mirror'}: {document['message']} (exit {document['exit']})")


def _tell(run: Run, event: str, facts: dict[str, str]) -> None:
    run.output.event({"event": event, "at": clock().isoformat(), **facts})
    run.output.say(f"{clock():%H:%M:%S}  {event}  {'  '.join(facts.values())}")
