"""What an officer runs on a machine of their own, away from the exchange: read, decide, sign.

    python -m hashsets.trust.officer_sign FOLDER --key officer.pem

Needs no Django, no network and no database. What it shows is computed from the very bytes that it signs: the
summary that the exchange put into the folder could lie. Signatures are written beside the requests; carry the
folder back. The same with openssl alone: `openssl pkeyutl -sign -rawin -inkey officer.pem -in REQUEST -out
SIGNATURE` (for a P-256 key add `-digest sha256`), where SIGNATURE is `signatures/<name of the request>.<key
id>.sig`.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Role, Root, Targets

from accounts.errors import Corrupt, Invalid, Refusal
from hashsets.core.anchor import OFFICERS_FIELD, REPOSITORY_FIELD
from hashsets.trust import metadata

REQUESTS: Final = "to-sign"
SIGNATURES: Final = "signatures"
_MAX_REQUEST_BYTES: Final = 1_000_000
_SHOWN: Final = 16


def describe(part: bytes) -> list[str]:
    """What signing `part` would promise, as lines of plain text.

    Errors: Corrupt when it is not the canonical form of a root or of top-level targets: then nobody should
    sign.
    """
    try:
        return _describe_root(metadata.read_part(part, Root))
    except Corrupt:
        return _describe_targets(metadata.read_part(part, Targets))


def sign_folder(folder: Path, private_pem: bytes, password: bytes | None) -> tuple[str, list[str]]:
    """Sign every request in `folder`; return the key id and the names of the requests.

    Errors: Invalid `key.malformed`; Corrupt for a request that is no root and no top-level targets.
    """
    try:
        private = load_pem_private_key(private_pem, password)
    except (ValueError, TypeError) as error:
        raise Invalid(
            "This is not a private key in PEM form, or its password is wrong.", code="key.malformed"
        ) from error
    if not isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise Invalid("Officers' keys are Ed25519 or ECDSA P-256.", code="key.unsupported")
    signer = CryptoSigner(private)
    keyid = signer.public_key.keyid
    names = []
    (folder / SIGNATURES).mkdir(exist_ok=True)
    for name, part in requests_in(folder):
        describe(part)
        signature = bytes.fromhex(signer.sign(part).signature)
        (folder / SIGNATURES / f"{name}.{keyid}.sig").write_bytes(signature)
        names.append(name)
    return keyid, names


def requests_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files that wait for signatures, by name."""
    for path in sorted((folder / REQUESTS).glob("*.json")):
        if path.stat().st_size > _MAX_REQUEST_BYTES:
            raise Corrupt(f"{path.name} is too large to be a request.", code="metadata.malformed")
        yield path.stem, path.read_bytes()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="officer_sign", description="Sign the exchange's roots and targets."
    )
    parser.add_argument("folder", type=Path, help="the folder that `manage.py ceremony export` wrote")
    parser.add_argument("--key", type=Path, required=True, help="your private key (PEM, may be encrypted)")
    parser.add_argument("--yes", action="store_true", help="sign without asking; read the summary before")
    options = parser.parse_args(argv)
    try:
        return _run(options.folder, options.key, ask=not options.yes)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal.message}\n")
        return 1


def _run(folder: Path, key: Path, *, ask: bool) -> int:
    count = 0
    for name, part in requests_in(folder):
        count += 1
        sys.stdout.write(f"{name}\n" + "".join(f"  {line}\n" for line in describe(part)))
    if count == 0:
        sys.stdout.write("Nothing waits for a signature in this folder.\n")
        return 1
    if ask and input(f"Sign these {count} files? Type yes: ").strip().lower() != "yes":
        sys.stdout.write("Nothing was signed.\n")
        return 1
    pem = key.read_bytes()
    password = getpass.getpass("Password of the key: ").encode() if b"ENCRYPTED" in pem else None
    keyid, names = sign_folder(folder, pem, password)
    sys.stdout.write(f"Signed {len(names)} files with key {keyid[:_SHOWN]}…\n")
    return 0


def _describe_root(root: Root) -> list[str]:
    officers = root.roles["root"]
    whose = root.unrecognized_fields.get(REPOSITORY_FIELD, "an unnamed repository")
    lines = [
        f"ROOT of {whose!r}, version {root.version}",
        f"good until {root.expires:%Y-%m-%d}",
        f"root and targets: {_rule(officers)}",
    ]
    if root.roles["targets"].to_dict() != officers.to_dict():
        lines.append(f"BUT targets: {_rule(root.roles['targets'])}")
    for role in ("snapshot", "timestamp"):
        lines.append(f"{role}, online: {_rule(root.roles[role])}")
    if OFFICERS_FIELD in root.unrecognized_fields:
        lines.append("for a DEMONSTRATION only")
    return lines


def _describe_targets(targets: Targets) -> list[str]:
    lines = [f"TARGETS, version {targets.version}, good until {targets.expires:%Y-%m-%d}"]
    publisher = targets.unrecognized_fields.get(metadata.PUBLISHER_FIELD)
    if isinstance(publisher, dict):
        lines += [f"{name.replace('_', ' ')}: {value!r}" for name, value in sorted(publisher.items())]
    if targets.targets:
        lines.append(f"NAMES {len(targets.targets)} FILES ITSELF, which the exchange never asks for")
    roles = targets.delegations.roles if targets.delegations is not None else None
    for role in (roles or {}).values():
        ending = "" if role.terminating else ", NOT terminating"
        lines.append(f"'{role.name}' may name {', '.join(role.paths or [])}{ending}: {_rule(role)}")
    return lines


def _rule(role: Role) -> str:
    keys = ", ".join(f"{keyid[:_SHOWN]}…" for keyid in role.keyids)
    return f"{role.threshold} of {len(role.keyids)} keys ({keys})"


if __name__ == "__main__":
    raise SystemExit(main())
