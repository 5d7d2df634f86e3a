"""What a notice says, and that a stock library and our own receiver believe it."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from accounts.errors import Refusal
from exchange.client.receive import SeenNotices, Trust, verify_notice
from exchange.client.receive import challenge_answer as answer_of_member
from exchange.push.notice import MAX_BODY, Delta, News, Notice, challenge, compose
from exchange.push.signature import challenge_answer, signed_headers
from tests.cast import NOW
from tests.exchange.world import PUSH_KEY, SIGNER, digest

ENDPOINT = uuid.UUID("6b1f5d1e-0000-4000-8000-000000000001")
SECRET, OLD_SECRET = b"n" * 32, b"o" * 32
PUBLIC_KEY = "whpk_" + base64.b64encode(PUSH_KEY.public_key().public_bytes_raw()).decode()


def shown(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


def list_id(number: int) -> str:
    return base64.b32encode(number.to_bytes(16, "big")).decode().rstrip("=").lower()


def news(number: int = 1, *, urgent: bool = False, at: datetime = NOW) -> News:
    return News(
        list_id=list_id(number),
        release=7,
        urgent=urgent,
        published_at=at,
        manifest_sha256=digest("manifest", number),
        manifest_length=1_234,
        timestamp_version=41,
        snapshot_version=9,
        delta=Delta(base=6, release=7, length=512, sha256=digest("delta", number)),
    )


def headers_of(notice: Notice, at: float, *secrets: bytes) -> dict[str, str]:
    return signed_headers(notice.id, int(at), notice.body, secrets=secrets or (SECRET,), signer=SIGNER)


def test_the_body_is_what_the_interface_promises() -> None:
    notice = compose(ENDPOINT, [news()])
    assert json.loads(notice.body) == {
        "type": "release.published",
        "timestamp": "2026-01-15T09:00:00.000Z",
        "data": {
            "endpoint": str(ENDPOINT),
            "lists": [
                {
                    "list_id": list_id(1),
                    "release": 7,
                    "urgent": False,
                    "manifest": {"sha256": digest("manifest", 1), "length": 1_234},
                    "tuf": {"timestamp": 41, "snapshot": 9},
                    "delta": {"from": 6, "to": 7, "length": 512, "sha256": digest("delta", 1)},
                }
            ],
        },
    }


def test_it_carries_as_many_lists_as_fit_below_four_kilobytes_and_urgent_ones_first() -> None:
    many = [news(number, at=NOW + timedelta(seconds=number)) for number in range(1, 40)]
    many.append(news(40, urgent=True, at=NOW + timedelta(days=1)))
    notice = compose(ENDPOINT, many)
    told = [one["list_id"] for one in json.loads(notice.body)["data"]["lists"]]
    assert len(notice.body) < MAX_BODY
    assert told == [list_id(number) for number in (40, *range(1, len(told)))]
    assert list(notice.releases) == told
    assert len(told) >= 9
    assert notice.urgent


def test_id_and_body_are_the_same_at_every_try() -> None:
    first, again = compose(ENDPOINT, [news(1), news(2)]), compose(ENDPOINT, [news(2), news(1)])
    assert (first.id, first.body) == (again.id, again.body)
    assert compose(uuid.uuid4(), [news(1), news(2)]).id != first.id
    assert compose(ENDPOINT, [news(1)]).id != first.id
    assert compose(ENDPOINT, [replace(news(1), release=8), news(2)]).id != first.id
    assert len(first.id) <= 64
    assert ENDPOINT.hex in first.id


def test_a_stock_library_verifies_the_mixed_header() -> None:
    notice = compose(ENDPOINT, [news()])
    headers = headers_of(notice, datetime.now(UTC).timestamp())
    assert headers["webhook-signature"].count(" ") == 1
    assert " v1a," in headers["webhook-signature"]
    assert Webhook(shown(SECRET)).verify(notice.body, headers)["type"] == "release.published"
    with pytest.raises(WebhookVerificationError):
        Webhook(shown(SECRET)).verify(notice.body.replace(b'"release":7', b'"release":8'), headers)


def test_a_stock_library_with_the_old_secret_verifies_during_a_rotation() -> None:
    notice = compose(ENDPOINT, [news()])
    headers = headers_of(notice, datetime.now(UTC).timestamp(), SECRET, OLD_SECRET)
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(shown(secret)).verify(notice.body, headers)["data"]["endpoint"] == str(ENDPOINT)


@pytest.mark.parametrize(
    "trust",
    [
        Trust(secrets=[shown(SECRET)]),
        Trust(public_key=PUBLIC_KEY),
        Trust(secrets=[shown(OLD_SECRET), shown(SECRET)], public_key=PUBLIC_KEY, endpoint=str(ENDPOINT)),
    ],
)
def test_our_receiver_believes_a_notice(trust: Trust) -> None:
    notice = compose(ENDPOINT, [news()])
    at = NOW.timestamp()
    believed = verify_notice(headers_of(notice, at), notice.body, trust=trust, now=at + 200)
    (told,) = believed.lists
    assert (believed.id, believed.endpoint, believed.kind) == (notice.id, str(ENDPOINT), "release.published")
    assert (told.list_id, told.release, told.timestamp_version) == (list_id(1), 7, 41)
    assert told.delta is not None
    assert (told.delta.base, told.delta.length) == (6, 512)


def refusal(headers: dict[str, str], body: bytes, at: float, **trust: Any) -> str:
    with pytest.raises(Refusal) as refused:
        verify_notice(headers, body, trust=Trust(**(trust or {"secrets": [shown(SECRET)]})), now=at)
    return refused.value.code


def test_it_refuses_what_the_exchange_did_not_sign() -> None:
    notice = compose(ENDPOINT, [news()])
    at = NOW.timestamp()
    good = headers_of(notice, at)
    v1, v1a = good["webhook-signature"].split(" ")
    assert refusal(good, notice.body + b" ", at) == "notice.bad_signature"
    assert refusal(good | {"webhook-id": "msg_other"}, notice.body, at) == "notice.bad_signature"
    assert refusal(good | {"webhook-timestamp": str(int(at) + 1)}, notice.body, at) == "notice.bad_signature"
    assert refusal(good | {"webhook-signature": v1a}, notice.body, at) == "notice.bad_signature"
    assert refusal(good, notice.body, at, secrets=[shown(OLD_SECRET)]) == "notice.bad_signature"
    # With both known, both must fit: whoever learned the secret still lacks the key.
    both = {"secrets": [shown(SECRET)], "public_key": PUBLIC_KEY}
    assert refusal(good | {"webhook-signature": v1}, notice.body, at, **both) == "notice.bad_signature"
    # And whoever has the key of another installation still lacks the secret.
    assert refusal(good | {"webhook-signature": v1a}, notice.body, at, **both) == "notice.bad_signature"
    theirs = headers_of(notice, at, OLD_SECRET)
    assert refusal(theirs, notice.body, at, **both) == "notice.bad_signature"
    assert refusal({}, notice.body, at) == "notice.no_headers"


@pytest.mark.parametrize("late", [-301, 301])
def test_it_refuses_a_notice_of_another_time(late: int) -> None:
    notice = compose(ENDPOINT, [news()])
    at = NOW.timestamp()
    assert refusal(headers_of(notice, at), notice.body, at + late) == "notice.stale"


def test_it_refuses_a_notice_for_another_endpoint() -> None:
    notice = compose(ENDPOINT, [news()])
    at = NOW.timestamp()
    other = str(uuid.uuid4())
    assert (
        refusal(headers_of(notice, at), notice.body, at, public_key=PUBLIC_KEY, endpoint=other)
        == "notice.other_endpoint"
    )


def test_the_id_of_a_notice_names_the_endpoint_as_its_body_does() -> None:
    """Both are signed together; ids are what repetition is told by, so that none may stand for another's."""
    notice, other = compose(ENDPOINT, [news()]), uuid.uuid4()
    at = NOW.timestamp()
    trust: dict[str, Any] = {"public_key": PUBLIC_KEY, "endpoint": str(ENDPOINT)}
    for wrong in (f"msg_{other.hex}_1", "msg_", notice.id.replace(ENDPOINT.hex, ENDPOINT.hex[:-1] + "2")):
        renamed = replace(notice, id=wrong)
        assert refusal(headers_of(renamed, at), notice.body, at, **trust) == "notice.other_endpoint"
    body = notice.body.replace(str(ENDPOINT).encode(), str(other).encode())
    moved = replace(notice, body=body)
    assert refusal(headers_of(moved, at), body, at, **trust) == "notice.other_endpoint"
    assert verify_notice(headers_of(notice, at), notice.body, trust=Trust(**trust), now=at).id == notice.id


def test_it_refuses_a_replayed_notice() -> None:
    notice, at, seen = compose(ENDPOINT, [news()]), NOW.timestamp(), SeenNotices()
    trust = Trust(secrets=[shown(SECRET)])
    verify_notice(headers_of(notice, at), notice.body, trust=trust, now=at, seen=seen)
    # Not acted upon yet: a retry must be believed.
    verify_notice(headers_of(notice, at + 5), notice.body, trust=trust, now=at + 5, seen=seen)
    seen.remember(notice.id, now=at + 5)
    with pytest.raises(Refusal) as refused:
        verify_notice(headers_of(notice, at + 9), notice.body, trust=trust, now=at + 9, seen=seen)
    assert refused.value.code == "notice.replayed"


def test_seen_notices_are_forgotten_once_their_time_alone_refuses_them() -> None:
    seen = SeenNotices(tolerance=300)
    seen.remember("msg_first", now=0)
    seen.remember("msg_second", now=599)
    assert "msg_first" in seen
    seen.remember("msg_third", now=601)
    assert "msg_first" not in seen
    assert "msg_second" in seen


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 3_000,
        b'{"type":"release.published","data":{"endpoint":"e","lists":[{"list_id":"../../etc"}]}}',
        b'{"type":"release.published","data":{"endpoint":"e","lists":[1]}}',
        b'{"type":"endpoint.challenge","data":{"endpoint":"e","nonce":"msg.1.body"}}',
    ],
)
def test_garbage_with_a_valid_signature_is_refused_plainly(body: bytes) -> None:
    at = NOW.timestamp()
    headers = signed_headers("msg_1", int(at), body, secrets=[SECRET], signer=SIGNER)
    assert refusal(headers, body, at) == "notice.malformed"


def test_an_unknown_kind_of_notice_is_believed_and_says_nothing() -> None:
    at, body = NOW.timestamp(), b'{"type":"something.new","data":{"endpoint":"e"}}'
    headers = signed_headers("msg_1", int(at), body, secrets=[SECRET], signer=SIGNER)
    believed = verify_notice(headers, body, trust=Trust(secrets=[shown(SECRET)]), now=at)
    assert (believed.kind, believed.lists) == ("something.new", ())


def test_member_and_exchange_agree_on_the_answer_to_a_challenge() -> None:
    nonce = "ab" * 32
    notice = challenge(ENDPOINT, nonce, now=NOW)
    at = NOW.timestamp()
    asked = verify_notice(headers_of(notice, at), notice.body, trust=Trust(secrets=[shown(SECRET)]), now=at)
    assert asked.nonce == nonce
    assert json.loads(answer_of_member(shown(SECRET), nonce)) == {"answer": challenge_answer(SECRET, nonce)}


def test_a_member_answers_nothing_that_could_be_a_signature_of_something_else() -> None:
    with pytest.raises(Refusal, match="nonce"):
        answer_of_member(shown(SECRET), "msg_1.1700000000.{}")


def test_a_receiver_must_know_something_to_trust() -> None:
    with pytest.raises(ValueError, match="secret or the exchange's public key"):
        Trust()
