"""`hashx export`, and what `hashx sync --format` does after a sync."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.client.commands.run import IntoOption, JsonOption, Run
from exchange.client.formats import Format
from exchange.client.lean import load_tuf
from exchange.client.refusals import Usage
from hashsets.core.policy import TrustPolicy

if TYPE_CHECKING:
    from exchange.client.export import Exported
    from exchange.client.store import ListStore

__all__ = ["export", "export_beside", "policy_from"]


def export(
    list_: Annotated[str, typer.Argument(metavar="LIST", help="The list's id.")],
    into: IntoOption,
    out: Annotated[Path, typer.Option("--out", help="The file to write; replaced in one step.")],
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.CSV,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this hash type; may be repeated.")
    ] = None,
    classifications: Annotated[
        list[str] | None,
        typer.Option(
            "--classification", help="Only this classification, or 'unclassified'; may be repeated."
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="Instead of the subscription's: a JSON file, or the JSON itself.")
    ] = "",
    no_policy: Annotated[bool, typer.Option("--no-policy", help="Leave the trust policy aside.")] = False,
    notes: Annotated[
        bool,
        typer.Option(
            "--notes",
            help="Two more columns: how many publishers, of how many jurisdictions, list the hash, "
            "counted here over the lists in DIR.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a synced list as one file, after proving it again. Needs no network.

    The trust policy of your subscription decides what is written; the state root stays that of the whole
    list.
    """
    load_tuf()
    from exchange.client.export import Choice, export_list
    from exchange.client.store import ListStore

    run = Run.of(None, as_json)
    given = TrustPolicy() if no_policy else policy_from(policy) if policy else None
    choice = Choice(frozenset(types or ()), frozenset(classifications or ()), given, notes)
    (exported,) = export_list(ListStore(into, list_), format_, {out: choice}, watch=run.output.watch())
    run.output.document(_document(exported))
    _say(run, exported)


def export_beside(run: Run, store: ListStore, format_: Format) -> list[dict[str, Any]]:
    """The newest release as files in the list's own folder: DIR/<list>/exports/entries.csv, or a file per
    type where a format has room for one only. Nothing is written again while nothing has changed."""
    from exchange.client.export import Choice, export_list, made_of

    current = store.current()
    if current is None or format_ is Format.PARQUET:
        return []
    choices = {f"entries.{format_}": Choice()}
    if format_ is Format.TXT:
        choices = {f"{held.slug}.txt": Choice(frozenset({held.slug})) for held in current.types}
    digest = made_of(store, current)
    stale = [name for name in choices if not store.export_is_of(name, digest)]
    if not stale:
        return []
    files = {store.exports / name: choices[name] for name in stale}
    written = export_list(store, format_, files, watch=run.output.watch())
    for name, exported in zip(stale, written, strict=True):
        store.note_export(name, digest)
        _say(run, exported)
    return [_document(exported) for exported in written]


def policy_from(given: str) -> TrustPolicy:
    """A policy from a file, or from the JSON itself. Usage `usage.policy`; Invalid `policy.*`."""
    try:
        text = given if given.lstrip().startswith("{") else Path(given).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise Usage(
            "The policy is neither a readable JSON file nor JSON.", code="usage.policy", field="--policy"
        ) from error
    return TrustPolicy.parse(document)


def _document(exported: Exported) -> dict[str, Any]:
    return {**asdict(exported), "format": exported.format.value, "out": str(exported.out)}


def _say(run: Run, exported: Exported) -> None:
    part = "" if exported.entries == exported.count else f" of {exported.count:,}"
    if exported.left_out:
        run.output.warn(
            f"{exported.title}: your trust policy does not accept this list ({exported.left_out}); "
            "nothing of it was written."
        )
    run.output.say(
        f"{exported.title}, release {exported.release}: {exported.entries:,}{part} entries in {exported.out}"
    )
