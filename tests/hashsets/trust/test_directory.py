"""The directory: what is public, who vouches for it, and how a list's root is anchored in it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from accounts.errors import Corrupt
from hashsets.core import anchor
from hashsets.lists.models import Audience, HashList
from hashsets.trust import directory, push_key, repository
from hashsets.trust.export import export_repository
from hashsets.trust.models import DIRECTORY, SignedFile
from hashsets.trust.resign import due_repositories, resign_repository
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member

pytestmark = pytest.mark.django_db


def test_the_catalogue_names_public_lists_and_no_others(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    public = publishing.open_list(harbor, [key])
    for audience in (Audience.MEMBERS, Audience.KINDS, Audience.NAMED):
        private = publishing.new_list(harbor, title=f"Secret for {audience}", audience=audience)
        repository.open_repository(private, publisher_keys=[key.row], threshold=1, now=publishing.now())
    assert _refresh()
    content = member.fetch(DIRECTORY, "catalogue.json")
    assert content is not None
    assert json.loads(content)["lists"] == [
        {
            "id": public.id,
            "title": "Known files",
            "publisher": "Harbor",
            "kind": "ngo",
            "jurisdiction": "CA",
            "hash_types": ["sha256"],
            "tlp": "amber",
        }
    ]
    served = b"".join(path.read_bytes() for path in publishing.blob_folder().rglob("directory/**/*.json"))
    assert b"Secret" not in served


def test_it_is_signed_anew_only_when_something_changed(member: Member) -> None:
    harbor = cast.harbor()
    publishing.open_list(harbor, [publishing.own_key(harbor)])
    assert DIRECTORY in due_repositories(publishing.now(), 10)
    assert _refresh()
    assert not _refresh()
    assert DIRECTORY not in due_repositories(publishing.now(), 10)
    publishing.open_list(harbor, [publishing.own_key(harbor)])
    assert DIRECTORY in due_repositories(publishing.now(), 10)
    resign_repository(DIRECTORY, now=publishing.now())
    assert _listed(member) == 2
    HashList.objects.update(audience=Audience.MEMBERS)
    resign_repository(DIRECTORY, now=publishing.now())
    assert _listed(member) == 0


def test_the_push_key_verifies_a_notice(member: Member) -> None:
    directory.ensure_directory(publishing.now())
    _refresh()
    document = json.loads(member.fetch(DIRECTORY, "push-key.json") or b"{}")
    (key,) = document["keys"]
    assert key["public"] == push_key.public_key()
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public"].removeprefix("whpk_")))
    message = b"msg_1.1700000000.{}"
    public.verify(push_key.sign_notice(message), message)
    # Never a TUF key.
    keyids = SignedFile.objects.filter(role="root").values_list("content", flat=True)
    assert all(public.public_bytes_raw().hex().encode() not in bytes(content) for content in keyids)


def test_members_pin_the_first_root() -> None:
    directory.ensure_directory(publishing.now())
    export_repository(DIRECTORY, now=publishing.now())
    served = publishing.metadata_path(DIRECTORY, "1.root.json").read_bytes()
    pinned = hashlib.sha256(served).hexdigest()
    assert directory.root_fingerprint() == anchor.fingerprint(served) == pinned
    assert directory.root_fingerprints() == [{"version": 1, "sha256": pinned}]
    anchor.check_fingerprint(served, ":".join(pinned[i : i + 2] for i in range(0, 64, 2)).upper())
    assert anchor.is_demo(served)
    with pytest.raises(Corrupt) as refusal:
        anchor.check_fingerprint(served + b" ", pinned)
    assert refusal.value.code == "root.not_pinned"


def test_a_lists_root_is_anchored_in_the_directory() -> None:
    harbor = cast.harbor()
    hash_list = publishing.open_list(harbor, [publishing.own_key(harbor)])
    other = publishing.open_list(harbor, [publishing.own_key(harbor)])
    export_repository(DIRECTORY, now=publishing.now())
    pinned = publishing.metadata_path(DIRECTORY, "1.root.json").read_bytes()
    root = publishing.metadata_path(hash_list.id, "1.root.json").read_bytes()
    anchor.check_list_root(pinned, root)
    anchor.check_list_root(pinned, root, list_id=hash_list.id)
    assert _refusal(pinned, root, list_id=other.id) == "root.other_list"
    assert _refusal(pinned, pinned, list_id=hash_list.id) == "root.other_list"
    assert _refusal(pinned, _homemade(root)) == "root.not_anchored"
    assert _refusal(pinned, root.replace(b'"version":1', b'"version":2')) == "root.not_anchored"
    assert _refusal(pinned, publishing.metadata_path(hash_list.id, "timestamp.json").read_bytes()) == (
        "root.malformed"
    )
    for garbage in (b"", b"{}", b"[]", b"\xff\x00", b'{"signed":1}', b"[" * 5_000, b"x" * 600_000):
        assert _refusal(pinned, garbage) == "root.malformed"


def _homemade(root: bytes) -> bytes:
    """A root that anybody can make: self-signed, with the same fields."""
    metadata = Metadata[Root].from_bytes(root)
    signer = CryptoSigner.generate_ed25519()
    for role in ("root", "targets", "snapshot", "timestamp"):
        metadata.signed.roles[role].keyids.clear()
        metadata.signed.add_key(signer.public_key, role)
    metadata.sign(signer)
    return metadata.to_bytes()


def _refusal(pinned: bytes, root: bytes, **choices: Any) -> str:
    with pytest.raises(Corrupt) as refusal:
        anchor.check_list_root(pinned, root, **choices)
    return refusal.value.code


def _refresh() -> bool:
    changed = directory.refresh_directory(publishing.now())
    export_repository(DIRECTORY, now=publishing.now())
    return changed


def _listed(member: Member) -> int:
    return len(json.loads(member.fetch(DIRECTORY, "catalogue.json") or b"{}")["lists"])
