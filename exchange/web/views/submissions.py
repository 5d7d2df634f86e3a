"""Submissions: watching one, deciding on it, having the exchange sign it. Doors to the verbs of hashsets."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Invalid, NotFound, Refusal
from accounts.identity.roles import Permission
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.wakeups import wake
from exchange.web.door import Page
from exchange.web.forms import text
from exchange.web.refusals import told
from exchange.web.submission_facts import current_progress, live_draft, submission_facts
from hashsets.intake.models import Submission
from hashsets.intake.withdraw import withdraw_submission
from hashsets.releases.approve import approve_submission, return_submission
from hashsets.releases.sign import sign_with_hosted_key


class SubmissionPage(Page):
    """What the page of a submission and every act on it have in common."""

    def back(self) -> str:
        return reverse("web:submission", args=[self.kwargs["submission_id"]])

    def facts(
        self, submission: Submission, *, refusal: Refusal | None = None, reason: str = ""
    ) -> HttpResponse:
        return self.show(
            "web/submission.html",
            status=status_of(refusal).value if refusal else 200,
            submission=submission_facts(submission, actor=self.actor, now=self.now),
            told=told(refusal) if refusal else None,
            reason=reason,
        )


class OneSubmission(SubmissionPage):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, submission_id: uuid.UUID) -> HttpResponseBase:
        submission = Submission.objects.seen(submission_id, self.actor)
        return self.facts(submission, reason=self.unsent().get("reason", ""))


class SubmissionProgress(SubmissionPage):
    """What the page asks for while the exchange is at work. A new state reloads the whole page."""

    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, submission_id: uuid.UUID) -> HttpResponseBase:
        submission = Submission.objects.seen(submission_id, self.actor)
        progress = current_progress(submission)
        if request.GET.get("mark") != progress.mark:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        announce = request.GET.get("said") != progress.coarse
        return self.show("web/parts/progress.html", progress=progress, row=submission, announce=announce)


class Act(SubmissionPage):
    """Something that a person does to a submission: done, or the page again with the reason why not."""

    def post(self, request: HttpRequest, submission_id: uuid.UUID) -> HttpResponseBase:
        try:
            done = self.act(submission_id)
        except (Invalid, Conflict) as refusal:
            submission = Submission.objects.seen(submission_id, self.actor)
            return self.facts(submission, refusal=refusal, reason=text(request, "reason"))
        messages.success(request, done)
        return HttpResponseRedirect(self.back())

    def act(self, submission_id: uuid.UUID) -> str:
        """Do it and say in one sentence what happens next."""
        raise NotImplementedError


class Approve(Act):
    needs: ClassVar = {"POST": person(Permission.SUBMISSION_APPROVE)}

    def act(self, submission_id: uuid.UUID) -> str:
        shown = text(self.request, "operations_digest")
        approved = approve_submission(submission_id, operations_digest=shown, actor=self.actor, now=self.now)
        wake("build")
        return _("You approved %(reference)s.") % {"reference": approved.reference}


class Return(Act):
    needs: ClassVar = {"POST": person(Permission.SUBMISSION_APPROVE)}

    def act(self, submission_id: uuid.UUID) -> str:
        reason = text(self.request, "reason")
        returned = return_submission(submission_id, reason=reason, actor=self.actor, now=self.now)
        return _("You returned %(reference)s. Its submitter reads your reason.") % {
            "reference": returned.reference
        }


class Withdraw(Act):
    needs: ClassVar = {"POST": need(Permission.SUBMISSION_CREATE)}

    def act(self, submission_id: uuid.UUID) -> str:
        withdrawn = withdraw_submission(submission_id, actor=self.actor, now=self.now)
        return _("You withdrew %(reference)s. The list stays as it is.") % {"reference": withdrawn.reference}


class Sign(Act):
    """With the key that the exchange keeps; signatures by keys of one's own come through the API."""

    needs: ClassVar = {"POST": person(Permission.RELEASE_SIGN)}

    def act(self, submission_id: uuid.UUID) -> str:
        submission = Submission.objects.seen(submission_id, self.actor)
        draft = live_draft(submission)
        if draft is None:
            raise NotFound("There is nothing to sign for this submission.", code="draft.not_found")
        sign_with_hosted_key(draft.id, actor=self.actor, now=self.now)
        wake("publish")
        return _("Signed. The release is published as soon as every signature is there.")
