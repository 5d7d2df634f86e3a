"""`hashx doctor`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from exchange.client.commands.run import HomeOption, JsonOption, Run, clock
from exchange.client.lean import load_tuf
from exchange.client.refusals import Ended


def doctor(
    into: Annotated[
        Path | None,
        typer.Option("--into", envvar="HASHX_INTO", help="The folder of synced lists to look at as well."),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Look at everything hashx relies on and say what to do. The exit code is that of the worst finding."""
    load_tuf()
    from exchange.client.doctor import examine, worst

    run = Run.of(home, as_json)
    findings = examine(run.home, run.environment, into, now=clock())
    code = worst(findings)
    run.output.document(
        {
            "well": code == 0,
            "exit": int(code),
            "findings": [{**asdict(one), "exit": int(one.exit), "well": one.well} for one in findings],
        }
    )
    for finding in findings:
        run.output.say(f"{'ok     ' if finding.well else 'PROBLEM'}  {finding.subject}: {finding.says}")
        if finding.advice:
            run.output.say(f"         {finding.advice}")
    if code != 0:
        raise Ended(code)
