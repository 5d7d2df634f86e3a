"""One release: its facts for whoever sees the list, its coverage for the publisher, one's own standing."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpRequest, HttpResponseBase

from accounts.errors import NotFound
from accounts.identity.roles import Permission
from exchange.http.permissions import PUBLIC
from exchange.web.door import Page
from exchange.web.list_facts import list_facts
from exchange.web.release_facts import coverage_facts, own_standing, release_facts
from hashsets.lists.models import HashList
from hashsets.releases.models import Release


class OneRelease(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest, list_id: str, number: int) -> HttpResponseBase:
        hash_list = HashList.objects.seen(list_id, self.reads_as)
        release = (
            Release.objects.filter(hash_list=hash_list, number=number).select_related("submission").first()
        )
        if release is None:
            raise NotFound("There is no such release.", code="release.not_found")
        reader = self.reads_as
        sees_coverage = (
            reader is not None
            and reader.may(Permission.LIST_VIEW)
            and (reader.is_operator or reader.organisation_id == hash_list.organisation_id)
        )
        return self.show(
            "web/release.html",
            list=list_facts(hash_list, reader),
            release=release_facts(hash_list, release),
            coverage=coverage_facts(hash_list, release, actor=self.actor) if sees_coverage else None,
            own=own_standing(hash_list, release, actor=reader) if reader is not None else None,
        )
