"""Where `hashx` keeps whom it talks to: the exchange's address, the member's key and the pinned root.

`--home`, else HASHX_HOME, else ~/.config/hashx. Whatever is secret is in files that only their owner can
read; HASHX_KEY, when set, is used instead of the stored key, for machines that are given secrets by their
environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exchange.client.addresses import checked_url
from exchange.client.durable import write_durably
from exchange.client.fetch import Session
from exchange.client.lean import load_tuf
from exchange.client.refusals import CorruptStore, Usage

if TYPE_CHECKING:
    from exchange.client.trust import Directory

__all__ = ["Home", "KnownEndpoint", "home_folder"]

OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint that this machine registered, by its public address."""

    id: str
    url: str
    secret: str
    verified: bool


def home_folder(given: Path | None, environment: Mapping[str, str]) -> Path:
    """Which folder to use."""
    if given is not None:
        return given
    if named := environment.get("HASHX_HOME"):
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "hashx"


class Home:
    """One exchange, as one member uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def settle(self, *, url: str, key: str | None, root: bytes, mirror: bool = False) -> None:
        """Remember an exchange. Usage `home.other_exchange` when another one is remembered here."""
        known = self._configuration() if (self.folder / "config.json").exists() else {}
        if known and known.get("url") != checked_url(url):
            raise Usage(
                f"{self.folder} belongs to {known.get('url')}.",
                code="home.other_exchange",
                advice="Use another --home for a second exchange.",
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(self.folder / "1.root.json", root)
        if key is not None:
            write_durably(self.folder / "key", key.encode() + b"\n", mode=OWNER_ONLY)
        configuration = {"url": checked_url(url), "mirror": mirror}
        write_durably(self.folder / "config.json", json.dumps(configuration).encode())

    @property
    def url(self) -> str:
        """Usage `home.not_initialised` before `settle`."""
        return str(self._configuration().get("url", ""))

    @property
    def is_mirror(self) -> bool:
        """Whether what is known here is a copy of an exchange, which takes no confirmations."""
        return self._configuration().get("mirror") is True

    def key(self, environment: Mapping[str, str]) -> str | None:
        """The member's key, if there is one: a public list needs none."""
        if given := environment.get("HASHX_KEY"):
            return given.strip()
        path = self.folder / "key"
        if not path.exists():
            return None
        if path.stat().st_mode & 0o077:
            raise Usage(
                f"Others on this machine can read {path}.",
                code="home.key_readable",
                advice=f"chmod 600 {path}, and have the key replaced if this is a shared machine.",
            )
        return path.read_text().strip()

    def session(self, environment: Mapping[str, str]) -> Session:
        return Session(self.url, self.key(environment))

    def directory(self, session: Session) -> Directory:
        load_tuf()
        from exchange.client.trust import Directory

        return Directory(session, self.folder / "directory", self.pinned_root())

    def pinned_root(self) -> bytes:
        """The directory's first root, as it was pinned. Usage `home.not_initialised`."""
        try:
            return (self.folder / "1.root.json").read_bytes()
        except FileNotFoundError:
            raise _not_initialised() from None

    def endpoint(self, url: str) -> KnownEndpoint | None:
        """The endpoint that was registered under this address."""
        for known in self.endpoints():
            if known.url == url:
                return known
        return None

    def remember(self, endpoint: KnownEndpoint) -> None:
        others = [known for known in self.endpoints() if known.url != endpoint.url]
        document = [
            {"id": one.id, "url": one.url, "secret": one.secret, "verified": one.verified}
            for one in (*others, endpoint)
        ]
        write_durably(self.folder / "endpoints.json", json.dumps(document).encode(), mode=OWNER_ONLY)

    def endpoints(self) -> list[KnownEndpoint]:
        """Every endpoint that this machine registered."""
        try:
            document = json.loads((self.folder / "endpoints.json").read_bytes())
            return [
                KnownEndpoint(str(one["id"]), str(one["url"]), str(one["secret"]), bool(one["verified"]))
                for one in document
            ]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStore(f"{self.folder / 'endpoints.json'} is unreadable.") from error

    def _configuration(self) -> dict[str, Any]:
        path = self.folder / "config.json"
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise _not_initialised() from None
        except ValueError as error:
            raise CorruptStore(f"{path} is unreadable.", advice="Run `hashx init` again.") from error
        if not isinstance(document, dict):
            raise CorruptStore(f"{path} is unreadable.", advice="Run `hashx init` again.")
        return document


def _not_initialised() -> Usage:
    return Usage(
        "hashx does not know any exchange yet.",
        code="home.not_initialised",
        advice="Run `hashx init --url URL --key KEY --fingerprint SHA256` first.",
    )
