"""The files of a draft, for those who sign it: a signer recomputes what is signed before signing.

Only what the signed part names is served, and only to the publisher; members get files with a release.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.identity.roles import Permission
from exchange.http.files import file_response
from exchange.http.permissions import Door, need
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake.models import Submission
from hashsets.releases.sign import draft_file, draft_to_sign


class DraftFile(Door):
    needs: ClassVar = {"GET": need(Permission.RELEASE_SIGN)}

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        summary="A file that a draft would release (ranges allowed)",
    )
    def get(self, request: Request, submission_id: uuid.UUID, name: str) -> HttpResponseBase:
        draft = draft_to_sign(Submission.objects.seen(submission_id, self.actor))
        facts = draft_file(draft, name)
        stream = blob_store().open(
            keys.target(draft.hash_list_id, f"{draft.hash_list_id}/{name}", facts.sha256)
        )
        return file_response(
            request._request,
            stream,
            length=facts.length,
            etag=facts.sha256,
            content_type="application/octet-stream",
            private=True,
        )
