"""How the exchange is doing: everything for its staff, the essentials for everybody, and the public keys."""

from __future__ import annotations

from typing import ClassVar, Final

from django.http import HttpRequest, HttpResponseBase

from accounts.errors import Refusal
from accounts.identity.roles import Permission
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from exchange.http.pages import page_of
from exchange.http.permissions import PUBLIC, need
from exchange.web.door import Page
from exchange.web.oversee.system_facts import public_lights, system_facts
from exchange.web.shown import digest, instant
from hashsets.lists.models import HashList
from hashsets.trust import push_key
from hashsets.trust.directory import root_fingerprints

PAGE: Final = 50


class System(Page):
    needs: ClassVar = {"GET": need(Permission.SYSTEM_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show("web/oversee/system.html", system=system_facts(self.now), looked=instant(self.now))


class Status(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        lights = public_lights(self.now)
        return self.show(
            "web/oversee/status.html",
            lights=lights,
            good=all(light.tone != "bad" for light in lights),
            looked=instant(self.now),
        )


class PublicKeys(Page):
    """What members compare before they trust: roots, the notice key, and the keys of publishers they see."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        publishers = HashList.objects.visible_to(self.reads_as).filter(latest_release__gt=0)
        rows = SigningKey.objects.filter(
            status=SigningKeyStatus.ACTIVE, organisation_id__in=publishers.values("organisation_id")
        ).select_related("organisation")
        try:
            notices: str | None = push_key.public_key()
        except Refusal:  # before the officers' first ceremony there is none
            notices = None
        return self.show(
            "web/oversee/public_keys.html",
            roots=[(root["version"], digest(root["sha256"])) for root in root_fingerprints()],
            notices=notices,
            page=page_of(rows, request, key="created_at", render=_key_row, size=PAGE),
        )


def _key_row(row: SigningKey) -> tuple[str, str, str, str, str]:
    return (row.organisation.name, row.name, row.keytype, digest(row.keyid), instant(row.created_at))
