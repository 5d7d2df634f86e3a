"""Lists on their way to another publisher. Only people give, take and decline."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.identity.roles import Permission
from exchange.api.v1.custody import ProposalOut, SignersIn, own_list
from exchange.api.v1.shapes import checked
from exchange.http.pages import page_of
from exchange.http.permissions import Door, need, person
from hashsets.trust import transfer


class TransferIn(serializers.Serializer[Any]):
    """`organisation_id` as the other organisation sees it under `who`."""

    organisation_id = serializers.UUIDField()


class TransferOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    list_id = serializers.CharField(source="hash_list_id")
    title = serializers.CharField(source="hash_list.title")
    giver = serializers.CharField(source="giver.name")
    taker = serializers.CharField(source="taker.name")
    state = serializers.CharField()
    created_at = serializers.DateTimeField()


class OfferList(Door):
    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    @extend_schema(
        request=TransferIn, responses={202: ProposalOut}, summary="Propose to offer a list to another member"
    )
    def post(self, request: Request, list_id: str) -> Response:
        taker_id = checked(TransferIn, request.data)["organisation_id"]
        hash_list = own_list(list_id, self)
        proposed = transfer.offer_list(hash_list, taker_id=taker_id, actor=self.actor, now=timezone.now())
        return Response(ProposalOut(proposed).data, status=status.HTTP_202_ACCEPTED)


class Transfers(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    @extend_schema(responses=TransferOut(many=True), summary="Offers from and to your organisation")
    def get(self, request: Request) -> Response:
        rows = transfer.transfers_of(self.actor)
        page = page_of(rows, request, key="created_at", render=lambda row: TransferOut(row).data)
        return Response({"items": page.items, "next": page.next})


class OneTransfer(Door):
    needs: ClassVar = {"DELETE": person(Permission.LIST_MANAGE)}

    @extend_schema(responses=TransferOut, summary="Withdraw or decline an offer")
    def delete(self, request: Request, transfer_id: uuid.UUID) -> Response:
        offer = transfer.end_offer(transfer_id, actor=self.actor, now=timezone.now())
        return Response(TransferOut(offer).data)


class AcceptTransfer(Door):
    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    @extend_schema(
        request=SignersIn,
        responses={202: ProposalOut},
        summary="Propose to take a list over, with keys of your own",
    )
    def post(self, request: Request, transfer_id: uuid.UUID) -> Response:
        asked = checked(SignersIn, request.data)
        proposed = transfer.accept_list(
            transfer_id,
            key_ids=asked["key_ids"],
            threshold=asked["threshold"],
            actor=self.actor,
            now=timezone.now(),
        )
        return Response(ProposalOut(proposed).data, status=status.HTTP_202_ACCEPTED)
