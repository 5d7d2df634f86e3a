"""Who the exchange takes the asker for: the first thing to look at when a credential does not work."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.identity.models import Organisation
from exchange.api.v1.shapes import ActorOut
from exchange.http.permissions import ANY_MEMBER, Door


class Who(Door):
    needs: ClassVar = {"GET": ANY_MEMBER}
    sandbox = True

    @extend_schema(responses=ActorOut, summary="Who am I")
    def get(self, request: Request) -> Response:
        actor = self.actor
        organisation = Organisation.objects.get(id=actor.organisation())
        shape = ActorOut(
            {
                "organisation_id": organisation.id,
                "organisation": organisation.name,
                "organisation_kind": organisation.kind,
                "kind": actor.kind.value,
                "label": actor.label,
                "permissions": sorted(permission.value for permission in actor.permissions),
            }
        )
        return Response(shape.data)
