"""`hashx lists` and `hashx subscribe`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from exchange.client import api
from exchange.client.commands.exporting import policy_from
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
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            help="The trust policy for it: a JSON file, or the JSON itself; {} for none. Of a list that you "
            "subscribe to already, it is changed.",
        ),
    ] = "",
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Subscribe to a list: your endpoints are told of its releases, and `hashx sync` fetches it."""
    run = Run.of(home, as_json)
    wanted = policy_from(policy) if policy else None
    with run.session() as session:
        subscription = api.subscribe(session, list_)
        if wanted is not None:
            subscription = api.set_policy(session, subscription.id, wanted)
        found = api.one_list(session, list_)
    run.output.document({"list": asdict(found), "policy": subscription.policy.document()})
    run.output.say(f"Subscribed to {found.title} ({found.publisher}). Next: hashx sync --into DIR")
