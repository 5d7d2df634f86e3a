"""What an officer runs on a machine of their own, away from the exchange: read, decide, sign.

    python -m hashsets.trust.officer_sign FOLDER --key officer.pem

Needs no Django, no network and no database. What it shows is computed from the very bytes that it signs: the
summary that the exchange put into the folder could lie. It names every key in full and says what changed
since the last root that *you* know, which it keeps beside your key; what it cannot explain it refuses, and
the whole folder with it. Signatures are written beside the requests; carry the folder back.

With openssl alone nothing of this is checked: `openssl pkeyutl -sign -rawin -inkey officer.pem -in REQUEST
-out SIGNATURE` (for a P-256 key add `-digest sha256`), where SIGNATURE is `signatures/<name of the
request>.<key id>.sig`.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner

from accounts.errors import Invalid, Refusal
from hashsets.trust.carried import SIGNATURES, Carried, place, read_folder, write_anew
from hashsets.trust.officer_memory import Memory
from hashsets.trust.officer_reading import first_words, read_requests


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="officer_sign", description="Sign the exchange's roots and targets."
    )
    parser.add_argument("folder", type=Path, help="the folder that `manage.py ceremony export` wrote")
    parser.add_argument("--key", type=Path, required=True, help="your private key (PEM, may be encrypted)")
    parser.add_argument(
        "--memory", type=Path, help="where you keep what you signed and saw before (default: KEY.memory)"
    )
    parser.add_argument(
        "--given-up",
        action="append",
        default=[],
        metavar="NAME",
        help="a request that you signed and that was given up since, e.g. directory.2.root",
    )
    parser.add_argument(
        "--yes",
        action="store_true",
        help="sign without asking; what cannot be explained is refused all the same",
    )
    options = parser.parse_args(argv)
    memory = Memory(options.memory or options.key.with_name(f"{options.key.name}.memory"))
    try:
        return _run(options.folder, options.key, memory, options.given_up, ask=not options.yes)
    except Refusal as refusal:
        sys.stderr.write("\n".join(filter(None, [refusal.message, refusal.advice])) + "\n")
        sys.stderr.write(f"Nothing was signed ({refusal.code}).\n")
        return 1


def _run(folder: Path, key: Path, memory: Memory, given_up: Collection[str], *, ask: bool) -> int:
    carried = read_folder(folder)
    if not carried.requests:
        sys.stdout.write("Nothing waits for a signature in this folder.\n")
        return 1
    pem = _read_key(key)
    read = read_requests(carried, memory, given_up)
    sys.stdout.write("".join(f"{line}\n" for line in first_words(carried, memory)))
    for name, lines in read:
        sys.stdout.write(f"{name}\n" + "".join(f"  {line}\n" for line in lines))
    if ask and input(f"Sign these {len(read)} files? Type yes: ").strip().lower() != "yes":
        sys.stdout.write("Nothing was signed.\n")
        return 1
    password = getpass.getpass("Password of the key: ").encode() if b"ENCRYPTED" in pem else None
    keyid = sign(carried, folder, _signer(pem, password), memory)
    sys.stdout.write(f"Signed {len(read)} files with key {keyid}\n")
    return 0


def sign(carried: Carried, folder: Path, signer: CryptoSigner, memory: Memory) -> str:
    """Sign the bytes that were read, and write the signatures into `folder`; returns the key id.

    Remembered first: a signature that left unremembered could be asked for a second time with other content.
    """
    memory.remember(carried)
    keyid = signer.public_key.keyid
    signatures = place(folder, SIGNATURES)
    signatures.mkdir(exist_ok=True)
    for name, part in carried.requests:
        signature = bytes.fromhex(signer.sign(part).signature)
        write_anew(signatures / f"{name}.{keyid}.sig", signature)
    return keyid


def _read_key(path: Path) -> bytes:
    """Errors: Invalid `key.malformed`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"No key can be read at {path}: {error.strerror}.",
            code="key.malformed",
            advice="Give the file of your private key with --key.",
        ) from error


def _signer(pem: bytes, password: bytes | None) -> CryptoSigner:
    """Errors: Invalid `key.malformed`; Unsupported `key.unsupported`."""
    try:
        private = load_pem_private_key(pem, password)
    except (ValueError, TypeError) as error:
        raise Invalid(
            "This is not a private key in PEM form, or its password is wrong.", code="key.malformed"
        ) from error
    if not isinstance(private, Ed25519PrivateKey) and not (
        isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1)
    ):
        raise Invalid("Officers' keys are Ed25519 or ECDSA P-256.", code="key.unsupported")
    return CryptoSigner(private)


if __name__ == "__main__":
    raise SystemExit(main())
