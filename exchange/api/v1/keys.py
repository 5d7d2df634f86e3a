"""Signing keys of the asking organisation, and which of them sign a list. Only people arrange them, with
step-up.

One thing a credential may do: bring a key of the organisation's own, with the proof that it holds the private
half (`keys/own`). It needs the right to sign, not the right to arrange keys, which no credential can have;
and the key is good for nothing until an admin other than the credential's issuer has confirmed it in person.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.signing_keys.models import Custody, SigningKey
from accounts.signing_keys.possession import SCHEMES, read_public_key
from accounts.signing_keys.register import confirm_key, register_public_key
from exchange.api.v1.shapes import HostedKeyIn, SignerIn, SigningKeyOut, checked
from exchange.http.pages import page_of
from exchange.http.permissions import Door, need, person
from hashsets.lists.define import entitle_key
from hashsets.lists.models import HashList
from hashsets.trust.hosted import create_hosted_key
from hashsets.trust.repository import open_repository


class Keys(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": person(Permission.KEY_MANAGE)}

    @extend_schema(responses=SigningKeyOut(many=True), summary="Your organisation's signing keys")
    def get(self, request: Request) -> Response:
        rows = SigningKey.objects.filter(organisation_id=self.actor.organisation())
        page = page_of(rows, request, key="created_at", render=lambda row: SigningKeyOut(row).data)
        return Response({"items": page.items, "next": page.next})

    @extend_schema(request=HostedKeyIn, responses={201: SigningKeyOut}, summary="Make a hosted key")
    def post(self, request: Request) -> Response:
        name = checked(HostedKeyIn, request.data)["name"]
        organisation = Organisation.objects.get(id=self.actor.organisation())
        key = create_hosted_key(organisation, name=name, actor=self.actor, now=timezone.now())
        return Response(SigningKeyOut(key).data, status=status.HTTP_201_CREATED)


class OwnKeyIn(serializers.Serializer[Any]):
    """A public key, and a signature (hex) over three lines: `hash-exchange key registration 1`, the
    organisation's id, the key id.
    """

    name = serializers.CharField(max_length=100)
    keytype = serializers.ChoiceField(choices=sorted(SCHEMES))
    scheme = serializers.ChoiceField(choices=sorted(SCHEMES.values()))
    public = serializers.CharField(
        max_length=1_000, trim_whitespace=False, help_text="hex for Ed25519, PEM for ECDSA"
    )
    proof = serializers.RegexField(r"\A[0-9a-f]{2,512}\Z")


class OwnKeys(Door):
    needs: ClassVar = {"POST": need(Permission.RELEASE_SIGN)}

    @extend_schema(
        request=OwnKeyIn, responses={201: SigningKeyOut}, summary="Register a key that you keep yourself"
    )
    def post(self, request: Request) -> Response:
        asked = checked(OwnKeyIn, request.data)
        public = read_public_key(**{name: asked[name] for name in ("keytype", "scheme", "public")})
        key = register_public_key(
            Organisation.objects.get(id=self.actor.organisation()),
            name=asked["name"],
            keyid=public.keyid,
            keytype=public.keytype,
            scheme=public.scheme,
            public=public.public,
            custody=Custody.OWN,
            proof=asked["proof"],
            actor=self.actor,
            now=timezone.now(),
        )
        return Response(SigningKeyOut(key).data, status=status.HTTP_201_CREATED)


class ConfirmKey(Door):
    needs: ClassVar = {"POST": person(Permission.KEY_MANAGE)}

    @extend_schema(request=None, responses=SigningKeyOut, summary="Confirm a key as the second person")
    def post(self, request: Request, key_id: uuid.UUID) -> Response:
        return Response(SigningKeyOut(confirm_key(key_id, actor=self.actor, now=timezone.now())).data)


class ListSigners(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": person(Permission.LIST_MANAGE)}

    @extend_schema(responses=SigningKeyOut(many=True), summary="The keys that sign a list of yours")
    def get(self, request: Request, list_id: str) -> Response:
        hash_list = self._own(list_id)
        keys = SigningKey.objects.filter(id__in=hash_list.signers.values("signing_key_id"))
        page = page_of(keys, request, key="created_at", render=lambda row: SigningKeyOut(row).data)
        return Response({"items": page.items, "next": page.next})

    @extend_schema(
        request=SignerIn, responses={201: SigningKeyOut}, summary="Let a key sign, and open the list"
    )
    def post(self, request: Request, list_id: str) -> Response:
        hash_list, now = self._own(list_id), timezone.now()
        key_id = checked(SignerIn, request.data)["key_id"]
        key = SigningKey.objects.filter(id=key_id, organisation_id=self.actor.organisation()).first()
        if key is None:
            raise NotFound("There is no such key.", code="key.not_found")
        entitle_key(hash_list, key, actor=self.actor, now=now)
        entitled = [signer.signing_key for signer in hash_list.signers.select_related("signing_key")]
        if len(entitled) >= hash_list.signature_threshold:
            open_repository(
                hash_list,
                publisher_keys=entitled,
                threshold=hash_list.signature_threshold,
                actor=self.actor,
                now=now,
            )
        return Response(SigningKeyOut(key).data, status=status.HTTP_201_CREATED)

    def _own(self, list_id: str) -> HashList:
        found = HashList.objects.owned_by(self.actor).filter(id=list_id).first()
        if found is None:
            raise NotFound("There is no such list.", code="list.not_found")
        return found
