"""Submissions: upload, state, problems, decision, signatures. Thin doors to the verbs of hashsets."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Any, BinaryIO, ClassVar, cast

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import Invalid, NotFound
from accounts.identity.roles import Permission
from exchange.api.v1.shapes import (
    CountsOut,
    DraftOut,
    ProblemRowOut,
    ReasonIn,
    SignatureIn,
    SubmissionOut,
    checked,
)
from exchange.http.pages import page_of, page_size
from exchange.http.permissions import Door, need, person
from exchange.wakeups import wake
from hashsets.intake import problems
from hashsets.intake.models import Mode, Submission
from hashsets.intake.quarantine import decide_quarantine
from hashsets.intake.receive import receive_submission
from hashsets.intake.withdraw import withdraw_submission
from hashsets.lists.models import HashList
from hashsets.releases.agree import agree_to_submission, awaiting_agreement
from hashsets.releases.approve import approve_submission, is_agreed, return_submission
from hashsets.releases.models import LIVE_DRAFT_STATES, Draft
from hashsets.releases.sign import add_signature, sign_with_hosted_key

# What is sent is found out from its first bytes; these are for the description of the API.
UPLOADS = (
    "text/csv",
    "text/plain",
    "application/jsonl",
    "application/json",
    "application/vnd.apache.parquet",
    "application/gzip",
)
YES_NO = {"true": True, "false": False}


class SubmissionDetailOut(SubmissionOut):
    """With what stands between it and its release."""

    set_aside = serializers.DictField(
        child=serializers.IntegerField(), help_text="rows left out until a person decides, by code"
    )
    quarantine = serializers.SerializerMethodField()
    holds = serializers.ListField(child=serializers.CharField(), help_text="why more people have to say yes")
    further_approvals = serializers.IntegerField()
    exchange_must_agree = serializers.BooleanField()
    exchange_agreed = serializers.SerializerMethodField()

    def get_quarantine(self, row: Submission) -> list[dict[str, Any]]:
        decided = row.quarantine_decisions.order_by("code")
        return [dict(one) for one in decided.values("code", "accepted", "rows", "decided_at", "reason")]

    def get_exchange_agreed(self, row: Submission) -> bool:
        return is_agreed(row)


class ShownIn(serializers.Serializer[Any]):
    """A decision is about one effect: the one that the person was shown."""

    operations_digest = serializers.CharField(
        max_length=64,
        allow_blank=True,
        help_text="of the submission as it was shown; another one by now: 409 `approval.changed`",
    )


class HeldOut(serializers.Serializer[Any]):
    """What an exchange admin sees of a submission: numbers, never entries."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    list_id = serializers.CharField(source="hash_list_id")
    title = serializers.CharField(source="hash_list.title")
    publisher = serializers.CharField(source="organisation.name")
    mode = serializers.CharField()
    urgent = serializers.BooleanField()
    received_at = serializers.DateTimeField()
    holds = serializers.ListField(child=serializers.CharField())
    counts = CountsOut(source="*")
    operations_digest = serializers.CharField(help_text="what the exchange agrees to")


class QuarantineIn(serializers.Serializer[Any]):
    """`codes` empty: all rows that were set aside."""

    accept = serializers.BooleanField()
    codes = serializers.ListField(child=serializers.CharField(max_length=64), default=list, max_length=20)
    reason = serializers.CharField(max_length=1_000)


class RawUpload(BaseParser):
    """Leaves the body unread: the verb streams it, so that a large upload is never held in memory."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream


class ListSubmissions(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": need(Permission.SUBMISSION_CREATE)}
    parser_classes = (RawUpload,)

    @extend_schema(responses=SubmissionOut(many=True), summary="Submissions to a list of your organisation")
    def get(self, request: Request, list_id: str) -> Response:
        hash_list = HashList.objects.seen(list_id, self.actor)
        rows = Submission.objects.owned_by(self.actor).filter(hash_list=hash_list)
        page = page_of(rows, request, key="received_at", render=lambda row: SubmissionOut(row).data)
        return Response({"items": page.items, "next": page.next})

    @extend_schema(
        parameters=[
            OpenApiParameter("mode", str, required=True, enum=Mode.values),
            OpenApiParameter("urgent", bool),
            OpenApiParameter("note", str),
            OpenApiParameter("type", str, description="of the hashes in a file with one hash a line"),
        ],
        request=dict.fromkeys(UPLOADS, OpenApiTypes.BINARY),
        responses={202: SubmissionOut},
        summary="Upload a change to a list as the raw body",
    )
    def post(self, request: Request, list_id: str) -> Response:
        hash_list = HashList.objects.seen(list_id, self.actor)
        mode, urgent = request.query_params.get("mode", ""), request.query_params.get("urgent", "false")
        if mode not in Mode.values:
            raise Invalid(
                "Say what the file does to the list.",
                code="submission.mode",
                field="mode",
                advice=f"mode is one of: {', '.join(Mode.values)}.",
            )
        if urgent not in YES_NO:
            raise Invalid("urgent is true or false.", code="submission.urgent", field="urgent")
        submission = receive_submission(
            hash_list,
            cast(BinaryIO, request._request),  # a Django request reads like a file
            mode=mode,
            urgent=YES_NO[urgent],
            note=request.query_params.get("note", ""),
            hash_type=request.query_params.get("type", ""),
            media_type=request.content_type,
            actor=self.actor,
            now=timezone.now(),
            submission_id=self.act_id,
        )
        wake("validate")
        return Response(SubmissionOut(submission).data, status=status.HTTP_202_ACCEPTED)


class OneSubmission(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    @extend_schema(responses=SubmissionDetailOut, summary="One submission")
    def get(self, request: Request, submission_id: uuid.UUID) -> Response:
        return Response(SubmissionDetailOut(Submission.objects.seen(submission_id, self.actor)).data)


class Problems(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    @extend_schema(responses=ProblemRowOut(many=True), summary="Problems by line (the first 10,000 are kept)")
    def get(self, request: Request, submission_id: uuid.UUID) -> Response:
        submission = Submission.objects.seen(submission_id, self.actor)
        raw = request.query_params.get("cursor") or "0"
        if not (raw.isascii() and raw.isdigit() and len(raw) <= 6):
            raise Invalid("This cursor is not one of ours.", code="page.cursor", field="cursor")
        start, limit = int(raw), page_size(request)
        rows = list(islice(problems.read_problems(submission), start, start + limit + 1))
        following = str(start + limit) if len(rows) > limit else None
        return Response({"items": [ProblemRowOut(row).data for row in rows[:limit]], "next": following})


class ProblemsCsv(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR}, summary="The problem report as CSV")
    def get(self, request: Request, submission_id: uuid.UUID) -> HttpResponseBase:
        submission = Submission.objects.seen(submission_id, self.actor)
        response = StreamingHttpResponse(
            problems.problems_csv(submission), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="{submission.reference}-problems.csv"'
        return response


class Approve(Door):
    needs: ClassVar = {"POST": person(Permission.SUBMISSION_APPROVE)}

    @extend_schema(
        request=ShownIn, responses=SubmissionOut, summary="Approve (a second person, in the browser)"
    )
    def post(self, request: Request, submission_id: uuid.UUID) -> Response:
        submission = approve_submission(
            submission_id, operations_digest=_shown(request), actor=self.actor, now=timezone.now()
        )
        wake("build")
        return Response(SubmissionOut(submission).data)


def _shown(request: Request) -> str:
    """The digest of what the person was shown; "" when it is not said, which the verbs refuse."""
    body = request.data
    if isinstance(body, dict):
        body = {"operations_digest": "", **body}
    shown: str = checked(ShownIn, body)["operations_digest"]
    return shown


class Return(Door):
    needs: ClassVar = {"POST": person(Permission.SUBMISSION_APPROVE)}

    @extend_schema(request=ReasonIn, responses=SubmissionOut, summary="Return with a reason")
    def post(self, request: Request, submission_id: uuid.UUID) -> Response:
        reason = checked(ReasonIn, request.data)["reason"]
        submission = return_submission(submission_id, reason=reason, actor=self.actor, now=timezone.now())
        return Response(SubmissionOut(submission).data)


class Withdraw(Door):
    needs: ClassVar = {"POST": need(Permission.SUBMISSION_CREATE)}

    @extend_schema(request=None, responses=SubmissionOut, summary="Withdraw your organisation's submission")
    def post(self, request: Request, submission_id: uuid.UUID) -> Response:
        submission = withdraw_submission(submission_id, actor=self.actor, now=timezone.now())
        return Response(SubmissionOut(submission).data)


class Quarantine(Door):
    needs: ClassVar = {"POST": person(Permission.SUBMISSION_APPROVE)}

    @extend_schema(
        request=QuarantineIn,
        responses=SubmissionDetailOut,
        summary="Decide about rows that were set aside (a second person, in the browser)",
    )
    def post(self, request: Request, submission_id: uuid.UUID) -> Response:
        asked = checked(QuarantineIn, request.data)
        submission = decide_quarantine(submission_id, actor=self.actor, now=timezone.now(), **asked)
        wake("validate")
        return Response(SubmissionDetailOut(submission).data)


class Agree(Door):
    needs: ClassVar = {"POST": person(Permission.ORGANISATION_MANAGE)}

    @extend_schema(request=ShownIn, responses=HeldOut, summary="Agree for the exchange to a held submission")
    def post(self, request: Request, submission_id: uuid.UUID) -> Response:
        submission = agree_to_submission(
            submission_id, operations_digest=_shown(request), actor=self.actor, now=timezone.now()
        )
        wake("build")
        return Response(HeldOut(submission).data)


class Held(Door):
    needs: ClassVar = {"GET": need(Permission.ORGANISATION_MANAGE)}

    @extend_schema(responses=HeldOut(many=True), summary="Submissions that wait for the exchange to agree")
    def get(self, request: Request) -> Response:
        rows = awaiting_agreement(self.actor)
        page = page_of(rows, request, key="received_at", render=lambda row: HeldOut(row).data)
        return Response({"items": page.items, "next": page.next})


class Signatures(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": need(Permission.RELEASE_SIGN)}

    def _draft(self, submission_id: uuid.UUID) -> Draft:
        submission = Submission.objects.seen(submission_id, self.actor)
        found = (
            submission.drafts.filter(state__in=LIVE_DRAFT_STATES)
            .prefetch_related("signatures__signing_key")
            .first()
        )
        if found is None:
            raise NotFound(
                "There is nothing to sign for this submission.",
                code="draft.not_found",
                advice="A draft exists once the submission is approved and its release is built.",
            )
        return found

    @extend_schema(responses=DraftOut, summary="What is to be signed")
    def get(self, request: Request, submission_id: uuid.UUID) -> Response:
        return Response(DraftOut(self._draft(submission_id)).data)

    @extend_schema(request=SignatureIn, responses={201: DraftOut}, summary="Sign, hosted or detached")
    def post(self, request: Request, submission_id: uuid.UUID) -> Response:
        asked = checked(SignatureIn, request.data)
        draft, now = self._draft(submission_id), timezone.now()
        if asked["hosted"]:
            sign_with_hosted_key(draft.id, actor=self.actor, now=now)
        else:
            add_signature(
                draft.id, keyid=asked["keyid"], signature=asked["signature"], actor=self.actor, now=now
            )
        wake("publish")
        draft = Draft.objects.prefetch_related("signatures__signing_key").get(id=draft.id)
        return Response(DraftOut(draft).data, status=status.HTTP_201_CREATED)
