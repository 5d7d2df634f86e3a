"""Releases of a list, and what members state about them."""

from __future__ import annotations

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.identity.roles import Permission
from exchange.api.v1.shapes import ConfirmationIn, ConfirmationOut, ReleaseOut, checked
from exchange.http.pages import page_of
from exchange.http.permissions import READERS, Door, need
from exchange.sharing.confirm import confirm_release
from exchange.sharing.models import Confirmation
from hashsets.lists.models import HashList
from hashsets.releases.models import Release


class Releases(Door):
    needs: ClassVar = {"GET": READERS}
    sandbox = True

    @extend_schema(responses=ReleaseOut(many=True), summary="Releases of a list, newest first")
    def get(self, request: Request, list_id: str) -> Response:
        hash_list = HashList.objects.seen(list_id, self.reader)
        page = page_of(
            Release.objects.filter(hash_list=hash_list),
            request,
            key="number",
            render=lambda row: ReleaseOut(row).data,
        )
        return Response({"items": page.items, "next": page.next})


class OneRelease(Door):
    needs: ClassVar = {"GET": READERS}
    sandbox = True

    @extend_schema(responses=ReleaseOut, summary="One release")
    def get(self, request: Request, list_id: str, number: int) -> Response:
        hash_list = HashList.objects.seen(list_id, self.reader)
        found = Release.objects.filter(hash_list=hash_list, number=number).first()
        if found is None:
            raise NotFound("There is no such release.", code="release.not_found")
        return Response(ReleaseOut(found).data)


class Confirmations(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": need(Permission.RELEASE_CONFIRM)}
    sandbox = True

    @extend_schema(responses=ConfirmationOut(many=True), summary="Your organisation's confirmations")
    def get(self, request: Request, list_id: str) -> Response:
        hash_list = HashList.objects.seen(list_id, self.actor)
        rows = Confirmation.objects.filter(hash_list=hash_list, organisation_id=self.actor.organisation())
        page = page_of(rows, request, key="received_at", render=lambda row: ConfirmationOut(row).data)
        return Response({"items": page.items, "next": page.next})

    @extend_schema(
        request=ConfirmationIn, responses={201: ConfirmationOut}, summary="State that you applied a release"
    )
    def post(self, request: Request, list_id: str) -> Response:
        told = checked(ConfirmationIn, request.data)
        confirmation = confirm_release(list_id, **told, actor=self.actor, now=timezone.now())
        return Response(ConfirmationOut(confirmation).data, status=status.HTTP_201_CREATED)
