"""`hashx keys new|register|show`: the keys that a publisher signs with.

With openssl alone:
    openssl genpkey -algorithm ed25519 -aes256 -out key.pem        (P-256: -algorithm EC -pkeyopt
    ec_paramgen_curve:P-256)
    openssl pkey -in key.pem -pubout -out key.pub
    hashx keys show key.pub --statement statement                  (what proves that you hold the key)
    openssl pkeyutl -sign -rawin -inkey key.pem -in statement -out proof     (P-256: add -digest sha256)
    hashx keys register --name "…" --public key.pub --proof proof
"""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exchange.client import keys as own
from exchange.client.commands.key_options import (
    KeyOption,
    LabelOption,
    ModuleOption,
    TokenOption,
    new_passphrase,
    signer_from,
)
from exchange.client.commands.run import HomeOption, JsonOption, Run
from exchange.client.durable import write_durably
from exchange.client.keys import HeldKey
from exchange.client.refusals import Usage

__all__ = ["keys"]

_LONGEST_PROOF = 200

keys = typer.Typer(help="Make, show and register the keys that your organisation signs with.")


class Kind(StrEnum):
    ED25519 = "ed25519"
    P256 = "p256"


@keys.command()
def new(
    file: Annotated[Path, typer.Argument(help="Where to write the key; its public half goes to FILE.pub.")],
    kind: Annotated[Kind, typer.Option("--type", help="Both work with every TUF client.")] = Kind.ED25519,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Make a key of your own, in a file that a passphrase locks."""
    run = Run.of(home, as_json)
    public = own.write_new_key(file, p256=kind is Kind.P256, passphrase=new_passphrase(run))
    shared = file.with_name(f"{file.name}.pub")
    write_durably(shared, own.pem_of(public))
    run.output.document({"key": asdict(public), "file": str(file), "public_file": str(shared)})
    run.output.say(f"Key {public.keyid}")
    run.output.say(f"Keep {file} and its passphrase safe and apart; nobody can restore them.")
    run.output.say('Next: hashx keys register --name "…" --key ' + str(file))


@keys.command()
def show(
    file: Annotated[Path | None, typer.Argument(help="A public key file; none: all registered.")] = None,
    statement: Annotated[
        Path | None, typer.Option("--statement", help="Write what the key must sign to be registered.")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show the id of a key, or the keys that the exchange knows of your organisation."""
    run = Run.of(home, as_json)
    if file is None:
        with run.session() as session:
            held = own.held_keys(session)
        run.output.document({"keys": [asdict(one) for one in held]})
        rows = [(one.name, one.status, one.custody, one.scheme, one.keyid) for one in held]
        run.output.table(("NAME", "STATUS", "CUSTODY", "SCHEME", "KEY ID"), rows)
        return
    public = own.public_half_in(file)
    if statement is not None:
        with run.session() as session:
            organisation = own.own_organisation(session)
        write_durably(statement, own.possession_statement(organisation, public.keyid))
    run.output.document({"key": asdict(public)})
    run.output.say(f"{public.scheme} {public.keyid}")


@keys.command()
def register(
    name: Annotated[str, typer.Option("--name", help="How your colleagues recognise the key.")],
    key: KeyOption = None,
    module: ModuleOption = None,
    token: TokenOption = "",
    label: LabelOption = "",
    public: Annotated[Path | None, typer.Option("--public", help="A public key file, with --proof.")] = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="The statement's signature, made elsewhere.")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Register a key with the exchange, and prove that you hold it. A second person confirms it there."""
    run = Run.of(home, as_json)
    with run.session() as session:
        if public is not None and proof is not None and key is None and module is None:
            held = own.register(session, own.public_half_in(public), name=name, proof=_signature_in(proof))
        else:
            with signer_from(run, key, module, token, label) as signer:
                half = signer.public
                statement = own.possession_statement(own.own_organisation(session), half.keyid)
                held = own.register(session, half, name=name, proof=signer.sign(statement))
    _say_registered(run, held)


def _say_registered(run: Run, held: HeldKey) -> None:
    run.output.document({"key": asdict(held)})
    run.output.say(f"{held.name}: {held.keyid}")
    run.output.say("It waits for a second person: an admin of your organisation confirms it in the browser,")
    run.output.say("after comparing this key id with the one that you read out.")


def _signature_in(path: Path) -> str:
    """A detached signature as openssl writes it."""
    raw = path.read_bytes() if path.stat().st_size <= _LONGEST_PROOF else b""
    if not raw:
        raise Usage(f"{path} is not a signature.", code="key.proof", field="proof")
    return raw.hex()
