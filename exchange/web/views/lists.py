"""Lists: the catalogue that one may see, one list, and its histories."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpRequest, HttpResponseBase

from accounts.identity.roles import Permission
from exchange.http.pages import page_of
from exchange.http.permissions import PUBLIC, need
from exchange.web.door import Page
from exchange.web.list_facts import catalogue, list_facts, list_row, release_row, submission_row
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList, ListStatus
from hashsets.releases.models import Release

NEWEST = 10
PAGE = 25


class Lists(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        page = page_of(
            catalogue(self.reads_as),
            request,
            key="created_at",
            render=lambda row: list_row(row, self.reads_as),
            size=PAGE,
        )
        return self.show("web/lists.html", page=page)


class OneList(Page):
    """A public list's facts are for everyone; its submissions for its publisher only."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = HashList.objects.seen(list_id, self.reads_as)
        facts = list_facts(hash_list, self.reads_as)
        releases = Release.objects.filter(hash_list=hash_list).order_by("-number")[: NEWEST + 1]
        submissions: list[Submission] = []
        if facts.own:
            rows = Submission.objects.owned_by(self.actor).filter(hash_list=hash_list)
            submissions = list(rows.order_by("-received_at", "-id")[: NEWEST + 1])
        return self.show(
            "web/list.html",
            list=facts,
            classifications=list(hash_list.classifications.all()),
            releases=[release_row(row) for row in releases[:NEWEST]],
            more_releases=len(releases) > NEWEST,
            submissions=[submission_row(row) for row in submissions[:NEWEST]],
            more_submissions=len(submissions) > NEWEST,
            may_submit=facts.own
            and hash_list.status == ListStatus.ACTIVE
            and self.actor.may(Permission.SUBMISSION_CREATE),
        )


class ListReleases(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = HashList.objects.seen(list_id, self.reads_as)
        rows = Release.objects.filter(hash_list=hash_list)
        page = page_of(rows, request, key="number", render=release_row, size=PAGE)
        return self.show("web/list_releases.html", list=list_facts(hash_list, self.reads_as), page=page)


class ListSubmissions(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = HashList.objects.seen(list_id, self.actor)
        hash_list.require_publisher(self.actor)
        rows = Submission.objects.owned_by(self.actor).filter(hash_list=hash_list)
        page = page_of(rows, request, key="received_at", render=submission_row, size=PAGE)
        return self.show("web/list_submissions.html", list=list_facts(hash_list, self.actor), page=page)
