"""Large files in parts that can be sent again, and hashes that members know to be innocent."""

from __future__ import annotations

import uuid
from typing import Any, BinaryIO, ClassVar, cast

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import Invalid
from accounts.identity.roles import Permission
from exchange.api.v1.shapes import SubmissionOut, checked
from exchange.api.v1.submissions import RawUpload
from exchange.http.permissions import Door, need
from exchange.wakeups import wake
from hashsets.intake.benign import add_benign_hashes
from hashsets.intake.models import Mode
from hashsets.intake.uploads import Intent, append_part, open_upload, seen_upload, submit_upload
from hashsets.lists.models import HashList

OFFSET = OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER, required=True)
CHECKSUM = OpenApiParameter(
    "Upload-Checksum", str, OpenApiParameter.HEADER, required=True, description="sha256 <64 hex digits>"
)


class UploadIn(serializers.Serializer[Any]):
    """A file that is to come: `sha256` of the whole of it."""

    list_id = serializers.CharField(max_length=26)
    length = serializers.IntegerField(min_value=1, max_value=2**50)
    sha256 = serializers.RegexField(r"\A[0-9a-f]{64}\Z")


class UploadOut(serializers.Serializer[Any]):
    """`offset` is where the next part begins."""

    id = serializers.UUIDField()
    list_id = serializers.CharField(source="hash_list_id")
    length = serializers.IntegerField()
    sha256 = serializers.CharField()
    offset = serializers.IntegerField(source="received")
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)


class SubmitUploadIn(serializers.Serializer[Any]):
    """What the file does to the list."""

    mode = serializers.ChoiceField(choices=Mode.choices)
    urgent = serializers.BooleanField(default=False)
    note = serializers.CharField(max_length=1_000, allow_blank=True, default="")
    type = serializers.CharField(max_length=16, allow_blank=True, default="")


class Uploads(Door):
    needs: ClassVar = {"POST": need(Permission.SUBMISSION_CREATE)}

    @extend_schema(
        request=UploadIn, responses={201: UploadOut}, summary="Begin a large upload, or find it again"
    )
    def post(self, request: Request) -> Response:
        asked = checked(UploadIn, request.data)
        hash_list = HashList.objects.seen(asked["list_id"], self.actor)
        upload = open_upload(
            hash_list, length=asked["length"], sha256=asked["sha256"], actor=self.actor, now=timezone.now()
        )
        return Response(UploadOut(upload).data, status=status.HTTP_201_CREATED)


class OneUpload(Door):
    needs: ClassVar = {
        "GET": need(Permission.SUBMISSION_CREATE),
        "PATCH": need(Permission.SUBMISSION_CREATE),
    }
    parser_classes = (RawUpload,)

    @extend_schema(responses=UploadOut, summary="How far an upload has come")
    def get(self, request: Request, upload_id: uuid.UUID) -> Response:
        return Response(UploadOut(seen_upload(upload_id, self.actor)).data)

    @extend_schema(
        parameters=[OFFSET, CHECKSUM],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=UploadOut,
        summary="Send the next part as the raw body (at most 16 MiB)",
    )
    def patch(self, request: Request, upload_id: uuid.UUID) -> Response:
        upload = append_part(
            upload_id,
            cast(BinaryIO, request._request),  # a Django request reads like a file
            offset=_offset(request.headers.get("Upload-Offset", "")),
            sha256=_checksum(request.headers.get("Upload-Checksum", "")),
            actor=self.actor,
        )
        return Response(UploadOut(upload).data, headers={"Upload-Offset": str(upload.received)})


class SubmitUpload(Door):
    needs: ClassVar = {"POST": need(Permission.SUBMISSION_CREATE)}
    acts_on_rows_alone = False  # a large file is put together

    @extend_schema(request=SubmitUploadIn, responses={202: SubmissionOut}, summary="Submit a whole upload")
    def post(self, request: Request, upload_id: uuid.UUID) -> Response:
        asked = checked(SubmitUploadIn, request.data)
        intent = Intent(asked["mode"], asked["urgent"], asked["note"], asked["type"])
        submission = submit_upload(upload_id, intent, actor=self.actor, now=timezone.now())
        wake("validate")
        return Response(SubmissionOut(submission).data, status=status.HTTP_202_ACCEPTED)


class Benign(Door):
    needs: ClassVar = {"POST": need(Permission.SUBMISSION_CREATE)}
    parser_classes = (RawUpload,)

    @extend_schema(
        parameters=[OpenApiParameter("type", str)],
        request={"text/csv": OpenApiTypes.BINARY},
        responses={200: OpenApiTypes.OBJECT},
        summary="Add hashes of your own innocent content, which no list should hold",
    )
    def post(self, request: Request) -> Response:
        totals = add_benign_hashes(
            cast(BinaryIO, request._request),
            stated_type=request.query_params.get("type", ""),
            actor=self.actor,
            now=timezone.now(),
        )
        return Response({"hashes": totals})


def _offset(said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) <= 16):
        raise Invalid(
            "The header Upload-Offset says at which byte of the file the part begins.",
            code="upload.offset_missing",
            field="Upload-Offset",
        )
    return int(said)


def _checksum(said: str) -> str:
    algorithm, _, digest = said.partition(" ")
    if algorithm != "sha256" or len(digest) != 64:
        raise Invalid(
            "The header Upload-Checksum is 'sha256', a space, and the part's SHA-256 in hexadecimal.",
            code="upload.checksum_missing",
            field="Upload-Checksum",
        )
    return digest
