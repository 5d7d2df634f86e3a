"""Signatures: of the publisher's own keys and of hosted ones; only valid ones of entitled, active keys
count.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from securesystemslib.signer import CryptoSigner

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed
from accounts.identity.roles import Role
from accounts.signing_keys.models import Custody, SigningKey
from accounts.signing_keys.possession import possession_statement
from accounts.signing_keys.register import confirm_key, register_public_key, revoke_key
from hashsets.intake.models import SubmissionState
from hashsets.lists.define import entitle_key
from hashsets.releases.models import Draft, DraftSignature, DraftState
from hashsets.releases.publish import publish_draft
from hashsets.releases.sign import add_signature, sign_with_hosted_key
from hashsets.releases.verify import verify_release
from hashsets.trust.repository import open_repository
from tests import cast
from tests.hashsets.releases.world import NOW, World, bare_list, built, csv_of, harbor_world

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, slots=True)
class Holder:
    """A key that the organisation keeps itself, with both halves."""

    signer: CryptoSigner
    key: SigningKey

    def sign(self, draft: Draft) -> str:
        return str(self.signer.sign(bytes(draft.signed_part)).signature)


def holder(crew: cast.Crew, signer: CryptoSigner, name: str) -> Holder:
    public = signer.public_key
    statement = possession_statement(crew.organisation.id, public.keyid)
    key = register_public_key(
        crew.organisation,
        name=name,
        keyid=public.keyid,
        keytype=public.keytype,
        scheme=public.scheme,
        public=public.keyval["public"],
        custody=Custody.OWN,
        proof=str(signer.sign(statement).signature),
        actor=crew.admin.actor,
        now=NOW,
    )
    return Holder(signer, confirm_key(key.id, actor=crew.second_admin.actor, now=NOW))


def two_of_two() -> tuple[World, Holder, Holder]:
    """A list that two own keys must sign: one Ed25519, one ECDSA P-256."""
    crew = cast.harbor()
    one = holder(crew, CryptoSigner.generate_ed25519(), "Ed25519 key")
    other = holder(crew, CryptoSigner.generate_ecdsa(), "P-256 key")
    hash_list = bare_list(crew, signature_threshold=2)
    for each in (one, other):
        entitle_key(hash_list, each.key, actor=crew.admin.actor, now=NOW)
    open_repository(hash_list, publisher_keys=[one.key, other.key], threshold=2, now=NOW)
    return World(crew, hash_list, one.key), one, other


def test_below_the_threshold_a_draft_stays_open_and_with_enough_it_is_frozen() -> None:
    world, one, other = two_of_two()
    draft = world.draft(csv_of(range(5)))
    signer = world.crew.signer.actor
    draft = add_signature(draft.id, keyid=one.key.keyid, signature=one.sign(draft), actor=signer, now=NOW)
    assert draft.state == DraftState.OPEN
    assert publish_draft(draft.id, now=NOW) is None
    draft = add_signature(draft.id, keyid=other.key.keyid, signature=other.sign(draft), actor=signer, now=NOW)
    assert draft.state == DraftState.SIGNED
    assert publish_draft(draft.id, now=NOW) is not None
    assert AuditEvent.objects.filter(action="draft.signed").count() == 2
    assert verify_release(world.fresh(), 1).ok


def test_the_same_key_signing_twice_counts_once() -> None:
    world, one, _ = two_of_two()
    draft = world.draft(csv_of(range(5)))
    for _ in range(2):
        draft = add_signature(
            draft.id,
            keyid=one.key.keyid,
            signature=one.sign(draft),
            actor=world.crew.signer.actor,
            now=NOW,
        )
    assert draft.state == DraftState.OPEN
    assert DraftSignature.objects.count() == 1
    assert AuditEvent.objects.filter(action="draft.signed").count() == 1


@pytest.mark.parametrize("signature", ["00" * 64, "zz", "", "ab" * 2000])
def test_a_signature_that_does_not_verify_is_refused_and_not_kept(signature: str) -> None:
    world, one, _ = two_of_two()
    draft = world.draft(csv_of(range(5)))
    with pytest.raises(Invalid) as refused:
        add_signature(
            draft.id,
            keyid=one.key.keyid,
            signature=signature,
            actor=world.crew.signer.actor,
            now=NOW,
        )
    assert refused.value.code == "signature.invalid"
    assert not DraftSignature.objects.exists()


def test_a_signature_over_another_draft_is_refused() -> None:
    world, one, _ = two_of_two()
    draft = world.draft(csv_of(range(5)))
    other_bytes = bytes(draft.signed_part).replace(b'"version":1', b'"version":2')
    with pytest.raises(Invalid):
        add_signature(
            draft.id,
            keyid=one.key.keyid,
            signature=str(one.signer.sign(other_bytes).signature),
            actor=world.crew.signer.actor,
            now=NOW,
        )


def test_a_key_that_is_not_entitled_for_this_list_cannot_sign_it() -> None:
    world, _, _ = two_of_two()
    outside = holder(world.crew, CryptoSigner.generate_ed25519(), "Spare key")
    draft = world.draft(csv_of(range(5)))
    with pytest.raises(Conflict) as refused:
        add_signature(
            draft.id,
            keyid=outside.key.keyid,
            signature=outside.sign(draft),
            actor=world.crew.signer.actor,
            now=NOW,
        )
    assert refused.value.code == "key.not_entitled"


def test_a_key_revoked_between_signing_and_publishing_sends_the_submission_back_in_line() -> None:
    world, one, other = two_of_two()
    draft = world.draft(csv_of(range(5)))
    for each in (one, other):
        draft = add_signature(
            draft.id,
            keyid=each.key.keyid,
            signature=each.sign(draft),
            actor=world.crew.signer.actor,
            now=NOW,
        )
    revoke_key(other.key.id, actor=world.crew.admin.actor, now=NOW)
    assert publish_draft(draft.id, now=NOW) is None
    draft.refresh_from_db()
    assert draft.state == DraftState.ABANDONED
    assert draft.submission.state == SubmissionState.APPROVED
    assert world.fresh().latest_release == 0
    again = built(draft.submission)
    assert again.list_version > draft.list_version


def test_signing_needs_the_right_to_sign() -> None:
    world = harbor_world()
    draft = world.draft(csv_of([1]))
    with pytest.raises(NotAllowed) as refused:
        sign_with_hosted_key(draft.id, actor=world.crew.approver.actor, now=NOW)
    assert refused.value.code == "permission.missing"


def test_a_hosted_key_does_not_take_detached_signatures() -> None:
    world = harbor_world()
    draft = world.draft(csv_of([1]))
    with pytest.raises(Conflict) as refused:
        add_signature(
            draft.id, keyid=world.key.keyid, signature="00" * 64, actor=world.crew.signer.actor, now=NOW
        )
    assert refused.value.code == "key.not_entitled"


def test_a_list_of_own_keys_has_none_to_sign_with_here() -> None:
    world, _, _ = two_of_two()
    draft = world.draft(csv_of([1]))
    with pytest.raises(Conflict) as refused:
        sign_with_hosted_key(draft.id, actor=world.crew.signer.actor, now=NOW)
    assert refused.value.code == "key.none_hosted"


def test_a_signed_draft_takes_no_further_signature() -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of([1])))
    second = cast.person(world.crew.organisation, "Sven Signer", (Role.SIGNER,))
    with pytest.raises(Conflict) as refused:
        sign_with_hosted_key(draft.id, actor=second.actor, now=NOW)
    assert refused.value.code == "draft.not_open"
