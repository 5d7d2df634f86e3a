"""A small world for sharing and push: lists with releases as rows, members that follow them, endpoints.

Releases here are rows only, as the station before push leaves them; what they name is not built. The
journey tests go the whole way.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.push.models import Attempt
from exchange.push.signature import NoticeSigner
from exchange.sharing import secrets
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState, Subscription
from hashsets.core.manifest import delta_name
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList
from hashsets.releases.models import Draft, Release, TargetFile
from tests import cast
from tests.cast import NOW, Crew

PUSH_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"push key of the tests").digest())
SIGNER: NoticeSigner = PUSH_KEY.sign


def no_jitter() -> float:
    """The draw that leaves every wait as the calendar says."""
    return 0.5


def digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def new_list(
    owner: Crew, title: str = "Known files", *, audience: str = "members", **columns: Any
) -> HashList:
    return HashList.objects.create(
        organisation=owner.organisation,
        title=title,
        jurisdiction=owner.organisation.jurisdiction,
        legal_basis="Act 1",
        purpose="tests",
        audience=audience,
        hash_types=["md5", "sha256"],
        created_at=NOW,
        **columns,
    )


def publish(
    hash_list: HashList, *, urgent: bool = False, exported: bool = True, now: datetime = NOW, deltas: int = 1
) -> Release:
    """The next release of `hash_list`, with `deltas` delta files from release 2 on."""
    number = HashList.objects.get(id=hash_list.id).latest_release + 1
    owner = hash_list.organisation
    submitter = owner.memberships.all()[0].user
    submission = Submission.objects.create(
        organisation=owner, hash_list=hash_list, mode="add", upload_sha256=digest(hash_list.id, number),
        upload_length=10, received_at=now, submitted_by=submitter, state="published", urgent=urgent,
    )  # fmt: skip
    draft = Draft.objects.create(
        organisation=owner, hash_list=hash_list, submission=submission, state="published",
        base_release=number - 1, created_at=now,
    )  # fmt: skip
    files = [
        TargetFile(
            organisation=owner, hash_list=hash_list, release=number, length=100,
            path=delta_name(hash_list.id, slug, number - 1, number), sha256=digest(hash_list.id, slug,
            number),
        )
        for slug in hash_list.hash_types[: deltas if number > 1 else 0]
    ]  # fmt: skip
    TargetFile.objects.bulk_create(files)
    release = Release.objects.create(
        organisation=owner, hash_list=hash_list, number=number, draft=draft, submission=submission,
        urgent=urgent, manifest_sha256=digest("manifest", hash_list.id, number), manifest_length=900 + number,
        state_root=digest("root", hash_list.id, number), entries=number, counts={"sha256": number}, adds=1,
        updates=0, removals=0, delta_length=100 * len(files), snapshot_length=1_000, list_version=number,
        snapshot_version=number, timestamp_version=number, published_at=now,
        exported_at=now if exported else None,
    )  # fmt: skip
    told = {"latest_release": number, "released_at": now} | ({"urgent_release": number} if urgent else {})
    HashList.objects.filter(id=hash_list.id).update(**told)
    return release


def endpoint_of(
    crew: Crew | cast.Outsider,
    url: str,
    *,
    state: str = EndpointState.ACTIVE,
    secret: bytes = b"s" * 32,
    **columns: Any,
) -> Endpoint:
    """A proven endpoint, as a row: the verbs are tested by themselves."""
    endpoint_id = uuid.uuid4()
    defaults: dict[str, Any] = {"due_at": NOW, "created_at": NOW, "verified_at": NOW}
    return Endpoint.objects.create(
        id=endpoint_id,
        organisation=crew.organisation,
        url=url,
        host=url.split("/")[2],
        state=state,
        sealed_secret=secrets.sealed_secret(secret, endpoint_id=endpoint_id),
        **(defaults | columns),
    )


def follow(
    crew: Crew | cast.Outsider, hash_list: HashList, *endpoints: Endpoint, told: int = 0
) -> Subscription:
    """A subscription, and cursors of `endpoints` that were last told of release `told`."""
    subscription, _ = Subscription.objects.get_or_create(
        organisation=crew.organisation, hash_list=hash_list, ended_at=None, defaults={"created_at": NOW}
    )
    for endpoint in endpoints:
        EndpointCursor.objects.create(endpoint=endpoint, hash_list=hash_list, notified_release=told)
    return subscription


def cursor_of(endpoint: Endpoint, hash_list: HashList) -> int:
    return EndpointCursor.objects.get(endpoint=endpoint, hash_list=hash_list).notified_release


def attempt_to(endpoint: Endpoint, hash_list: HashList, *, release: int = 1, **columns: Any) -> Attempt:
    """One delivered notice in the log, as a row."""
    defaults: dict[str, Any] = {
        "notice_id": f"msg_{endpoint.id.hex}_1", "kind": "release", "releases": {hash_list.id: release},
        "started_at": NOW, "duration_ms": 5, "outcome": "delivered", "status": 204, "request_body": "{}",
    }  # fmt: skip
    return Attempt.objects.create(
        endpoint=endpoint, organisation_id=endpoint.organisation_id, **(defaults | columns)
    )


Draw = Callable[[], float]
