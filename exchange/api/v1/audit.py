"""The audit events of the asking organisation, for its auditors: newest first, or all in order by cursor."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit.models import AuditEvent
from accounts.identity.roles import Permission
from exchange.http.pages import page_of
from exchange.http.permissions import Door, need


class AuditEventOut(serializers.Serializer[Any]):
    """One accepted act. `number` is its place in the chain of the whole exchange, hence the gaps."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    action = serializers.CharField()
    actor_kind = serializers.CharField()
    actor_label = serializers.CharField()
    person_id = serializers.UUIDField(allow_null=True)
    credential_id = serializers.UUIDField(allow_null=True)
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    facts = serializers.DictField()
    digest = serializers.CharField(help_text="of the event in the chain: two readers can compare it")


class Audit(Door):
    needs: ClassVar = {"GET": need(Permission.AUDIT_READ)}

    @extend_schema(responses=AuditEventOut(many=True), summary="What was done in your organisation's name")
    def get(self, request: Request) -> Response:
        rows = AuditEvent.objects.filter(organisation_id=self.actor.organisation())
        page = page_of(rows, request, key="number", render=lambda row: AuditEventOut(row).data)
        return Response({"items": page.items, "next": page.next})
