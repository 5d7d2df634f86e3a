"""Submissions: upload, state, problems, decision, signatures. Thin doors to the verbs of hashsets."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Any, BinaryIO, ClassVar, cast

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import Invalid, NotFound
from accounts.identity.roles import Permission
from exchange.api.v1.shapes import (
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
from hashsets.intake.receive import receive_submission
from hashsets.intake.withdraw import withdraw_submission
from hashsets.lists.models import HashList
from hashsets.releases.approve import approve_submission, return_submission
from hashsets.releases.models import LIVE_DRAFT_STATES, Draft
from hashsets.releases.sign import add_signature, sign_with_hosted_key

YES_NO = {"true": True, "false": False}


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
        ],
        request={"text/csv": OpenApiTypes.BINARY},
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
            media_type=request.content_type,
            actor=self.actor,
            now=timezone.now(),
        )
        wake("validate")
        return Response(SubmissionOut(submission).data, status=status.HTTP_202_ACCEPTED)


class OneSubmission(Door):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    @extend_schema(responses=SubmissionOut, summary="One submission")
    def get(self, request: Request, submission_id: uuid.UUID) -> Response:
        return Response(SubmissionOut(Submission.objects.seen(submission_id, self.actor)).data)


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

    @extend_schema(request=None, responses=SubmissionOut, summary="Approve (a second person, in the browser)")
    def post(self, request: Request, submission_id: uuid.UUID) -> Response:
        submission = approve_submission(submission_id, actor=self.actor, now=timezone.now())
        wake("build")
        return Response(SubmissionOut(submission).data)


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
