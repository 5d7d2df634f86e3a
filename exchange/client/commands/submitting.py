"""`hashx submit`: propose a change to a list of your organisation."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exchange.client import api
from exchange.client.commands.run import HomeOption, JsonOption, Run
from exchange.client.durable import write_durably
from exchange.client.refusals import Ended, Exit
from exchange.client.submit import Submitted
from exchange.client.submit import submit as submit_and_wait


class Mode(StrEnum):
    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"
    REPLACE = "replace"


def submit(
    list_: Annotated[str, typer.Argument(metavar="LIST", help="The list's id.")],
    file: Annotated[
        Path, typer.Argument(help="A list of hashes.", exists=True, dir_okay=False, readable=True)
    ],
    mode: Annotated[Mode, typer.Option(help="What the file does to the list.")] = Mode.ADD,
    urgent: Annotated[bool, typer.Option("--urgent", help="Goes before what is waiting.")] = False,
    note: Annotated[str, typer.Option(help="For whoever approves it.")] = "",
    hash_type: Annotated[
        str, typer.Option("--type", help="What the hashes are, in a file with one a line and no header.")
    ] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait until it is read; 0: do not wait.")] = 3600.0,
    problems: Annotated[
        Path | None, typer.Option("--problems", help="Write all problems to this CSV file.")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Send FILE as a change to LIST, and show what it would change and what is wrong with it."""
    run = Run.of(home, as_json)
    with run.session() as session:
        sent = submit_and_wait(
            session,
            list_,
            file,
            mode=mode,
            urgent=urgent,
            note=note,
            hash_type=hash_type,
            wait=wait,
            watch=run.output.watch(),
        )
        if problems is not None and sent.problems:
            write_durably(problems, api.problems_csv(session, sent.submission.id))
    run.output.document(
        {
            "submission": asdict(sent.submission),
            "problems": [asdict(one) for one in sent.problems],
        }
    )
    _say(run, sent, problems)
    if sent.submission.state == "refused":
        raise Ended(Exit.USAGE)


def _say(run: Run, sent: Submitted, problems: Path | None) -> None:
    submission, counts = sent.submission, sent.submission.counts
    if submission.state == "refused":
        run.output.warn(f"{submission.reference} was refused: {submission.refused_message}")
    elif submission.state in ("received", "validating"):
        run.output.say(f"{submission.reference} has been received.")
    else:
        run.output.say(
            f"{submission.reference}: {counts.get('rows', 0):,} rows; would add {counts.get('adds', 0):,}, "
            f"update {counts.get('updates', 0):,}, remove {counts.get('removals', 0):,}; "
            f"{counts.get('unchanged', 0):,} unchanged. Waits for a second person's approval in the browser."
        )
    if total := counts.get("problems", 0):
        run.output.warn(f"{total:,} rows have a problem and are left out; the first are:")
        for one in sent.problems:
            run.output.warn(f"  line {one.line}, {one.field or 'row'}: {one.message} [{one.code}]")
        if problems is not None:
            run.output.warn(f"  all that were kept: {problems}")
