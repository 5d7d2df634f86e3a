"""A private list with a release, and everybody who might ask for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.credentials.issue import IssuedCredential, issue_credential
from accounts.identity.roles import CREDENTIAL_SCOPES, Permission
from exchange.sharing.subscribe import subscribe
from hashsets.lists.models import Audience, HashList, ListAudience
from hashsets.releases.models import Release
from tests import cast
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

MEMBER_SCOPES = (
    Permission.LIST_VIEW,
    Permission.SUBSCRIPTION_MANAGE,
    Permission.ENDPOINT_MANAGE,
    Permission.RELEASE_CONFIRM,
)
PUBLISHER_SCOPES = (Permission.LIST_VIEW, Permission.SUBMISSION_CREATE, Permission.RELEASE_SIGN)


def key_of(crew: cast.Crew, scopes: tuple[Permission, ...]) -> IssuedCredential:
    """A credential with `scopes`, issued by somebody of the crew who may."""
    issuer = crew.admin if Permission.SUBMISSION_CREATE in scopes else crew.integrator
    return issue_credential(
        crew.organisation,
        name="test",
        scopes=scopes,
        mode="live",
        expires_at=NOW + timedelta(days=30),
        actor=issuer.actor,
        now=NOW,
    )


def stranger_key() -> str:
    """The widest credential there can be, of an organisation that has no business here."""
    someone = cast.stranger(now=NOW)
    return issue_credential(
        someone.organisation,
        name="wide",
        scopes=sorted(CREDENTIAL_SCOPES),
        mode="live",
        expires_at=NOW + timedelta(days=30),
        actor=someone.actor,
        now=NOW,
    ).key


@dataclass(frozen=True, slots=True)
class Asker:
    """An HTTP client with a key, or without."""

    key: str = ""

    def __call__(self, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        send: Callable[..., Any] = getattr(Client(raise_request_exception=True), method)
        if method in ("post", "put", "patch"):
            answer = send(path, data=body.get("json", {}), content_type="application/json", headers=headers)
        else:
            answer = send(path, headers=headers)
        answer.text_seen = b"".join(answer.streaming_content) if answer.streaming else answer.content
        answer.close()
        return answer


@dataclass(frozen=True, slots=True)
class Private:
    """Harbor's list for Lumen alone, at release 1; Lumen follows it."""

    world: World
    lumen: cast.Crew
    release: Release
    member: IssuedCredential
    publisher: IssuedCredential

    @property
    def hash_list(self) -> HashList:
        return self.world.hash_list


@pytest.fixture
def private(transactional_db: None) -> Private:
    world = harbor_world()
    lumen = cast.lumen(now=NOW)
    HashList.objects.filter(id=world.hash_list.id).update(audience=Audience.NAMED)
    ListAudience.objects.create(hash_list=world.hash_list, organisation=lumen.organisation)
    release = world.release(csv_of(range(50)))
    subscribe(world.hash_list.id, actor=lumen.integrator.actor, now=NOW)
    return Private(
        world=world,
        lumen=lumen,
        release=release,
        member=key_of(lumen, MEMBER_SCOPES),
        publisher=key_of(world.crew, PUBLISHER_SCOPES),
    )
