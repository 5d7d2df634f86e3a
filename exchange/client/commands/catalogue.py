"""`hashx lists` and `hashx subscribe`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from exchange.client import api
from exchange.client.commands.run import HomeOption, JsonOption, Run


def lists(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Show the lists that you may see."""
    run = Run.of(home, as_json)
    with run.session() as session:
        found = api.all_lists(session)
    run.output.document({"lists": [asdict(one) for one in found]})
    if not found:
        run.output.say("There is no list that you may see.")
        return
    run.output.table(
        ("ID", "TITLE", "PUBLISHER", "TLP", "TYPES", "RELEASE", "ENTRIES", "SUBSCRIBED"),
        [
            (
                one.id,
                one.title,
                f"{one.publisher} ({one.publisher_kind}, {one.jurisdiction})",
                one.tlp,
                " ".join(one.hash_types),
                str(one.latest_release or "–"),
                f"{one.entries:,}",
                "yes" if one.subscribed else "no",
            )
            for one in found
        ],
    )


def subscribe(
    list_: Annotated[str, typer.Argument(metavar="LIST", help="The list's id.")],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Subscribe to a list: your endpoints are told of its releases, and `hashx sync` fetches it."""
    run = Run.of(home, as_json)
    with run.session() as session:
        api.subscribe(session, list_)
        found = api.one_list(session, list_)
    run.output.document({"list": asdict(found)})
    run.output.say(f"Subscribed to {found.title} ({found.publisher}). Next: hashx sync --into DIR")
