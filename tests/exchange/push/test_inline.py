"""Small deltas in notices: only where both sides want them, only from where the member is, and not logged."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Refusal
from exchange.client.receive import MAX_BODY as MOST_OF_CLIENT
from exchange.client.receive import Trust, verify_notice
from exchange.push.by_hand import resend_attempt
from exchange.push.deliver import deliver_due
from exchange.push.fan_out import notices_for
from exchange.push.models import Attempt
from exchange.push.notice import MAX_INLINE, Delta, News, compose
from exchange.push.signature import signed_headers
from exchange.sharing.models import Confirmation, Endpoint, Subscription
from exchange.sharing.policy import ask_inline_delta
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.lists.inline import allow_inline_delta
from hashsets.lists.models import HashList
from hashsets.releases.models import TargetFile
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.push.test_notice import ENDPOINT, SECRET, list_id, news, shown
from tests.exchange.world import SIGNER, digest, endpoint_of, follow, new_list, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]
CONTENT = b"PAR1 stands for a delta of a few hashes PAR1"


class Scene:
    """A member that confirmed release 1 and is owed release 2, whose delta is one small file in the store.
    Both sides want it in the notice."""

    def __init__(self, url: str = "https://hooks.lumen.example.org/", content: bytes = CONTENT) -> None:
        self.harbor, self.lumen = cast.harbor(), cast.lumen()
        self.hash_list = new_list(self.harbor)
        publish(self.hash_list)
        publish(self.hash_list)
        self.content = content
        file = TargetFile.objects.get(hash_list=self.hash_list, release=2)
        file.sha256, file.length = hashlib.sha256(content).hexdigest(), len(content)
        file.save()
        self.file = file
        blob_store().put_bytes(keys.target(self.hash_list.id, file.path, file.sha256), content)
        self.endpoint = endpoint_of(self.lumen, url)
        self.subscription = follow(self.lumen, self.hash_list, self.endpoint, told=1)
        self.confirm(1)
        self.allow(True)
        self.ask(True)

    def allow(self, allowed: bool) -> None:
        allow_inline_delta(self.hash_list.id, allowed=allowed, actor=self.harbor.admin.actor, now=NOW)

    def ask(self, wanted: bool) -> None:
        ask_inline_delta(self.subscription.id, wanted=wanted, actor=self.lumen.integrator.actor, now=NOW)

    def confirm(self, release: int, *, matches: bool = True) -> None:
        Confirmation.objects.create(
            organisation=self.lumen.organisation, hash_list=self.hash_list, release=release,
            state_root=digest("root", release), hash_types=["md5"], matches=matches, applied_at=NOW,
            received_at=NOW,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        notice = notices_for([self.endpoint])[self.endpoint.id]
        (one,) = json.loads(notice.body)["data"]["lists"]
        return dict(one["delta"])


def test_a_small_delta_travels_where_both_want_it() -> None:
    scene = Scene()
    assert base64.b64decode(scene.told()["inline"]) == CONTENT
    assert scene.told()["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_by_default_nobody_lets_it_and_nobody_asks() -> None:
    assert not HashList(title="x").inline_delta
    assert not Subscription().inline_delta


@pytest.mark.parametrize(
    "why",
    [
        "not let", "not asked", "not confirmed", "confirmed another release", "confirmed another state",
        "told before", "two files", "too large", "gone from the store", "damaged in the store",
    ],
)  # fmt: skip
def test_it_does_not_travel_when(why: str) -> None:
    """A notice is composed all the same, thin and with the same facts."""
    scene = Scene(content=b"x" * (MAX_INLINE + 1) if why == "too large" else CONTENT + why.encode())
    key = keys.target(scene.hash_list.id, scene.file.path, scene.file.sha256)
    confirmations = Confirmation.objects.filter(hash_list=scene.hash_list)
    match why:
        case "not let":
            scene.allow(False)
        case "not asked":
            scene.ask(False)
        case "not confirmed":
            confirmations.delete()
        case "confirmed another release":
            scene.confirm(2)
        case "confirmed another state":
            confirmations.update(matches=False)
        case "told before":
            scene.endpoint.cursors.update(notified_release=0)
        case "two files":
            TargetFile.objects.create(
                organisation=scene.harbor.organisation, hash_list=scene.hash_list, release=2, length=9,
                path=scene.file.path.replace("/md5.", "/sha256."),
                sha256=digest("second"),
            )  # fmt: skip
        case "gone from the store":
            blob_store().delete(key)
        case "damaged in the store":
            blob_store().delete(key)
            blob_store().put_bytes(key, CONTENT[:-1])
    notice = notices_for([scene.endpoint])[scene.endpoint.id]
    (told,) = json.loads(notice.body)["data"]["lists"]
    assert "inline" not in (told["delta"] or {})
    assert (told["release"], notice.thin) == (2, None)


def test_another_member_that_did_not_ask_is_told_thinly_in_the_same_breath() -> None:
    scene = Scene()
    other = cast.pixelhaus()
    endpoint = endpoint_of(other, "https://hooks.pixelhaus.example.org/")
    follow(other, scene.hash_list, endpoint, told=1)
    notices = notices_for([scene.endpoint, endpoint])
    assert b'"inline"' in notices[scene.endpoint.id].body
    assert b'"inline"' not in notices[endpoint.id].body


def test_the_log_and_what_is_sent_again_from_it_hold_no_hash(members: Members) -> None:
    scene = Scene(members.url("ok"))
    assert deliver_due(lane="routine", now=NOW, signer=SIGNER).delivered == 1
    (arrival,) = members.arrivals
    encoded = base64.b64encode(CONTENT)
    assert encoded in arrival.body
    attempt = Attempt.objects.get()
    assert encoded.decode() not in attempt.request_body
    assert json.loads(attempt.request_body)["data"]["lists"][0]["release"] == 2
    resend_attempt(attempt.id, actor=scene.lumen.integrator.actor, now=NOW, signer=SIGNER)
    assert encoded not in members.arrivals[-1].body
    assert members.arrivals[-1].headers["webhook-id"] == arrival.headers["webhook-id"]


def carrying(number: int, length: int) -> News:
    content = bytes([number]) * length
    return replace(news(number), delta=Delta(6, 7, length, hashlib.sha256(content).hexdigest(), content))


def test_a_notice_carries_as_many_deltas_as_fit_and_our_client_takes_it() -> None:
    many = [carrying(number, 3_000) for number in range(1, 4)] + [news(number) for number in range(4, 40)]
    notice = compose(ENDPOINT, many)
    assert len(notice.body) <= MOST_OF_CLIENT
    headers = signed_headers(notice.id, int(NOW.timestamp()), notice.body, secrets=[SECRET], signer=SIGNER)
    believed = verify_notice(headers, notice.body, trust=Trust(secrets=[shown(SECRET)]), now=NOW.timestamp())
    came = {one.list_id: one.delta.inline for one in believed.lists if one.delta and one.delta.inline}
    assert came == {list_id(number): bytes([number]) * 3_000 for number in (1, 2)}
    thin = compose(ENDPOINT, [one.thin() for one in many])
    assert notice.logged == thin.body == thin.logged
    assert thin.id != notice.id  # one id, one body
    assert notice.releases == thin.releases


def test_the_largest_notice_fits() -> None:
    notice = compose(ENDPOINT, [carrying(1, MAX_INLINE), *[news(number) for number in range(2, 40)]])
    assert notice.thin is not None
    assert len(notice.thin) > 3_700
    assert len(notice.body) <= MOST_OF_CLIENT


def test_letting_and_asking_are_audited_once_and_refused_to_others() -> None:
    scene = Scene()
    scene.allow(True)
    scene.ask(True)
    actions = list(AuditEvent.objects.values_list("action", flat=True))
    assert actions.count("list.inline_delta_set") == actions.count("subscription.inline_delta_set") == 1
    for crew in (scene.lumen, cast.stranger()):
        actor = crew.actor if isinstance(crew, cast.Outsider) else crew.admin.actor
        with pytest.raises(Refusal) as refused:
            allow_inline_delta(scene.hash_list.id, allowed=False, actor=actor, now=NOW)
        assert refused.value.code in ("list.other_publisher", "permission.missing", "list.not_found")
    with pytest.raises(Refusal) as refused:
        ask_inline_delta(scene.subscription.id, wanted=False, actor=scene.harbor.integrator.actor, now=NOW)
    assert refused.value.code in ("subscription.not_found", "permission.missing")
    assert HashList.objects.get(id=scene.hash_list.id).inline_delta
    assert Endpoint.objects.count() == 1
