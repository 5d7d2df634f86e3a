"""`hashx`, the member's command line. Thin: options in, one verb called, an exit code out.

Exit codes: 0 done, 1 usage or refused by the exchange, 2 network, 3 not authorised, 10 bad signature, 11
rollback, 12 expired or frozen, 13 wrong file hash or length, 14 wrong list, 15 state root mismatch, 16
mix-and-match, 17 threshold not met, 18 unsupported format, 19 local store corrupt.
"""

from __future__ import annotations

import os
import sys

import typer

from accounts.errors import Refusal
from exchange.client.commands import catalogue, listening, setup, submitting, syncing
from exchange.client.output import Output
from exchange.client.refusals import Ended, Exit, Usage, exit_for

__all__ = ["app", "main"]

CLICK_USAGE = 2  # the framework's own code for wrong options, which here means "network"

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
    listening.listen,
    submitting.submit,
):
    app.command()(command)


def main() -> None:
    """Run, and leave with the exit code of whatever ended it."""
    output = Output(as_json="--json" in sys.argv)
    try:
        app()
    except Ended as ended:
        sys.exit(int(ended.code))
    except SystemExit as stop:
        if stop.code == CLICK_USAGE:
            output.document(
                {"error": {"code": "usage", "message": "See hashx --help.", "exit": int(Exit.USAGE)}}
            )
            stop.code = int(Exit.USAGE)
        raise
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain about it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(Exit.USAGE))
    except (Refusal, OSError) as error:
        output.refusal(error)
        sys.exit(int(exit_for(error)))
    except Exception as error:  # a member's cron job gets a code and a line, not a traceback
        if os.environ.get("HASHX_TRACEBACK"):
            raise
        output.refusal(Usage(f"hashx failed: {type(error).__name__}: {error}", code="internal"))
        sys.exit(int(Exit.USAGE))


if __name__ == "__main__":
    main()
