"""Who signs a list from now on, its renewal by those keys, and its end. Arranging is for people, signing
also for machines.
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
from accounts.identity.roles import Permission
from exchange.api.v1.shapes import ReasonIn, SignatureIn, SigningKeyOut, checked
from exchange.http.permissions import Door, need, person
from hashsets.lists.models import HashList
from hashsets.trust import custody, renewal
from hashsets.trust.signers import entitled_keys, is_frozen


class SignersIn(serializers.Serializer[Any]):
    """All keys that sign from now on, and how many of them must."""

    key_ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=32)
    threshold = serializers.IntegerField(min_value=1, max_value=9)


class CustodyOut(serializers.Serializer[Any]):
    """`frozen`: too few keys are left to publish anything."""

    list_id = serializers.CharField()
    status = serializers.CharField()
    threshold = serializers.IntegerField()
    keys = SigningKeyOut(many=True)
    frozen = serializers.BooleanField()


class ProposalOut(serializers.Serializer[Any]):
    """What waits for a second person, until when. It is confirmed on the website."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class RenewalOut(serializers.Serializer[Any]):
    """The published content as the next version; the same fields as a draft, so that signers check both."""

    list_id = serializers.CharField()
    state = serializers.CharField(help_text="open, or published when the last signature has come")
    release = serializers.IntegerField()
    list_version = serializers.IntegerField()
    manifest_sha256 = serializers.CharField()
    state_root = serializers.CharField()
    signed_part = serializers.CharField()
    signatures = serializers.ListField(child=serializers.CharField(), help_text="ids of the keys")


class RevokedOut(serializers.Serializer[Any]):
    key = SigningKeyOut()
    renewals = serializers.ListField(child=serializers.CharField(), help_text="lists to be signed again")
    frozen = serializers.ListField(child=serializers.CharField(), help_text="lists with too few keys left")


class RevokeKey(Door):
    needs: ClassVar = {"POST": person(Permission.KEY_MANAGE)}

    @extend_schema(request=ReasonIn, responses=RevokedOut, summary="Revoke a key, in all its lists")
    def post(self, request: Request, key_id: uuid.UUID) -> Response:
        reason = checked(ReasonIn, request.data)["reason"]
        done = custody.revoke_signer(key_id, reason=reason, actor=self.actor, now=timezone.now())
        return Response(RevokedOut({"key": done.key, "renewals": done.renewals, "frozen": done.frozen}).data)


class Custody(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "PUT": person(Permission.LIST_MANAGE)}

    @extend_schema(responses=CustodyOut, summary="Which keys sign a list of yours, and how many must")
    def get(self, request: Request, list_id: str) -> Response:
        return Response(custody_of(own_list(list_id, self)))

    @extend_schema(
        request=SignersIn,
        responses={200: CustodyOut, 202: ProposalOut},
        summary="Change the keys that sign a list",
        description="At once where keys are only taken out and as many must sign as before; else 202: a "
        "second admin confirms it on the website.",
    )
    def put(self, request: Request, list_id: str) -> Response:
        asked = checked(SignersIn, request.data)
        hash_list = own_list(list_id, self)
        proposed = custody.change_signers(
            hash_list,
            key_ids=asked["key_ids"],
            threshold=asked["threshold"],
            actor=self.actor,
            now=timezone.now(),
        )
        if proposed is not None:
            return Response(ProposalOut(proposed).data, status=status.HTTP_202_ACCEPTED)
        hash_list.refresh_from_db()
        return Response(custody_of(hash_list))


class Renewal(Door):
    needs: ClassVar = {"GET": need(Permission.RELEASE_SIGN), "POST": need(Permission.RELEASE_SIGN)}

    @extend_schema(responses=RenewalOut, summary="The renewal that waits for signatures")
    def get(self, request: Request, list_id: str) -> Response:
        hash_list = own_list(list_id, self)
        return Response(_renewal_out(hash_list, renewal.renewal_of(hash_list, actor=self.actor)))

    @extend_schema(
        request=None, responses={201: RenewalOut}, summary="Have the published content signed again"
    )
    def post(self, request: Request, list_id: str) -> Response:
        hash_list = own_list(list_id, self)
        prepared = renewal.prepare_renewal(hash_list, actor=self.actor, now=timezone.now())
        return Response(_renewal_out(hash_list, prepared), status=status.HTTP_201_CREATED)


class RenewalSignatures(Door):
    needs: ClassVar = {"POST": need(Permission.RELEASE_SIGN)}

    @extend_schema(request=SignatureIn, responses={201: RenewalOut}, summary="Sign a renewal")
    def post(self, request: Request, list_id: str) -> Response:
        asked, now = checked(SignatureIn, request.data), timezone.now()
        hash_list = own_list(list_id, self)
        before = renewal.renewal_of(hash_list, actor=self.actor)
        if asked["hosted"]:
            left = renewal.sign_renewal_hosted(hash_list, actor=self.actor, now=now)
        else:
            left = renewal.add_renewal_signature(
                hash_list, keyid=asked["keyid"], signature=asked["signature"], actor=self.actor, now=now
            )
        out = _renewal_out(hash_list, left or before) | {"state": "open" if left else "published"}
        return Response(out, status=status.HTTP_201_CREATED)


class CloseList(Door):
    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    @extend_schema(request=None, responses=CustodyOut, summary="Close a list: it takes no more changes")
    def post(self, request: Request, list_id: str) -> Response:
        closed = custody.close_list(own_list(list_id, self), actor=self.actor, now=timezone.now())
        return Response(custody_of(closed))


def own_list(list_id: str, door: Door) -> HashList:
    """A list of the asking organisation. Errors: NotFound `list.not_found`."""
    found = HashList.objects.owned_by(door.actor).filter(id=list_id).first()
    if found is None:
        raise NotFound("There is no such list.", code="list.not_found")
    return found


def custody_of(hash_list: HashList) -> dict[str, Any]:
    return dict(
        CustodyOut(
            {
                "list_id": hash_list.id,
                "status": hash_list.status,
                "threshold": hash_list.signature_threshold,
                "keys": entitled_keys(hash_list.id),
                "frozen": is_frozen(hash_list),
            }
        ).data
    )


def _renewal_out(hash_list: HashList, waiting: renewal.Renewal) -> dict[str, Any]:
    newest = hash_list.releases.get(number=hash_list.latest_release)
    return dict(
        RenewalOut(
            {
                "list_id": waiting.list_id,
                "state": "open",
                "release": newest.number,
                "list_version": waiting.list_version,
                "manifest_sha256": newest.manifest_sha256,
                "state_root": newest.state_root,
                "signed_part": waiting.signed_part.decode(),
                "signatures": list(waiting.signatures),
            }
        ).data
    )
