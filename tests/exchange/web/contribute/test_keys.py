"""Bringing keys, confirming them, revoking them; signing with keys that lie elsewhere."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.signing_keys.models import SigningKey
from accounts.signing_keys.possession import possession_statement
from hashsets.releases.models import Draft
from hashsets.releases.publish import publish_draft
from tests import cast
from tests.exchange.web.contribute.given import (
    own_key,
    p256,
    page,
    pem_of,
    sent,
    signed_by,
    signed_with_own,
    text_of,
)
from tests.exchange.web.stage import release_one, signed_in
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return harbor_world(now=NOW)


def test_a_key_of_ones_own_is_proven_and_confirmed_by_somebody_else() -> None:
    crew = cast.harbor(now=NOW)
    signer, admin, private = signed_in(crew.signer.user), signed_in(crew.admin.user), p256()
    assert "no signing key yet" in page(signer, "/organisation/keys")
    fields = {"name": "Duty desk", "public": pem_of(private)}
    asked = sent(signer, "/organisation/keys/own", fields, status=200).content.decode()
    assert "Prove that you hold the key" in asked
    assert not SigningKey.objects.exists()
    keyid = asked.split(f"{crew.organisation.id}\n")[1][:64]
    proof = signed_by(private, possession_statement(crew.organisation.id, keyid))
    wrong = sent(signer, "/organisation/keys/own", fields | {"proof": proof.hex()[:-2] + "00"}, status=400)
    assert 'href="#proof"' in text_of(wrong)
    answer = sent(signer, "/organisation/keys/own", fields | {"proof": base64.b64encode(proof).decode()})
    address = answer.headers["Location"]
    assert "You brought this key" in page(signer, address)
    key = SigningKey.objects.get()
    assert (key.status, key.keyid) == ("pending", keyid)
    sent(signer, f"{address}/confirm", status=403)
    sent(admin, f"{address}/confirm")
    assert "In use" in page(admin, address)
    assert "Duty desk" in page(signer, "/organisation/keys")


@pytest.mark.slow
def test_whoever_has_a_key_made_at_the_exchange_does_not_confirm_it() -> None:
    crew = cast.harbor(now=NOW)
    admin = signed_in(crew.admin.user)
    nameless = text_of(sent(admin, "/organisation/keys/new", {"name": ""}, status=400))
    assert 'href="#name"' in nameless
    address = sent(admin, "/organisation/keys/new", {"name": "Hosted"}).headers["Location"]
    refused = text_of(sent(admin, f"{address}/confirm", status=403))
    assert "Whoever registered a key does not confirm it." in refused
    sent(signed_in(crew.second_admin.user), f"{address}/confirm")
    assert SigningKey.objects.get().status == "active"


@pytest.mark.slow
@pytest.mark.parametrize(
    "public", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_public_key_is_refused_at_its_field(public: str) -> None:
    signer = signed_in(cast.harbor(now=NOW).signer.user)
    shown = text_of(sent(signer, "/organisation/keys/own", {"name": "x", "public": public}, status=400))
    assert 'href="#public"' in shown
    assert 'value="x"' in shown


def test_a_revoked_key_leaves_its_lists_and_says_which_must_be_signed_again(world: World) -> None:
    crew = world.crew
    release_one(world)
    first, second = own_key(crew, p256(), name="First"), own_key(crew, p256(), name="Second")
    signed_with_own(crew, world.hash_list, first, second)
    admin = signed_in(crew.admin.user)
    assert "Enforcement list" in page(admin, f"/organisation/keys/{first.id}")
    sent(admin, f"/organisation/keys/{first.id}/revoke", {"reason": "Laptop stolen"})
    shown = page(admin, f"/organisation/keys/{first.id}")
    assert "is revoked." in shown
    assert "1 list has to be signed again." in shown
    sent(admin, f"/organisation/keys/{second.id}/revoke", {"reason": ""})
    assert "too few keys left" in page(admin, f"/organisation/keys/{second.id}")
    assert "Too few keys are left to sign." in page(admin, f"/lists/{world.hash_list.id}/settings")


@pytest.mark.slow
def test_keys_are_their_organisations_alone(world: World) -> None:
    key = own_key(world.crew, p256(), name="Marker of a key")
    stranger = signed_in(cast.stranger().user)
    assert "Marker" not in page(stranger, "/organisation/keys")
    page(stranger, f"/organisation/keys/{key.id}", 404)
    for act in ("confirm", "revoke"):
        sent(stranger, f"/organisation/keys/{key.id}/{act}", status=404)
    for role in ("contributor", "viewer", "approver"):
        client = signed_in(getattr(world.crew, role).user)
        sent(client, f"/organisation/keys/{key.id}/revoke", status=403)
        page(client, "/organisation/keys/browser", 403)


# Signing elsewhere


@pytest.mark.slow
@pytest.mark.parametrize("form", ["der", "hex", "base64"])
def test_a_detached_signature_is_taken_in_every_form_that_tools_write(world: World, form: str) -> None:
    private = p256()
    signed_with_own(world.crew, world.hash_list, own_key(world.crew, private))
    draft = world.draft(csv_of(range(7)))
    signer, base = signed_in(world.crew.signer.user), f"/submissions/{draft.submission_id}"
    assert "Read what is signed, and ways to sign" in page(signer, base)
    desk = page(signer, f"{base}/signature")
    assert "Release 1 of the list, with exactly 7 entries and no others." in desk
    assert "openssl pkeyutl -sign" in desk
    part = signer.get(f"{base}/signature/part").content
    assert part == bytes(draft.signed_part)
    signature = signed_by(private, part)
    forms: dict[str, dict[str, Any]] = {
        "der": {"file": SimpleUploadedFile("x.sig", signature)},
        "hex": {"signature": signature.hex().upper()},
        "base64": {"signature": base64.b64encode(signature).decode()},
    }
    answer = sent(signer, f"{base}/signature", forms[form])
    assert answer.headers["Location"] == base
    published = publish_draft(draft.id, now=timezone.now())
    assert published is not None
    assert "Published as release 1." in page(signer, base)


@pytest.mark.slow
def test_a_signature_that_is_none_is_refused_and_the_draft_stays_open(world: World) -> None:
    private = p256()
    signed_with_own(world.crew, world.hash_list, own_key(world.crew, private))
    draft = world.draft(csv_of(range(7)))
    signer, address = signed_in(world.crew.signer.user), f"/submissions/{draft.submission_id}/signature"
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "Choose the file with the signature, or paste it."),
        ({"signature": "hello"}, "This does not look like a signature."),
        ({"signature": signed_by(p256(), bytes(draft.signed_part)).hex()}, "not a valid signature"),
        ({"signature": signed_by(private, b"another").hex()}, "not a valid signature"),
    ]
    for fields, says in cases:
        assert says in text_of(sent(signer, address, fields, status=400))
    assert Draft.objects.get(id=draft.id).state == "open"


def test_two_keys_that_must_sign_are_told_apart(world: World) -> None:
    one, two = p256(), p256()
    keys = [own_key(world.crew, one, name="One"), own_key(world.crew, two, name="Two")]
    signed_with_own(world.crew, world.hash_list, *keys, threshold=2)
    draft = world.draft(csv_of(range(7)))
    signer, address = signed_in(world.crew.signer.user), f"/submissions/{draft.submission_id}/signature"
    signature = signed_by(one, bytes(draft.signed_part)).hex()
    assert "Say which key signed it." in text_of(sent(signer, address, {"signature": signature}, status=400))
    sent(signer, address, {"signature": signature, "key": keys[0].keyid})
    assert "1 of 2" in page(signer, address)
    sent(signer, address, {"signature": signed_by(two, bytes(draft.signed_part)).hex(), "key": keys[1].keyid})
    assert "Every signature is there." in page(signer, address)


@pytest.mark.slow
def test_content_is_signed_again_by_new_keys(world: World) -> None:
    release_one(world)
    private = p256()
    signed_with_own(world.crew, world.hash_list, own_key(world.crew, private))
    signer, base = signed_in(world.crew.signer.user), f"/lists/{world.hash_list.id}"
    part = signer.get(f"{base}/renewal/part").content
    sent(signer, f"{base}/renewal", {"signature": signed_by(private, part).hex()})
    assert "Signed again, and published." in page(signer, base)
    page(signer, f"{base}/renewal", 404)
    sent(signer, f"{base}/renewal/prepare")
    assert "Sign release 1 again" in page(signer, f"{base}/renewal")


def test_what_is_signed_is_the_publishers_alone(world: World) -> None:
    draft = world.draft(csv_of(range(7)))
    stranger, base = signed_in(cast.stranger().user), f"/submissions/{draft.submission_id}/signature"
    page(stranger, base, 404)
    page(stranger, f"{base}/part", 404)
    sent(stranger, base, {"signature": "00" * 64}, status=404)
    viewer = signed_in(world.crew.viewer.user)
    page(viewer, base, 403)


@pytest.mark.slow
def test_a_page_of_keys_asks_the_database_no_more_when_there_are_more(world: World) -> None:
    client = signed_in(world.crew.admin.user)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(client, "/organisation/keys")
        return len(found)

    page(client, "/organisation/keys")
    few = queries()
    for number in range(6):
        key = own_key(world.crew, p256(), name=f"Key {number}")
        assert key.status == "active"
    assert queries() <= few
