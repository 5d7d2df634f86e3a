"""Pages of a member in every state that they can be in, made with real verbs where there are any."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta

from accounts.credentials.issue import issue_credential, revoke_credential, roll_credential
from accounts.credentials.models import Credential
from exchange.access.decide import agree_to_access, decline_access
from exchange.access.models import AccessRequest
from exchange.access.request import request_access
from exchange.push.models import Attempt
from exchange.sharing.confirm import confirm_release
from exchange.sharing.fetched import note_fetch
from exchange.sharing.models import Endpoint, Subscription
from exchange.sharing.policy import set_policy
from exchange.sharing.subscribe import subscribe
from hashsets.lists.models import Classification, HashList
from tests import cast
from tests.exchange.web.stage import HOSTILE_NAME
from tests.exchange.world import endpoint_of, follow, new_list, publish
from tests.hashsets.releases.world import NOW


@dataclass(frozen=True, slots=True)
class Scene:
    """Lumen, what it follows and asked for, its credentials, endpoints and attempts; Harbor publishes."""

    lists: dict[str, HashList]
    subscriptions: dict[str, Subscription]
    endpoints: dict[str, Endpoint]
    attempts: dict[str, Attempt]
    credentials: dict[str, Credential]
    requests: dict[str, AccessRequest]


def set_scene() -> Scene:
    """Everything at once, for looking at pages."""
    harbor, lumen = cast.harbor(now=NOW), cast.lumen(now=NOW)
    lists = {
        "open": new_list(harbor, "Open to members"),
        "followed": new_list(harbor, "Followed and in step"),
        "behind": new_list(harbor, HOSTILE_NAME),
        "wrong": new_list(harbor, "Followed with a wrong root"),
        "public": new_list(harbor, "Public list", audience="public", tlp="clear"),
        "sandbox": new_list(harbor, "Sandbox", audience="public", tlp="clear", sandbox="try"),
        "bad": new_list(harbor, "Bad", audience="public", tlp="clear", sandbox="bad-signature"),
        "closed": new_list(harbor, "Closed list", status="closed"),
        "request": new_list(harbor, "On request", audience="named", findable=True),
        "asked": new_list(harbor, "Asked for", audience="named", findable=True),
        "agreed": new_list(harbor, "Agreed by one", audience="named", findable=True),
        "declined": new_list(harbor, "Declined", audience="named", findable=True),
        "hidden": new_list(harbor, "Marker of a hidden list", audience="named"),
        "own": new_list(lumen, "Lumen's own"),
    }
    for name, row in lists.items():
        if name not in ("open", "closed"):
            publish(row, now=NOW - timedelta(days=3))
    Classification.objects.create(hash_list=lists["followed"], code=1, label="A1", meaning="The worst")
    return Scene(
        lists=lists,
        subscriptions=_follow(lists),
        endpoints=(endpoints := _endpoints(lists)),
        attempts=_attempts(endpoints["active"], lists["followed"]),
        credentials=_credentials(),
        requests=_requests(lists),
    )


def _follow(lists: dict[str, HashList]) -> dict[str, Subscription]:
    actor = cast.lumen(now=NOW).integrator.actor
    followed = {
        name: subscribe(lists[name].id, actor=actor, now=NOW) for name in ("followed", "behind", "wrong")
    }
    followed["followed"] = set_policy(
        followed["followed"].id,
        policy={"minimum_publishers": 2, "jurisdictions": ["CA", "GB"], "classifications": ["A1"]},
        actor=actor,
        now=NOW,
    )
    note_fetch(actor.organisation(), lists["followed"].id, 1, now=NOW)
    note_fetch(actor.organisation(), lists["behind"].id, 1, now=NOW)
    for name, root in (("followed", None), ("wrong", "0" * 64)):
        release = lists[name].releases.get(number=1)
        confirm_release(
            lists[name].id, release=1, state_root=root or release.state_root, hash_types=["sha256"],
            applied_at=NOW - timedelta(minutes=7), actor=actor, now=NOW,
        )  # fmt: skip
    return followed


def _endpoints(lists: dict[str, HashList]) -> dict[str, Endpoint]:
    lumen = cast.lumen(now=NOW)
    made = {
        "active": endpoint_of(lumen, "https://lumen.example.org/hook", last_success_at=NOW),
        "unverified": endpoint_of(
            lumen, "https://new.example.org/" + "path/" * 60, state="unverified", verified_at=None
        ),
        "failing": endpoint_of(
            lumen, "https://failing.example.org/", failures=7, failing_since=NOW,
            due_at=NOW + timedelta(days=400), last_error="It answered 500.", description=HOSTILE_NAME,
        ),
        "paused": endpoint_of(lumen, "https://paused.example.org/", state="paused", paused_reason="asked"),
        "gone": endpoint_of(lumen, "https://gone.example.org/", state="paused", paused_reason="gone"),
        "given-up": endpoint_of(lumen, "https://up.example.org/", state="paused", paused_reason="failing"),
        "closed": endpoint_of(lumen, "https://closed.example.org/", state="closed"),
    }  # fmt: skip
    follow(lumen, lists["followed"], made["active"], told=1)
    follow(lumen, lists["behind"], made["active"], told=0)
    return made


def attempt(endpoint: Endpoint, outcome: str = "delivered", **columns: object) -> Attempt:
    values: dict[str, object] = {
        "organisation_id": endpoint.organisation_id,
        "notice_id": "msg_" + hashlib.sha256(b"x").hexdigest()[:24],
        "kind": "release", "started_at": NOW, "duration_ms": 132, "outcome": outcome,
        "request_body": '{"type":"release.published","data":{"lists":[]}}',
    }  # fmt: skip
    return Attempt.objects.create(endpoint=endpoint, **(values | columns))


def _attempts(endpoint: Endpoint, hash_list: HashList) -> dict[str, Attempt]:
    told = {hash_list.id: 1}
    return {
        "delivered": attempt(endpoint, status=200, releases=told, response_head="HTTP/1.1 200 OK\nServer: x"),
        "tls": attempt(
            endpoint, "tls", error="certificate verify failed: self-signed certificate", urgent=True
        ),
        "refused": attempt(
            endpoint, "refused", status=500, error="It answered 500.", response_head="<b>no</b>"
        ),
        "ping": attempt(endpoint, "timeout", kind="ping", error="No answer within 10 seconds."),
    }


def _credentials() -> dict[str, Credential]:
    lumen = cast.lumen(now=NOW)
    actor = lumen.integrator.actor

    def issue(name: str, *, days: int = 300, mode: str = "live") -> Credential:
        return issue_credential(
            lumen.organisation, name=name, scopes=["list.view", "release.confirm"], mode=mode,
            expires_at=NOW + timedelta(days=days), networks=["198.51.100.0/24"], actor=actor, now=NOW,
        ).credential  # fmt: skip

    made = {
        "live": issue("sync server"),
        "test": issue("try", mode="test"),
        "soon": issue("ends soon", days=9),
    }
    made["rolled"] = roll_credential(
        made["soon"].id, expires_at=NOW + timedelta(days=99), overlap=None, actor=actor, now=NOW
    ).credential
    made["revoked"] = revoke_credential(issue(HOSTILE_NAME[40:130]).id, actor=actor, now=NOW)
    made["expired"] = issue("expired")
    Credential.objects.filter(id=made["expired"].id).update(expires_at=NOW)
    return made


def _requests(lists: dict[str, HashList]) -> dict[str, AccessRequest]:
    harbor, lumen = cast.harbor(now=NOW), cast.lumen(now=NOW)
    made = {
        name: request_access(
            lists[name].id, reason="We host <b>videos</b>.", actor=lumen.integrator.actor, now=NOW
        )
        for name in ("asked", "agreed", "declined")
    }
    made["agreed"] = agree_to_access(made["agreed"].id, actor=harbor.admin.actor, now=NOW)
    made["declined"] = decline_access(
        made["declined"].id, answer="Not for <i>hosts</i>.", actor=harbor.admin.actor, now=NOW
    )
    pixelhaus = cast.pixelhaus(now=NOW)
    made["granted"] = request_access(
        lists["asked"].id, reason="We host pictures.", actor=pixelhaus.integrator.actor, now=NOW
    )
    for person in (harbor.admin, harbor.second_admin):
        made["granted"] = agree_to_access(made["granted"].id, actor=person.actor, now=NOW)
    return made


def secret_of(page: str) -> str:
    """The key or secret that a page shows once."""
    start = page.index('id="secret-value"')
    return page[page.index(">", start) + 1 : page.index("</code>", start)]


def challenge_secret(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))
