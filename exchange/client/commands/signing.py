"""`hashx sign`: the publisher's signature, by a key file, a token, or elsewhere with openssl.

With openssl, on a machine that has only the key:
    hashx sign SUBMISSION --write part                             (read and recomputed here)
    openssl pkeyutl -sign -rawin -inkey key.pem -in part -out sig  (P-256: add -digest sha256)
    hashx sign SUBMISSION --public key.pub --signature sig
Ed25519 signatures are 64 bytes, ECDSA ones DER: as openssl writes them.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.client import drafts
from exchange.client.commands.key_options import (
    KeyOption,
    LabelOption,
    ModuleOption,
    TokenOption,
    signer_from,
)
from exchange.client.commands.run import HomeOption, JsonOption, Run
from exchange.client.durable import write_durably
from exchange.client.keys import public_half_in
from exchange.client.refusals import Usage
from exchange.client.sign import Desk, Read, is_list_id, mode_of, upload_signature

__all__ = ["sign"]

_LONGEST_SIGNATURE = 200


def sign(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SUBMISSION", help="The submission whose release is to be signed, or a LIST to renew."
        ),
    ],
    copy: Annotated[
        Path | None,
        typer.Option("--copy", help="Your own copy of the file that was submitted.", exists=True),
    ] = None,
    allow_absent: Annotated[
        int, typer.Option(help="So many hashes of your copy may be missing (rows with problems).", min=0)
    ] = 0,
    key: KeyOption = None,
    module: ModuleOption = None,
    token: TokenOption = "",
    label: LabelOption = "",
    write: Annotated[
        Path | None, typer.Option("--write", help="Write the bytes to sign, do not sign.")
    ] = None,
    public: Annotated[Path | None, typer.Option("--public", help="Public half, with --signature.")] = None,
    signature: Annotated[Path | None, typer.Option("--signature", help="Made elsewhere.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking.")] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Recompute what a release would be, show it, and sign it with your organisation's key.

    Given a LIST instead, signs what is published there once more: after keys have changed, or before old
    age.
    """
    run = Run.of(home, as_json)
    with run.session() as session:
        renewal = is_list_id(what)
        draft = drafts.renewal_of(session, what) if renewal else drafts.draft_of(session, what)
        desk = Desk(run.home.folder, draft.list_id)
        # A renewal is the whole list once more: it is compared as a replacement by itself.
        mode = "" if copy is None else "replace" if renewal else mode_of(session, what)
        read = desk.read(session, draft, mode=mode, copy=copy, watch=run.output.watch())
        _show(run, read)
        _check_absent(read, allow_absent)
        if write is not None:
            write_durably(write, draft.signed_part)
            run.output.document({"draft": _document(read), "written": str(write)})
            return
        if public is not None and signature is not None:
            keyid, given = public_half_in(public).keyid, _signature_in(signature)
        else:
            _ask(run, yes)
            with signer_from(run, key, module, token, label) as signer:
                keyid, given = signer.public.keyid, signer.sign(draft.signed_part)
        # Remembered before anybody else has it: what was given away must never be forgotten here.
        desk.remember(read)
        said = upload_signature(
            session,
            f"api/v1/lists/{what}/renewal/signatures" if renewal else f"api/v1/submissions/{what}/signatures",
            keyid=keyid,
            signature=given,
        )
    run.output.document({"draft": _document(read), "keyid": keyid, "state": said.get("state")})
    complete = said.get("state") != "open"
    run.output.say("Signed. " + ("Enough have signed." if complete else "Waits for further signatures."))


def _show(run: Run, read: Read) -> None:
    """What the signature would say, computed from the very bytes that are signed."""
    found, manifest = read.found, read.found.manifest
    run.output.say(f"{manifest.title} ({manifest.list_id})")
    run.output.say(
        f"Release {manifest.release}, version {found.version}, good until {found.expires:%Y-%m-%d}"
    )
    for typed in manifest.types:
        newest = next((delta for delta in typed.chain if delta.release == manifest.release), None)
        change = (
            f": +{newest.facts.adds:,} ~{newest.facts.updates:,} -{newest.facts.removals:,}" if newest else ""
        )
        run.output.say(f"  {typed.slug}: {typed.count:,} entries{change}")
    if found.withdrawn is not None and found.withdrawn.before == manifest.release:
        last = found.withdrawn.withdrawals[-1]
        run.output.warn(
            f"Withdraws releases {last.first} to {last.release - 1} by law "
            f"({last.reason.replace('_', ' ')}): {len(last.files):,} files are served no more."
        )
    run.output.say(f"State root {manifest.root}")
    run.output.say(f"Manifest   {found.draft.manifest_sha256}")
    if found.draft.signatures:
        run.output.say(f"Signed so far by {len(found.draft.signatures)}: {', '.join(found.draft.signatures)}")
    if read.compared is not None:
        how = (
            "exactly" if read.compared.exact else "by its own release numbers (nothing to compare with here)"
        )
        run.output.say(f"Held against your copy, {how}: {read.compared.hashes:,} hashes.")
        if read.compared.absent:
            run.output.warn(f"{read.compared.absent:,} of them have not taken effect.")
    else:
        run.output.say("Not held against a copy of yours (--copy FILE).")


def _check_absent(read: Read, allowed: int) -> None:
    if read.compared is not None and read.compared.absent > allowed:
        raise Usage(
            f"{read.compared.absent:,} hashes of your copy have not taken effect.",
            code="copy.absent",
            advice="Look at the submission's problems; when they explain it, --allow-absent "
            f"{read.compared.absent}.",
        )


def _ask(run: Run, yes: bool) -> None:
    if yes:
        return
    if not run.interactive:
        raise Usage("Nobody is here to be asked.", code="sign.not_asked", advice="Use --yes.")
    if not typer.confirm("Sign this?", err=True):
        raise Usage("Nothing was signed.", code="sign.declined")


def _signature_in(path: Path) -> str:
    raw = path.read_bytes() if path.stat().st_size <= _LONGEST_SIGNATURE else b""
    if not raw:
        raise Usage(f"{path} is not a signature.", code="signature.file", field="signature")
    return raw.hex()


def _document(read: Read) -> dict[str, Any]:
    found, draft = read.found, read.found.draft
    return {
        "list_id": draft.list_id,
        "release": draft.release,
        "version": found.version,
        "expires": found.expires.isoformat(),
        "manifest_sha256": draft.manifest_sha256,
        "state_root": draft.state_root,
        "counts": {typed.slug: typed.count for typed in found.manifest.types},
        "compared": None if read.compared is None else asdict(read.compared),
    }
