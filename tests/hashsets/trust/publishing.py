"""A list's repository as publishers and members see it: plain builders, a real HTTP server, stock TUF
clients.

Publishing here is the trust plane alone: target files, the publisher's signatures, the online key, the
export. What is inside a manifest is of no concern to it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from securesystemslib.signer import CryptoSigner
from tuf.ngclient import Updater

from accounts.signing_keys.models import Custody, SigningKey, SigningKeyStatus
from hashsets.blobs import keys as blob_keys
from hashsets.blobs.current import blob_store
from hashsets.lists.models import Audience, HashList
from hashsets.trust import list_role, online, repository
from hashsets.trust.export import export_repository
from hashsets.trust.list_role import TargetFacts
from hashsets.trust.models import PrivateKey, Repository
from tests import cast


def now() -> datetime:
    """Real time: stock clients compare expiry with the machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A publisher's key outside the exchange, and its registered public half."""

    signer: CryptoSigner
    row: SigningKey

    def sign(self, part: bytes) -> str:
        return str(self.signer.sign(part).signature)


def own_key(crew: cast.Crew, *, scheme: str = "ed25519") -> OwnKey:
    private = Ed25519PrivateKey.generate() if scheme == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    signer = CryptoSigner(private)
    public = signer.public_key
    row = SigningKey.objects.create(
        organisation=crew.organisation,
        name=f"key {public.keyid[:8]}",
        keyid=public.keyid,
        keytype=public.keytype,
        scheme=public.scheme,
        public=public.keyval["public"],
        custody=Custody.OWN,
        status=SigningKeyStatus.ACTIVE,
        created_at=now(),
    )
    return OwnKey(signer, row)


def new_list(crew: cast.Crew, *, title: str = "Known files", audience: str = Audience.PUBLIC) -> HashList:
    return HashList.objects.create(
        organisation=crew.organisation,
        title=title,
        jurisdiction=crew.organisation.jurisdiction,
        legal_basis="statute",
        purpose="blocking",
        audience=audience,
        hash_types=["sha256"],
        created_at=now(),
    )


def open_list(
    crew: cast.Crew, keys: Sequence[OwnKey], *, threshold: int = 1, at: datetime | None = None
) -> HashList:
    """A list with an open, exported repository."""
    at = at or now()
    hash_list = new_list(crew)
    repository.open_repository(
        hash_list, publisher_keys=[key.row for key in keys], threshold=threshold, now=at
    )
    export_repository(hash_list.id, now=at)
    return hash_list


def put_targets(hash_list: HashList, files: dict[str, bytes]) -> dict[str, TargetFacts]:
    facts = {}
    for name, content in files.items():
        path, digest = f"{hash_list.id}/{name}", hashlib.sha256(content).hexdigest()
        blob_store().put_bytes(blob_keys.target(hash_list.id, path, digest), content)
        facts[path] = TargetFacts(len(content), digest)
    return facts


def draft(hash_list: HashList, files: dict[str, bytes], *, at: datetime | None = None) -> bytes:
    """What the publisher's officials are asked to sign."""
    facts = put_targets(hash_list, files)
    with transaction.atomic():
        version = repository.draw_list_version(hash_list.id)
    return list_role.prepare(
        hash_list.id, version=version, expires=list_role.expiry(at or now()), targets=facts
    )


def sign(part: bytes, keys: Sequence[OwnKey]) -> bytes:
    return list_role.assemble(part, {key.row.keyid: key.sign(part) for key in keys})


def commit(
    hash_list: HashList, list_bytes: bytes | None, *, at: datetime | None = None
) -> online.OnlineFiles:
    with transaction.atomic():
        HashList.objects.lock(hash_list.id)
        return online.sign_online(
            Repository.objects.get(id=hash_list.id), list_bytes=list_bytes, now=at or now()
        )


def publish(
    hash_list: HashList, files: dict[str, bytes], keys: Sequence[OwnKey], *, at: datetime | None = None
) -> online.OnlineFiles:
    """Draft, sign, commit, write out."""
    done = commit(hash_list, sign(draft(hash_list, files, at=at), keys), at=at)
    assert export_repository(hash_list.id, now=at or now())
    return done


def ago(**spell: float) -> datetime:
    return now() - timedelta(**spell)


def blob_folder() -> Path:
    return Path(str(settings.BLOB_URL))


def metadata_path(repository_id: str, name: str) -> Path:
    return blob_folder() / "tuf" / repository_id / "metadata" / name


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        # A client that refuses endless data hangs up in the middle.
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A plain web server over a folder; yields its address, with a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Member:
    """A member with a stock client and a folder of its own for what it trusts."""

    base: str
    home: Path

    def updater(self, list_id: str, *, bootstrap: bytes | None = None, source: str | None = None) -> Updater:
        """`source` is the repository that is really served under the list's address."""
        folder = self.home / list_id
        (folder / "metadata").mkdir(parents=True, exist_ok=True)
        (folder / "targets").mkdir(exist_ok=True)
        address = f"{self.base}tuf/{source or list_id}"
        return Updater(
            metadata_dir=str(folder / "metadata"),
            metadata_base_url=f"{address}/metadata/",
            target_dir=str(folder / "targets"),
            target_base_url=f"{address}/targets/",
            bootstrap=bootstrap or metadata_path(list_id, "1.root.json").read_bytes(),
        )

    def fetch(self, list_id: str, name: str = "manifest.json", **choices: str) -> bytes | None:
        """Download one target and verify everything; None when the list does not name it."""
        updater = self.updater(list_id, source=choices.get("source"))
        target = name if list_id == "directory" else f"{list_id}/{name}"
        found = updater.get_targetinfo(target)
        return None if found is None else Path(updater.download_target(found)).read_bytes()


def private_keys_of(repository_id: str) -> Any:
    """The sealed rows, to break them."""
    return PrivateKey.objects.filter(repository_id=repository_id)
