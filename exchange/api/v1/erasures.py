"""Legal erasures of a list: asked for here, decided as a submission (approve or return) by another person.

What was named goes in and never comes out again: answers carry counts and states alone.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.identity.roles import Permission
from exchange.api.v1.shapes import checked
from exchange.http.pages import page_of
from exchange.http.permissions import Door, need, person
from exchange.wakeups import wake
from hashsets.core.withdrawal import Reason
from hashsets.intake.erasure import Named, ask_erasure
from hashsets.intake.models import Erasure
from hashsets.lists.models import HashList


class NamedIn(serializers.Serializer[Any]):
    type = serializers.CharField(max_length=64)
    hash = serializers.CharField(max_length=1_000)


class ErasureIn(serializers.Serializer[Any]):
    """`reference` is the order's own number; it is kept, and must not quote what is to vanish."""

    entries = NamedIn(many=True, allow_empty=False)
    reason = serializers.ChoiceField(choices=[one.value for one in Reason])
    reference = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class ErasureOut(serializers.Serializer[Any]):
    submission_id = serializers.UUIDField()
    list_id = serializers.CharField(source="hash_list_id")
    state = serializers.CharField(source="submission.state")
    reason = serializers.CharField()
    reference = serializers.CharField()
    entries = serializers.IntegerField(help_text="hashes that were named")
    asked_at = serializers.DateTimeField()
    release = serializers.IntegerField(allow_null=True, help_text="nothing older is served; null: not yet")
    completed_at = serializers.DateTimeField(allow_null=True, help_text="when nothing of it was left here")


class Erasures(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": person(Permission.SUBMISSION_CREATE)}

    @extend_schema(responses=ErasureOut(many=True), summary="Legal erasures of a list of your organisation")
    def get(self, request: Request, list_id: str) -> Response:
        hash_list = HashList.objects.seen(list_id, self.actor)
        rows = Erasure.objects.filter(hash_list=hash_list, organisation_id=self.actor.organisation())
        page = page_of(
            rows.select_related("submission"),
            request,
            key="asked_at",
            render=lambda row: ErasureOut(row).data,
        )
        return Response({"items": page.items, "next": page.next})

    @extend_schema(
        request=ErasureIn,
        responses={201: ErasureOut},
        summary="Ask that entries vanish, with all history that holds them (a person, in the browser)",
    )
    def post(self, request: Request, list_id: str) -> Response:
        asked = checked(ErasureIn, request.data)
        erasure = ask_erasure(
            HashList.objects.seen(list_id, self.actor),
            [Named(one["type"], one["hash"]) for one in asked["entries"]],
            reason=asked["reason"],
            reference=asked["reference"],
            actor=self.actor,
            now=timezone.now(),
        )
        wake("validate")
        return Response(ErasureOut(erasure).data, status=status.HTTP_201_CREATED)
