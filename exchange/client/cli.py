"""`hashx`, the member's command line: runs a command and leaves with the exit code of whatever ended it.

Exit codes: 0 done, 1 usage or refused by the exchange, 2 network, 3 not authorised, 10 bad signature, 11
rollback, 12 expired or frozen, 13 wrong file hash or length, 14 wrong list, 15 state root mismatch, 16
mix-and-match, 17 threshold not met, 18 unsupported format, 19 local store corrupt.
"""

from __future__ import annotations

import os
import sys

from accounts.errors import Refusal
from exchange.client.lean import load_httpx
from exchange.client.output import Output
from exchange.client.refusals import Ended, Exit, Usage, exit_for

__all__ = ["main"]

CLICK_USAGE = 2  # the framework's own code for wrong options, which here means "network"


def main() -> None:
    """The console script."""
    load_httpx()
    from exchange.client.commands.app import app

    output = Output(as_json="--json" in sys.argv)
    try:
        app()
    except Ended as ended:
        sys.exit(int(ended.code))
    except SystemExit as stop:
        if stop.code == CLICK_USAGE:
            error = {"code": "usage", "message": "See hashx --help.", "exit": int(Exit.USAGE)}
            output.document({"error": error})
            stop.code = int(Exit.USAGE)
        raise
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain about it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(Exit.USAGE))
    except (Refusal, OSError) as error:
        output.refusal(error)
        sys.exit(int(exit_for(error)))
    except Exception as error:
        # A member's cron job gets a code and a line, not a traceback.
        if os.environ.get("HASHX_TRACEBACK"):
            raise
        output.refusal(Usage(f"hashx failed: {type(error).__name__}: {error}", code="internal"))
        sys.exit(int(Exit.USAGE))


if __name__ == "__main__":
    main()
