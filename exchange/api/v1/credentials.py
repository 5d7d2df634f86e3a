"""API credentials of the asking organisation: only people issue, roll and revoke them, with step-up."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.credentials.issue import IssuedCredential, issue_credential, revoke_credential, roll_credential
from accounts.credentials.models import Credential
from accounts.identity.models import Organisation
from accounts.identity.roles import CREDENTIAL_SCOPES, Permission
from exchange.api.v1.shapes import Whole, checked
from exchange.http.pages import page_of
from exchange.http.permissions import Door, need, person

LONGEST_DAYS = 400
LONGEST_OVERLAP_HOURS = 30 * 24


class CredentialOut(serializers.Serializer[Any]):
    """A credential; its key is never shown again, `hint` is how it begins."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    mode = serializers.CharField()
    hint = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class NewCredentialOut(CredentialOut):
    """`key` is shown once."""

    key = serializers.CharField()


class CredentialIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(CREDENTIAL_SCOPES)), min_length=1, max_length=20
    )
    mode = serializers.ChoiceField(choices=["live", "test"], default="live")
    expires_in_days = Whole(min_value=1, max_value=LONGEST_DAYS, default=365)
    networks = serializers.ListField(child=serializers.CharField(max_length=60), max_length=20, default=list)


class RollIn(serializers.Serializer[Any]):
    """`overlap_hours`: for how long the old key stays valid; left out, until it expires or is revoked."""

    expires_in_days = Whole(min_value=1, max_value=LONGEST_DAYS, default=365)
    overlap_hours = Whole(min_value=0, max_value=LONGEST_OVERLAP_HOURS, default=None, allow_null=True)


class Credentials(Door):
    needs: ClassVar = {
        # No credential ever holds this right, so it is people who read; a look needs no step-up.
        "GET": need(Permission.CREDENTIAL_MANAGE),
        "POST": person(Permission.CREDENTIAL_MANAGE),
    }

    @extend_schema(responses=CredentialOut(many=True), summary="Your organisation's credentials")
    def get(self, request: Request) -> Response:
        rows = Credential.objects.filter(organisation_id=self.actor.organisation())
        page = page_of(rows, request, key="created_at", render=lambda row: CredentialOut(row).data)
        return Response({"items": page.items, "next": page.next})

    @extend_schema(request=CredentialIn, responses={201: NewCredentialOut}, summary="Issue a credential")
    def post(self, request: Request) -> Response:
        asked, now = checked(CredentialIn, request.data), timezone.now()
        issued = issue_credential(
            Organisation.objects.get(id=self.actor.organisation()),
            name=asked["name"],
            scopes=asked["scopes"],
            mode=asked["mode"],
            expires_at=now + timedelta(days=asked["expires_in_days"]),
            networks=asked["networks"],
            actor=self.actor,
            now=now,
        )
        return _shown_once(issued)


class OneCredential(Door):
    needs: ClassVar = {"DELETE": person(Permission.CREDENTIAL_MANAGE)}

    @extend_schema(responses={204: None}, summary="Revoke a credential, at once and for good")
    def delete(self, request: Request, credential_id: uuid.UUID) -> Response:
        revoke_credential(credential_id, actor=self.actor, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class RollCredential(Door):
    needs: ClassVar = {"POST": person(Permission.CREDENTIAL_MANAGE)}

    @extend_schema(
        request=RollIn,
        responses={201: NewCredentialOut},
        summary="The next key for the same work; the old one stays valid until you revoke it",
    )
    def post(self, request: Request, credential_id: uuid.UUID) -> Response:
        asked, now = checked(RollIn, request.data), timezone.now()
        hours = asked["overlap_hours"]
        issued = roll_credential(
            credential_id,
            expires_at=now + timedelta(days=asked["expires_in_days"]),
            overlap=None if hours is None else timedelta(hours=hours),
            actor=self.actor,
            now=now,
        )
        return _shown_once(issued)


def _shown_once(issued: IssuedCredential) -> Response:
    shown = {**CredentialOut(issued.credential).data, "key": issued.key}
    return Response(shown, status=status.HTTP_201_CREATED)
