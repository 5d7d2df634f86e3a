"""The feed of changes of a list: additions, updates and removals in the order of releases."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar, Final

from django.core import signing
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import Invalid, NotFound
from exchange.api.v1.shapes import ChangesOut
from exchange.http.pages import page_size
from exchange.http.permissions import READERS, Door
from exchange.sharing.grants import downloadable
from hashsets.releases.changes import Position, changes_from

USUAL: Final = 500
LARGEST: Final = 2_000
SALT: Final = "hash-exchange.changes"
LONGEST_CURSOR: Final = 300
LARGEST_RELEASE: Final = 2**31 - 1


class Changes(Door):
    needs: ClassVar = {"GET": READERS}
    sandbox = True

    @extend_schema(
        parameters=[
            OpenApiParameter("cursor", str, description="`next` of the page before; valid for ever"),
            OpenApiParameter("since", int, description="without a cursor: begin after this release"),
            OpenApiParameter("limit", int),
        ],
        responses=ChangesOut,
        summary="What changed, oldest first: poll with the newest `next`",
    )
    def get(self, request: Request, list_id: str) -> Response:
        hash_list = downloadable(list_id, self.reader)
        if hash_list is None:
            raise NotFound("There is no such list.", code="list.not_found")
        limit = page_size(request._request, usual=USUAL, largest=LARGEST)
        found = changes_from(hash_list, position_in(request, list_id), limit=limit)
        shape = ChangesOut(
            {
                "items": [asdict(change) for change in found.items],
                "next": cursor_of(found.next, list_id),
                "more": found.more,
                "latest_release": found.latest,
            }
        )
        return Response(shape.data)


def cursor_of(position: Position, list_id: str) -> str:
    """A position as text: no time and no row in it, so that it never goes stale."""
    return signing.Signer(salt=SALT).sign_object([list_id, position.release, position.at], compress=False)


def position_in(request: Request, list_id: str) -> Position:
    """Where `?cursor=` or `?since=` says to begin. Errors: Invalid `page.cursor`, `changes.since`."""
    cursor, since = request.query_params.get("cursor"), request.query_params.get("since", "0")
    if cursor is not None:
        return _position(cursor, list_id)
    if not (since.isascii() and since.isdigit() and len(since) <= 10 and int(since) < LARGEST_RELEASE):
        raise Invalid("since is the number of a release.", code="changes.since", field="since")
    return Position(int(since) + 1)


def _position(cursor: str, list_id: str) -> Position:
    refusal = Invalid(
        "This cursor is not one of ours, or belongs to another list.",
        code="page.cursor",
        field="cursor",
        advice="Begin without a cursor, or with since=<release>.",
    )
    if len(cursor) > LONGEST_CURSOR:
        raise refusal
    try:
        told, release, at = signing.Signer(salt=SALT).unsign_object(cursor)
    except (signing.BadSignature, ValueError, TypeError):
        raise refusal from None
    if told != list_id:
        raise refusal
    return Position(int(release), int(at))
