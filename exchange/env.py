"""Reads the environment once: a wrong or missing value stops the start with a sentence, not a traceback.

Every value may come from `NAME` or, for secrets mounted as files, from the file that `NAME_FILE` names. There
is no default for a secret outside the demo; the demo makes its own on first use and keeps them under its
folder.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import FileAwareEnv

env = FileAwareEnv(strip_whitespace=True)

_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SECRETS_KEY_BYTES = 32


def required(name: str, *, why: str) -> str:
    """Return the value of `name`, or refuse to start and say what it is for."""
    value = env.str(name, default="").strip()
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. {why} Set {name}, or {name}_FILE to a file that holds it. "
            "To look around with throw-away secrets, set HX_DEMO=1."
        )
    return value


def secret_or_demo(name: str, *, why: str, demo: bool, folder: Path, fresh: str) -> str:
    """Return the secret `name`; in the demo one that is made once (from `fresh`) and kept in `folder`."""
    if not demo or env.str(name, default="").strip():
        return required(name, why=why)
    return _kept_secret(folder / f"{name.lower().replace('_', '-')}.txt", fresh)


def own_folder(path: Path, *, demo: bool) -> Path:
    """Create `path` where this installation keeps its files, and return it.

    In the demo for its owner alone, and whatever this process and its children write from now on too:
    database and letters hold passwords, codes and links, and nobody has set the machine up for it. In
    production the operator decides; a web server may have to read the segments.
    """
    if demo:
        os.umask(0o077)
    path.mkdir(parents=True, exist_ok=True)
    if demo and path.stat().st_uid == os.getuid():
        path.chmod(0o700)  # an earlier release left it, and what is in it, open to everybody
    return path


def _kept_secret(path: Path, fresh: str) -> str:
    """Create `path` with `fresh` unless it exists, and return what it holds.

    Several processes start at once in the demo. A complete file is linked into place, so exactly one of them
    wins and none of them ever reads half a secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text().strip()


def fresh_secrets_key() -> str:
    """Return one freshly made entry for HX_SECRETS_KEYS."""
    return "k1:" + base64.b64encode(secrets.token_bytes(_SECRETS_KEY_BYTES)).decode()


def secrets_keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """Parse `id:base64-of-32-bytes[,…]`: the keys for secrets at rest, the current one first.

    Raises ImproperlyConfigured without repeating any part of a key.
    """
    keys: list[tuple[str, bytes]] = []
    for position, item in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        key_id, colon, encoded = item.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not colon or not _KEY_ID.fullmatch(key_id) or len(key) != _SECRETS_KEY_BYTES:
            raise ImproperlyConfigured(
                f"HX_SECRETS_KEYS: item {position} is not `id:base64`, where id is up to 32 lower-case "
                f"letters, digits and hyphens, and base64 stands for exactly {_SECRETS_KEY_BYTES} bytes."
            )
        if any(key_id == known for known, _ in keys):
            raise ImproperlyConfigured(f"HX_SECRETS_KEYS: item {position} repeats an id. Ids must differ.")
        keys.append((key_id, key))
    if not keys:
        raise ImproperlyConfigured("HX_SECRETS_KEYS holds no key.")
    return tuple(keys)
