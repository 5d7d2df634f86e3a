"""`hashx init`: whom to trust, decided once and by a person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from exchange.client import api
from exchange.client.commands.run import HomeOption, JsonOption, Run
from exchange.client.fetch import Session
from exchange.client.lean import load_tuf
from exchange.client.refusals import Usage


def init(
    url: Annotated[str, typer.Option("--url", help="The exchange's address, https://…")] = "",
    key: Annotated[
        str,
        typer.Option("--key", help="Your API key; '-' reads it from stdin. [HASHX_KEY]", envvar="HASHX_KEY"),
    ] = "",
    fingerprint: Annotated[
        str,
        typer.Option("--fingerprint", help="SHA-256 of the directory's 1.root.json, told by another way."),
    ] = "",
    root: Annotated[
        Path | None,
        typer.Option("--root", help="The directory's 1.root.json itself, instead of its fingerprint."),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Get to know an exchange: pin its root, keep your key, check both."""
    load_tuf()
    from exchange.client.trust import Directory, fetch_directory_root
    from hashsets.core.anchor import fingerprint as fingerprint_of
    from hashsets.core.anchor import is_demo

    run = Run.of(home, as_json)
    url = url or _asked(run, "--url", "Address of the exchange")
    if key == "-":
        key = sys.stdin.readline().strip()
    key = key or _asked(run, "--key", "API key", hidden=True)
    if not fingerprint and root is None:
        fingerprint = _asked(
            run,
            "--fingerprint",
            "Fingerprint of its root (from your agreement or the operator, not this connection)",
        )
    with Session(url, key) as session:
        pinned = fetch_directory_root(session, fingerprint or None, root.read_bytes() if root else None)
        Directory(session, run.home.folder / "directory", pinned).newest_root()
        member = api.who_am_i(session)
        run.home.settle(url=url, key=key, root=pinned, mirror=member.mirror)
    demo = is_demo(pinned)
    run.output.document(
        {
            "url": session.url,
            "organisation": member.organisation,
            "permissions": list(member.permissions),
            "fingerprint": fingerprint_of(pinned),
            "demo": demo,
            "mirror": member.mirror,
            "home": str(run.home.folder),
        }
    )
    run.output.say(f"{session.url} knows you as {member.organisation}. Its root is pinned.")
    if member.mirror:
        run.output.say("It is a mirror: lists sync from it, but confirmations go to the exchange alone.")
    if demo:
        run.output.warn(
            "This is a demonstration: its officers' keys protect nothing. Do not rely on its lists."
        )
    run.output.say("Next: hashx lists")


def _asked(run: Run, option: str, question: str, *, hidden: bool = False) -> str:
    """Ask a person, or refuse: a script must say what it means."""
    if not run.interactive:
        raise Usage(f"{option} is missing.", code="usage.missing", field=option)
    answer: str = typer.prompt(question, hide_input=hidden, err=True)
    return answer.strip()
