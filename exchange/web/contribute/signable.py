"""What a signer is asked to sign, in words and exactly: the next release, or a list's content anew.

One shape for both, so that they are read, downloaded and signed on the same page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.errors import NotFound
from accounts.identity.acting import Actor
from accounts.signing_keys.models import Custody, SigningKey
from exchange.web.list_facts import changes, type_title
from exchange.web.shown import digest, number, short
from hashsets.blobs.current import blob_store
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList
from hashsets.releases.models import DraftState, Release
from hashsets.releases.sign import draft_to_sign, signatures_of
from hashsets.releases.stored import read_manifest
from hashsets.trust.renewal import renewal_of
from hashsets.trust.signers import entitled_keys

__all__ = ["KeyChoice", "Signable", "signable_draft", "signable_renewal"]


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """A key that may sign this. Openssl is called otherwise for `p256`."""

    id: str
    name: str
    keyid: str
    short: str
    p256: bool
    signed: bool


@dataclass(frozen=True, slots=True)
class Signable:
    """`part` are the exact bytes; `sha256` and `manifest_hex` are what a script compares them with.
    `named` is what `hashx sign` calls it.
    """

    hash_list: HashList
    title: str
    sentence: str
    changes: str
    per_type: tuple[tuple[str, str], ...]
    part: bytes
    sha256: str
    digest: SafeString
    manifest_hex: str
    manifest: SafeString
    state_root: SafeString
    version: int
    version_label: str
    given: int
    asked: int
    own: tuple[KeyChoice, ...]
    hosted: KeyChoice | None
    open: bool
    reference: str
    named: str
    file_name: str
    address: str
    part_address: str
    hosted_address: str
    done_address: str

    @property
    def browser_keys(self) -> str:
        """Ids of the keys that a browser could hold and that have not signed yet."""
        return " ".join(key.keyid for key in self.own if key.p256 and not key.signed)

    @property
    def free(self) -> tuple[KeyChoice, ...]:
        return tuple(key for key in self.own if not key.signed)


def signable_draft(submission: Submission) -> Signable:
    """Errors: NotFound `draft.not_found` while there is nothing to sign."""
    draft = draft_to_sign(submission)
    manifest, _length = read_manifest(blob_store(), draft.hash_list_id, draft.manifest_sha256)
    given = signatures_of(draft)
    sentence = _("Release %(n)s of the list, with exactly %(entries)s entries and no others.") % {
        "n": number(draft.number),
        "entries": number(manifest.count),
    }
    return _signable(
        submission.hash_list,
        bytes(draft.signed_part),
        title=_("Sign release %(n)s") % {"n": number(draft.number)},
        sentence=sentence,
        changed=changes(submission.adds, submission.updates, submission.removals),
        per_type=[(type_title(one.slug), number(one.count)) for one in manifest.types],
        facts=(draft.manifest_sha256, draft.state_root, draft.list_version),
        given=given.keys(),
        open_=draft.state == DraftState.OPEN,
        reference=submission.reference,
        named=str(submission.id),
        addresses=(
            reverse("web:signature", args=[submission.id]),
            reverse("web:signed-part", args=[submission.id]),
            reverse("web:sign", args=[submission.id]),
            reverse("web:submission", args=[submission.id]),
        ),
    )


def signable_renewal(hash_list: HashList, *, actor: Actor) -> Signable:
    """Errors: NotFound `list.not_found`, `renewal.not_found`; NotAllowed `list.other_publisher`."""
    waiting = renewal_of(hash_list, actor=actor)
    newest = Release.objects.filter(hash_list=hash_list, number=hash_list.latest_release).first()
    if newest is None:
        raise NotFound("No renewal of this list waits for signatures.", code="renewal.not_found")
    return _signable(
        hash_list,
        waiting.signed_part,
        title=_("Sign release %(n)s again") % {"n": number(newest.number)},
        sentence=_("Release %(n)s as it is published already: %(entries)s entries, nothing changes.")
        % {"n": number(newest.number), "entries": number(newest.entries)},
        changed="",
        per_type=[(type_title(slug), number(count)) for slug, count in sorted(newest.counts.items())],
        facts=(newest.manifest_sha256, newest.state_root, waiting.list_version),
        given=waiting.signatures,
        open_=True,
        reference=_("Release %(n)s") % {"n": number(newest.number)},
        named=hash_list.id,
        addresses=(
            reverse("web:renewal", args=[hash_list.id]),
            reverse("web:renewal-part", args=[hash_list.id]),
            reverse("web:renewal-hosted", args=[hash_list.id]),
            reverse("web:list", args=[hash_list.id]),
        ),
    )


def _signable(
    hash_list: HashList,
    part: bytes,
    *,
    title: str,
    sentence: str,
    changed: str,
    per_type: Iterable[tuple[str, str]],
    facts: tuple[str, str, int],
    given: Collection[str],
    open_: bool,
    reference: str,
    named: str,
    addresses: tuple[str, str, str, str],
) -> Signable:
    sha256 = hashlib.sha256(part).hexdigest()
    manifest, state_root, version = facts
    entitled = list(entitled_keys(hash_list.id))
    hosted = [_choice(key, given) for key in entitled if key.custody == Custody.HOSTED]
    return Signable(
        hash_list=hash_list,
        title=title,
        sentence=sentence,
        changes=changed,
        per_type=tuple(per_type),
        part=part,
        sha256=sha256,
        digest=digest(sha256),
        manifest_hex=manifest,
        manifest=digest(manifest),
        state_root=digest(state_root),
        version=version,
        version_label=number(version),
        given=len(given),
        asked=hash_list.signature_threshold,
        own=tuple(_choice(key, given) for key in entitled if key.custody == Custody.OWN),
        hosted=hosted[0] if hosted else None,
        open=open_,
        reference=reference,
        named=named,
        file_name=f"{hash_list.id[:8]}-list-{version}.json",
        address=addresses[0],
        part_address=addresses[1],
        hosted_address=addresses[2],
        done_address=addresses[3],
    )


def _choice(key: SigningKey, given: Collection[str]) -> KeyChoice:
    return KeyChoice(
        id=str(key.id),
        name=key.name,
        keyid=key.keyid,
        short=short(key.keyid),
        p256=key.keytype == "ecdsa",
        signed=key.keyid in given,
    )
