"""All commands of `hashx` in one application."""

from __future__ import annotations

import typer

from exchange.client.commands import (
    catalogue,
    examining,
    exporting,
    keys,
    listening,
    mirroring,
    setup,
    signing,
    submitting,
    syncing,
)

__all__ = ["app"]

app = typer.Typer(
    name="hashx",
    help="Sync signed hash lists from a Hash Exchange, prove them, and submit changes.",
    epilog=(
        "Exit codes: 0 done, 1 usage, 2 network, 3 not authorised, 10 bad signature, 11 rollback, "
        "12 expired, 13 wrong file, 14 wrong list, 15 state root mismatch, 16 mix-and-match, "
        "17 threshold not met, 18 unsupported format, 19 local store corrupt."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (
    setup.init,
    catalogue.lists,
    catalogue.subscribe,
    syncing.sync,
    syncing.verify,
    syncing.confirm,
    exporting.export,
    examining.doctor,
    listening.listen,
    mirroring.mirror,
    submitting.submit,
    signing.sign,
):
    app.command()(command)
app.add_typer(keys.keys, name="keys")
