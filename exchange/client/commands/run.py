"""What every command shares: its options, and the one object that holds them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from exchange.client.fetch import Session
from exchange.client.home import Home, home_folder
from exchange.client.output import Output

__all__ = ["HomeOption", "IntoOption", "JsonOption", "Run", "clock"]

JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout; everything else on stderr.")
]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where hashx keeps its settings. [HASHX_HOME, ~/.config/hashx]")
]
IntoOption = Annotated[
    Path, typer.Option("--into", envvar="HASHX_INTO", help="The folder that holds the synced lists.")
]


def clock() -> datetime:
    """The only place where the client looks at the clock; everything below is told."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command."""

    home: Home
    output: Output
    environment: Mapping[str, str]

    @classmethod
    def of(cls, home: Path | None, as_json: bool) -> Run:
        return cls(Home(home_folder(home, os.environ)), Output(as_json=as_json), os.environ)

    def session(self) -> Session:
        return self.home.session(self.environment)

    @property
    def interactive(self) -> bool:
        """Whether a person is there to be asked."""
        return not self.output.as_json and sys.stdin.isatty() and sys.stderr.isatty()
