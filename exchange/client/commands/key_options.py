"""Which key signs: a file with a passphrase, or a token with a PIN. Neither secret is ever an argument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from exchange.client.commands.run import Run
from exchange.client.keys import Signer, is_encrypted, open_key_file
from exchange.client.refusals import Usage

__all__ = ["KeyOption", "LabelOption", "ModuleOption", "TokenOption", "new_passphrase", "signer_from"]

KeyOption = Annotated[
    Path | None,
    typer.Option("--key", help="Your key file (PEM). Passphrase: asked for, or HASHX_PASSPHRASE."),
]
ModuleOption = Annotated[
    Path | None, typer.Option("--module", help="A token's PKCS#11 module. PIN: asked for, or HASHX_PIN.")
]
TokenOption = Annotated[str, typer.Option("--token", help="The token's label.")]
LabelOption = Annotated[str, typer.Option("--label", help="The key's label on the token.")]


@contextmanager
def signer_from(run: Run, key: Path | None, module: Path | None, token: str, label: str) -> Iterator[Signer]:
    """The key that the options name, unlocked. Usage `key.which` unless they name exactly one."""
    if (key is None) == (module is None) or (module is not None and not (token and label)):
        raise Usage(
            "Name a key file with --key, or a token with --module, --token and --label.", code="key.which"
        )
    if key is not None:
        passphrase = _secret(run, "HASHX_PASSPHRASE", f"Passphrase of {key}") if is_encrypted(key) else None
        yield open_key_file(key, passphrase)
    elif module is not None:
        from exchange.client.pkcs11 import open_token

        with open_token(
            module, token=token, label=label, pin=_secret(run, "HASHX_PIN", f"PIN of {token}")
        ) as held:
            yield held


def new_passphrase(run: Run) -> str:
    """A passphrase to be remembered: typed twice."""
    if given := run.environment.get("HASHX_PASSPHRASE"):
        return given
    _require_person(run, "HASHX_PASSPHRASE")
    return str(typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True))


def _secret(run: Run, variable: str, question: str) -> str:
    if given := run.environment.get(variable):
        return given
    _require_person(run, variable)
    return str(typer.prompt(question, hide_input=True, err=True))


def _require_person(run: Run, variable: str) -> None:
    if not run.interactive:
        raise Usage(
            "The key is locked and nobody is here to be asked.",
            code="key.locked",
            advice=f"Set {variable} in the environment.",
        )
