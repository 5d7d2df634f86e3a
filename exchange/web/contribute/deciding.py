"""What people decide about submissions beyond approving them: rows set aside, holds, entries withdrawn."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Conflict, Invalid, Throttled
from accounts.identity.roles import Permission
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.wakeups import wake
from exchange.web.contribute.uploading import ChangePage
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, blank, checkboxes, posted, radios, select, textarea
from exchange.web.forms import text
from exchange.web.list_facts import changes, reclassified, submission_row, type_title
from exchange.web.refusals import problem
from exchange.web.shown import apart, instant, number
from exchange.web.waiting import to_approve, to_sign
from exchange.web.words import HOLD, MODE, word
from hashsets.core.reasons import REASONS
from hashsets.intake.emergency import MOST_ENTRIES, withdraw_entries
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.quarantine import decide_quarantine
from hashsets.lists.models import HashList
from hashsets.releases.agree import agree_to_submission, awaiting_agreement

PAGE = 25
_REASONS = {reason.code: reason for reason in REASONS}


@dataclass(frozen=True, slots=True)
class SetAside:
    """Rows that one rule of the gate has set aside, and what was said about them."""

    code: str
    message: str
    advice: str
    rows: str
    decided: str
    reason: str


class QuarantinePage(Page):
    """Rows that the gate has set aside: let in or left out by somebody other than the submitter."""

    needs: ClassVar = {
        "GET": need(Permission.LIST_VIEW),
        "POST": person(Permission.SUBMISSION_APPROVE),
    }

    def get(self, request: HttpRequest, submission_id: uuid.UUID) -> HttpResponseBase:
        submission = Submission.objects.seen(submission_id, self.actor)
        return self._form(submission, blank(*self._asked(submission), values=self.unsent()))

    def post(self, request: HttpRequest, submission_id: uuid.UUID) -> HttpResponseBase:
        submission = Submission.objects.seen(submission_id, self.actor)
        form = posted(request, *self._asked(submission))
        try:
            if form.value("decision") not in ("accept", "refuse"):
                raise Invalid("Say what shall happen to them.", code="quarantine.decision", field="decision")
            if not form.values("codes"):
                raise Invalid("Choose what you decide about.", code="quarantine.choose", field="codes")
            decide_quarantine(
                submission_id,
                accept=form.value("decision") == "accept",
                codes=form.values("codes"),
                reason=form.value("reason"),
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, Conflict) as refusal:
            return self._form(submission, form.refused(refusal), status=status_of(refusal).value)
        wake("validate")
        messages.success(request, _("Your decision about the rows that were set aside is kept."))
        return HttpResponseRedirect(reverse("web:submission", args=[submission_id]))

    def _form(self, submission: Submission, form: Form, *, status: int = 200) -> HttpResponse:
        return self.show(
            "web/contribute/set_aside.html",
            status=status,
            submission=submission,
            list=submission.hash_list,
            rules=set_aside(submission),
            form=form,
            own=submission.submitted_by_id == self.actor.person_id,
            may_decide=self.actor.may(Permission.SUBMISSION_APPROVE),
            waits=submission.state == SubmissionState.STAGED,
        )

    def _asked(self, submission: Submission) -> tuple[Field, ...]:
        open_ = [rule for rule in set_aside(submission) if not rule.decided]
        codes = [Option(rule.code, rule.message, f"{rule.rows} · {rule.advice}") for rule in open_]
        answers = [
            Option(
                "refuse",
                gettext_lazy("Leave them out"),
                gettext_lazy("The rest of the submission goes on without them."),
            ),
            Option(
                "accept",
                gettext_lazy("Let them in"),
                gettext_lazy(
                    "The change is worked out again, has to be approved anew, and the operator of this "
                    "exchange has to agree."
                ),
            ),
        ]
        return (
            checkboxes("codes", gettext_lazy("About which rows?"), codes),
            radios("decision", gettext_lazy("What shall happen to them?"), answers),
            textarea("reason", gettext_lazy("Why?"), hint=gettext_lazy("It is kept for ever."), rows=3),
        )


class Held(Page):
    """For the exchange's admins: what waits for the exchange's own word, in numbers and never in entries."""

    needs: ClassVar = {"GET": need(Permission.ORGANISATION_MANAGE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return held_page(self, request)


class Agree(Page):
    needs: ClassVar = {"POST": person(Permission.ORGANISATION_MANAGE)}

    def back(self) -> str:
        return reverse("web:held")

    def post(self, request: HttpRequest, submission_id: uuid.UUID) -> HttpResponseBase:
        shown = text(request, "operations_digest")
        try:
            agreed = agree_to_submission(
                submission_id, operations_digest=shown, actor=self.actor, now=self.now
            )
        except (Invalid, Conflict) as refusal:
            return held_page(self, request, form=Form(()).refused(refusal), status=status_of(refusal).value)
        wake("build")
        messages.success(
            request, _("You agreed to %(reference)s for the exchange.") % {"reference": agreed.reference}
        )
        return HttpResponseRedirect(self.back())


@dataclass(frozen=True, slots=True)
class HeldRow:
    row: Submission
    mode: str
    changes: str
    reclassified: str
    reasons: tuple[str, ...]
    received: SafeString


def held_page(
    page: Page, request: HttpRequest, *, form: Form | None = None, status: int = 200
) -> HttpResponse:
    rows = page_of(awaiting_agreement(page.actor), request, key="received_at", render=_held_row, size=PAGE)
    return page.show("web/contribute/held.html", status=status, page=rows, form=form)


def _held_row(row: Submission) -> HeldRow:
    return HeldRow(
        row=row,
        mode=word(MODE, row.mode),
        changes=changes(row.adds, row.updates, row.removals),
        reclassified=reclassified(row),
        reasons=tuple(word(HOLD, code) for code in row.holds),
        received=instant(row.received_at),
    )


class Queue(Page):
    """Submissions of the organisation, by what they wait for."""

    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        show = request.GET.get("show", "approve")
        rows: QuerySet[Submission] = Submission.objects.owned_by(self.actor)
        if show == "approve":
            rows = to_approve(self.actor)
        elif show == "sign":
            rows = to_sign(self.actor)
        else:
            show = "all"
        page = page_of(
            rows.select_related("hash_list"), request, key="received_at", render=submission_row, size=PAGE
        )
        return self.show("web/contribute/queue.html", page=page, shown=show, query=f"show={show}")


class WithdrawEntries(ChangePage):
    """At most a hundred entries, typed or pasted; they are in no address, and not shown again."""

    needs: ClassVar = {
        "GET": need(Permission.SUBMISSION_CREATE),
        "POST": need(Permission.SUBMISSION_CREATE),
    }

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.hash_list()
        return self._form(hash_list, blank(*self._asked(hash_list)))

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.hash_list()
        form = posted(request, *self._asked(hash_list))
        types = hash_list.hash_types
        try:
            made = withdraw_entries(
                hash_list,
                form.value("entries"),
                hash_type=types[0] if len(types) == 1 else form.value("type"),
                reason=form.value("reason"),
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, Conflict, Throttled) as refusal:
            refusal.field = refusal.field if refusal.field in ("reason", "type") else "entries"
            return self._form(hash_list, form.refused(refusal), status=status_of(refusal).value)
        wake("validate")
        words = _("Withdrawal %(reference)s is received. Somebody else approves it, then it is signed.")
        messages.success(request, words % {"reference": made.reference})
        return HttpResponseRedirect(reverse("web:submission", args=[made.id]))

    def _asked(self, hash_list: HashList) -> tuple[Field, ...]:
        kinds = [Option(slug, type_title(slug)) for slug in hash_list.hash_types]
        kind = select("type", gettext_lazy("Kind of hashes"), kinds)
        return (
            textarea(
                "entries",
                gettext_lazy("Hashes to withdraw"),
                hint=gettext_lazy("One a line, at most 100. They are not shown again on any page."),
                rows=6,
                longest=None,
            ),
            *((kind,) if len(kinds) > 1 else ()),
            textarea(
                "reason",
                gettext_lazy("Why?"),
                hint=gettext_lazy("Whoever approves it reads this. No names of people, no hashes."),
                rows=3,
            ),
        )

    def _form(self, hash_list: HashList, form: Form, *, status: int = 200) -> HttpResponse:
        fields = tuple(replace(one, value="") if one.name == "entries" else one for one in form)
        return self.show(
            "web/contribute/withdraw_entries.html",
            status=status,
            list=hash_list,
            form=Form(fields, form.mistakes),
            most=MOST_ENTRIES,
        )


def set_aside(submission: Submission) -> list[SetAside]:
    """Every rule that set rows aside, decided about or not."""
    decided = {one.code: one for one in submission.quarantine_decisions.select_related("decided_by")}
    codes = {**{code: one.rows for code, one in decided.items()}, **submission.set_aside}
    found = []
    for code, rows in sorted(codes.items()):
        said, reason = decided.get(code), _REASONS[code]
        told = problem(code, reason.sentence, reason.advice)
        verdict = ""
        if said is not None:
            words = _("Let in by %(who)s") if said.accepted else _("Left out by %(who)s")
            verdict = words % {"who": apart(str(said.decided_by))}
        found.append(
            SetAside(code, told.message, told.advice, number(rows), verdict, said.reason if said else "")
        )
    return found
