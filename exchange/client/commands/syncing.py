"""`hashx sync`, `hashx verify` and `hashx confirm`: the member's copy, its proof, and the statement about
it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from accounts.errors import Refusal
from exchange.client import api
from exchange.client.commands.exporting import export_beside
from exchange.client.commands.run import HomeOption, IntoOption, JsonOption, Run, clock
from exchange.client.fetch import Session
from exchange.client.formats import Format
from exchange.client.lean import load_tuf
from exchange.client.output import refusal_document, size_of
from exchange.client.refusals import Ended, Forbidden, exit_for
from hashsets.core.policy import TrustPolicy

ListsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="LIST", help="Ids of lists; without any, all you subscribe to."),
]


def sync(
    into: IntoOption,
    lists: ListsArgument = None,
    format_: Annotated[
        Format,
        typer.Option("--format", help="Also write this beside the signed Parquet: DIR/<list>/exports/."),
    ] = Format.PARQUET,
    confirm: Annotated[bool, typer.Option(help="Tell the exchange what is in force here.")] = True,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Fetch, verify and apply the newest release of your lists."""
    run = Run.of(home, as_json)
    with run.session() as session:
        listed = [] if lists else [one for one in api.all_lists(session) if one.subscribed]
        wanted = lists or [one.id for one in listed]
        if not wanted:
            run.output.say("You subscribe to no list. Next: hashx lists, hashx subscribe LIST")
        documents, stopped = sync_each(
            run, session, into, wanted, confirm=confirm and not run.home.is_mirror, listed=listed
        )
    if format_ is not Format.PARQUET:
        unwritten = _export_each(run, into, documents, format_)
        stopped = stopped or unwritten
    run.output.document({"lists": documents})
    if stopped is not None:
        raise Ended(exit_for(stopped))


def _export_each(
    run: Run, into: Path, documents: list[dict[str, Any]], format_: Format
) -> Refusal | OSError | None:
    """Files beside every list that has a release in force here; also of those that could not be reached
    just now."""
    from exchange.client.store import ListStore

    stopped: Refusal | OSError | None = None
    for document in documents:
        try:
            document["exports"] = export_beside(run, ListStore(into, document["list_id"]), format_)
        except (Refusal, OSError) as refusal:
            stopped = stopped or refusal
            document["exports"] = []
            document.setdefault("error", refusal_document(refusal))
            run.output.warn(f"{document['list_id']}: {refusal_document(refusal)['message']}")
    return stopped


def sync_each(
    run: Run,
    session: Session,
    into: Path,
    wanted: list[str],
    *,
    confirm: bool = True,
    listed: Sequence[api.ListSummary] = (),
    brought: Mapping[str, bytes] | None = None,
) -> tuple[list[dict[str, Any]], Refusal | OSError | None]:
    """Every list in turn; one that is refused does not keep the others from being synced. The first
    refusal, if any. `listed`: what the catalogue has just said, so that it need not be asked again.
    `brought`: by list a file that came with a notice and may save a download."""
    # Imported late: pyarrow and numpy take longer to load than a whole `hashx lists`.
    load_tuf()
    from exchange.client.store import ListStore
    from exchange.client.sync import sync_list

    directory = run.home.directory(session)
    documents: list[dict[str, Any]] = []
    stopped: Refusal | OSError | None = None
    for list_id in wanted:
        began = time.monotonic()
        try:
            synced = sync_list(
                session,
                ListStore(into, list_id),
                directory,
                watch=run.output.watch(),
                now=clock(),
                confirm=confirm,
                brought=(brought or {}).get(list_id),
            )
        except (Refusal, OSError) as refusal:
            stopped = stopped or refusal
            documents.append({"list_id": list_id, "error": refusal_document(refusal)})
            run.output.warn(
                f"{list_id}: {refusal_document(refusal)['message']} (exit {int(exit_for(refusal))})"
            )
            if isinstance(refusal, Refusal) and refusal.advice:
                run.output.warn(f"  {refusal.advice}")
            continue
        documents.append(_synced_document(synced, time.monotonic() - began))
        _say_synced(run, synced, time.monotonic() - began)
        stopped = stopped or synced.trouble
    try:
        _learn_standings(run, session, into, documents, {one.id: one for one in listed})
    except Refusal as refusal:
        stopped = stopped or refusal
        run.output.warn(f"Publishers and trust policies could not be learned: {refusal.message}")
    return documents, stopped


def _learn_standings(
    run: Run,
    session: Session,
    into: Path,
    documents: list[dict[str, Any]],
    listed: Mapping[str, api.ListSummary],
) -> None:
    """Keep with every list in force who publishes it and what the member's policy is: an export needs
    both, and may be made where there is no network."""
    from exchange.client.standing import Publisher, Standing, keep_standing, standing_of
    from exchange.client.store import ListStore

    applied = [document for document in documents if document.get("release") is not None]
    if not applied:
        return
    has_key = run.home.key(run.environment) is not None
    policies = {one.list_id: one.policy for one in api.subscriptions(session)} if has_key else {}
    for document in applied:
        store = ListStore(into, document["list_id"])
        known = standing_of(store) if store.standing() is not None else Standing()
        publisher, said = known.publisher, listed.get(store.list_id)
        if said is None and (publisher is None or document["changed"]):
            # A list that is served but not shown has no known publisher; a policy that asks for one then
            # lets nothing through.
            with contextlib.suppress(Forbidden):
                said = api.one_list(session, store.list_id)
        if said is not None:
            publisher = Publisher(said.publisher_id, said.publisher, said.publisher_kind, said.jurisdiction)
        standing = Standing(publisher, policies.get(store.list_id, TrustPolicy()))
        if store.standing() is None or standing != known:
            keep_standing(store, standing)


def _synced_document(synced: Any, seconds: float) -> dict[str, Any]:
    document = {
        "list_id": synced.list_id,
        "title": synced.title,
        "release": synced.release,
        "from_release": synced.from_release,
        "changed": synced.changed,
        "transport": synced.transport.value,
        "downloaded": synced.downloaded,
        "count": synced.count,
        "state_root": synced.state_root,
        "types": {
            one.slug: {
                "count": one.count,
                "root": one.root,
                "transport": one.transport.value,
                "operations": one.operations,
            }
            for one in synced.types
        },
        "folder": None if synced.folder is None else str(synced.folder),
        "repaired": synced.repaired,
        "withdrawn": None if synced.withdrawn is None else withdrawn_document(synced.withdrawn),
        "confirmed": synced.confirmed,
        "seconds": round(seconds, 3),
    }
    if synced.trouble is not None:
        document["trouble"] = refusal_document(synced.trouble)
    return document


def withdrawn_document(notice: Any) -> list[dict[str, Any]]:
    """A notice for `--json`; its digests are in the release's withdrawn.json."""
    return [
        {
            "first": one.first,
            "last": one.release - 1,
            "since": one.release,
            "reason": one.reason.value,
            "files": len(one.files),
        }
        for one in notice.withdrawals
    ]


def _say_synced(run: Run, synced: Any, seconds: float) -> None:
    if synced.release is None:
        run.output.say(f"{synced.list_id}: nothing has been released yet.")
        return
    if synced.changed:
        came = {"snapshot": "as a snapshot", "delta": "as a delta"}.get(
            synced.transport.value, "with no new files"
        )
        since = f" after {synced.from_release}" if synced.from_release else ""
        what = f"release {synced.release}{since}, {came} of {size_of(synced.downloaded)} in {seconds:.1f} s"
    else:
        what = f"release {synced.release} is the newest"
    if synced.withdrawn is not None:
        newest = synced.withdrawn.withdrawals[-1]
        run.output.say(
            f"{synced.title}: its publisher withdrew releases {newest.first} to {newest.release - 1} by law "
            f"({newest.reason.replace('_', ' ')}); nothing of them is left in {synced.folder.parent.parent}."
        )
    told = ", confirmed" if synced.confirmed else ""
    run.output.say(f"{synced.title}: {what}; {synced.count:,} entries verified{told}.")
    run.output.say(f"  state root {synced.state_root}")
    run.output.say(f"  {synced.folder}")
    if synced.trouble is not None:
        run.output.warn(f"  Applied, but the exchange could not be told: {synced.trouble.message}")


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of synced lists, or one list's folder.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Prove every file in DIR again: signatures, digests, order, counts, state roots. Needs no network."""
    load_tuf()
    from exchange.client.verify import verify_folder

    run = Run.of(None, as_json)
    verified = verify_folder(folder, watch=run.output.watch())
    run.output.document(
        {
            "lists": [
                {
                    "list_id": one.list_id,
                    "title": one.title,
                    "release": one.release,
                    "state_root": one.state_root,
                    "count": one.count,
                    "files": one.files,
                    "length": one.length,
                }
                for one in verified
            ]
        }
    )
    for one in verified:
        run.output.say(
            f"{one.title}: release {one.release} holds; {one.count:,} entries in {one.files} files, "
            f"{size_of(one.length)}, state root {one.state_root}."
        )


def confirm(
    into: IntoOption, lists: ListsArgument = None, as_json: JsonOption = False, home: HomeOption = None
) -> None:
    """Tell the exchange again which release is in force here. `sync` does it too."""
    from exchange.client.confirm import confirm_in_force
    from exchange.client.store import ListStore, stores_in

    run = Run.of(home, as_json)
    stores = [ListStore(into, one) for one in lists] if lists else stores_in(into)
    told = []
    with run.session() as session:
        for store in stores:
            statement = confirm_in_force(session, store, now=clock(), again=True)
            told.append(
                {"list_id": store.list_id, "release": statement.release, "state_root": statement.state_root}
            )
            run.output.say(f"{store.list_id}: release {statement.release} confirmed.")
    if not told:
        run.output.say(f"There is no synced list in {into}.")
    run.output.document({"confirmed": told})
