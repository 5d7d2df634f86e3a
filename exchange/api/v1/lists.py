"""Lists: the catalogue that the asker may see, and new lists."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from exchange.api.v1.shapes import ListIn, ListOut, ListSettings, checked
from exchange.http.pages import page_of
from exchange.http.permissions import PUBLIC, READERS, Door, person
from exchange.sharing.models import Subscription
from hashsets.lists.define import create_list
from hashsets.lists.inline import allow_inline_delta
from hashsets.lists.models import HashList
from hashsets.releases.models import Release


def visible_lists(actor: Actor | None) -> QuerySet[HashList]:
    """Lists that `actor` may see, each with what the catalogue shows about it, in one query."""
    newest = Release.objects.filter(hash_list=OuterRef("pk"), number=OuterRef("latest_release"))
    current = Subscription.objects.filter(hash_list=OuterRef("pk"), ended_at__isnull=True)
    asking = actor.organisation_id if actor else None
    mine = current.filter(organisation_id=asking) if asking else current.none()
    return (
        HashList.objects.visible_to(actor)
        .select_related("organisation")
        .annotate(entries=Coalesce(Subquery(newest.values("entries")[:1]), Value(0)), subscribed=Exists(mine))
    )


def list_shape(row: HashList, actor: Actor | None) -> dict[str, Any]:
    """One list as JSON."""
    row.own = actor is not None and row.organisation_id == actor.organisation_id  # type: ignore[attr-defined]
    return dict(ListOut(row).data)


class Lists(Door):
    needs: ClassVar = {"GET": PUBLIC, "POST": person(Permission.LIST_MANAGE)}
    sandbox = True

    @extend_schema(responses=ListOut(many=True), summary="Lists that you may see")
    def get(self, request: Request) -> Response:
        actor = self.reader
        page = page_of(
            visible_lists(actor), request, key="created_at", render=lambda row: list_shape(row, actor)
        )
        return Response({"items": page.items, "next": page.next})

    @extend_schema(
        request=ListIn, responses={201: ListOut}, summary="Create a list (a person, in the browser)"
    )
    def post(self, request: Request) -> Response:
        fields = checked(ListIn, request.data)
        organisation = Organisation.objects.get(id=self.actor.organisation())
        made = create_list(organisation, **fields, actor=self.actor, now=timezone.now())
        row = visible_lists(self.actor).get(id=made.id)
        return Response(list_shape(row, self.actor), status=status.HTTP_201_CREATED)


class OneList(Door):
    needs: ClassVar = {"GET": READERS, "PATCH": person(Permission.LIST_MANAGE)}
    sandbox = True

    @extend_schema(responses=ListOut, summary="One list")
    def get(self, request: Request, list_id: str) -> Response:
        row = visible_lists(self.reader).seen(list_id, self.reader)  # type: ignore[attr-defined]
        return Response(list_shape(row, self.reader))

    @extend_schema(
        request=ListSettings,
        responses=ListOut,
        summary="Say whether small deltas travel in notices (a person, in the browser)",
    )
    def patch(self, request: Request, list_id: str) -> Response:
        allowed = checked(ListSettings, request.data)["inline_delta"]
        allow_inline_delta(list_id, allowed=allowed, actor=self.actor, now=timezone.now())
        return Response(list_shape(visible_lists(self.actor).get(id=list_id), self.actor))
