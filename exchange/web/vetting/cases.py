"""The pages of those who vet: the queue, one case, and each act in it on a page of its own."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext_lazy as _

from accounts.audit.actions import Action
from accounts.errors import NotFound
from accounts.identity.roles import Permission
from accounts.vetting.cases import (
    add_note,
    ask_for_information,
    case_seen,
    declare_conflict,
    own_case,
    record_case,
)
from accounts.vetting.checklists import items_of
from accounts.vetting.evidence import record_evidence
from accounts.vetting.models import AT_WORK, DECIDABLE, Case, CaseState, Decision, DecisionState
from exchange.http.pages import page_of
from exchange.http.permissions import Need, need, person
from exchange.web import fields
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, options
from exchange.web.parts import Link, Tag, here
from exchange.web.shown import instant
from exchange.web.vetting import case_facts
from exchange.web.vetting.asking import Asked, Asking
from exchange.web.vetting.words import CASE_STATE, CASE_TONE, PROOF, RESULT
from exchange.web.words import word

VET: Final[Need] = need(Permission.ORGANISATION_MANAGE)
DECIDE: Final[Need] = person(Permission.ORGANISATION_MANAGE)
_FILTERS: Final = {"": AT_WORK, "decided": tuple(set(CaseState) - set(AT_WORK) - {CaseState.DRAFT})}


class Applications(Page):
    needs: ClassVar = {"GET": VET}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        shown = request.GET.get("show", "")
        states = _FILTERS.get(shown, AT_WORK)
        proposed = Decision.objects.filter(case=OuterRef("pk"), state=DecisionState.PROPOSED)
        rows = Case.objects.filter(state__in=states).select_related("owner")
        page = page_of(
            rows.annotate(proposed=Exists(proposed)),
            request,
            key="submitted_at" if shown == "" else "changed_at",
            render=lambda case: case_facts.case_row(
                case, now=self.now, proposed=bool(getattr(case, "proposed", False))
            ),
            descending=shown != "",
        )
        links = here(
            (Link(_("Waiting"), "/applications"), Link(_("Decided"), "/applications?show=decided")),
            request.get_full_path(),
        )
        return self.show(
            "web/vetting/applications.html", page=page, links=links, shown=shown,
            query="show=decided" if shown else "",
        )  # fmt: skip


class CasePage(Page):
    """Checklist left, timeline right; what this person may do next at the top."""

    needs: ClassVar = {"GET": VET, "POST": VET}

    def get(self, request: HttpRequest, reference: str) -> HttpResponseBase:
        case = case_seen(reference, actor=self.actor)
        decision = waiting(case)
        proof = getattr(case, "domain_proof", None)
        return self.show(
            "web/vetting/case.html",
            case=case,
            tag=Tag(word(CASE_STATE, case.state), CASE_TONE[case.state]),
            row=case_facts.case_row(case, now=self.now, proposed=decision is not None),
            checks=case_facts.check_rows(case, now=self.now),
            events=case_facts.timeline(case),
            answers=case_facts.answers_of(case),
            submitted=instant(case.submitted_at) if case.submitted_at else "",
            proof=proof,
            proof_state=word(PROOF, proof.state) if proof else "",
            decision=decision,
            at_work=case.state in AT_WORK,
            may_decide=case.state in DECIDABLE,
            part=case_facts.part_of(case, self.actor.person_id),
        )

    def post(self, request: HttpRequest, reference: str) -> HttpResponseBase:
        own_case(reference, actor=self.actor, now=self.now)
        return HttpResponseRedirect(f"/applications/{reference}")


def waiting(case: Case) -> Decision | None:
    proposals = case.decisions.filter(state=DecisionState.PROPOSED)
    return proposals.select_related("proposed_by__person").prefetch_related("conditions__owner").first()


class CaseAsking(Asking):
    """An act in a case; `self.case` is the case."""

    needs: ClassVar = {"GET": VET, "POST": VET}

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.reference = str(kwargs["reference"])

    @property
    def back_to(self) -> str:
        return f"/applications/{self.reference}"

    def case(self) -> Case:
        return case_seen(self.reference, actor=self.actor)

    def unconflicted(self) -> tuple[Field, ...]:
        """Asked of whoever takes no part yet."""
        if case_facts.part_of(self.case(), self.actor.person_id):
            return ()
        label = _("I have no conflict of interest in this case")
        hint = _("If you have one, declare it on the case instead.")
        return (fields.checkbox("unconflicted", label, hint=hint),)


def ticked(form: Form, name: str) -> bool:
    """Ticked, or not asked because the person has said it before."""
    return all(field.name != name for field in form) or form.ticked(name)


class RecordEvidence(CaseAsking):
    def asked(self) -> Asked:
        item = next((one for one in self._items() if one.code == self.kwargs["item"]), None)
        if item is None:
            raise NotFound("There is no such item on this case's checklist.", code="case.item")
        how = case_facts.how_of(item)
        return Asked(case_facts.title_of(item), _("Record it"), self.back_to, (how,) if how else ())

    def _items(self) -> Any:
        checklist = self.case().checklist
        return items_of(checklist) if checklist else ()

    def fields(self) -> tuple[Field, ...]:
        return (
            fields.radios("result", _("What came out?"), options(RESULT)),
            fields.text("source", _("Source"), hint=_("Which register, or whom you called at which number.")),
            fields.text("reference", _("Where the evidence is kept"), hint=_("A folder or file number.")),
            fields.textarea(
                "finding", _("What you found"), optional=True, longest=4_000,
                hint=_("Every discrepancy. Needed when it failed or was not needed."),
            ),
            *self.unconflicted(),
        )  # fmt: skip

    def act(self, form: Form) -> str:
        record_evidence(
            self.reference,
            str(self.kwargs["item"]),
            result=form.value("result"),
            source=form.value("source"),
            reference=form.value("reference"),
            finding=form.value("finding"),
            unconflicted=ticked(form, "unconflicted"),
            actor=self.actor,
            now=self.now,
        )
        self.said = _("The check is recorded.")
        return self.back_to


class WriteNote(CaseAsking):
    """A note for colleagues; with `asks`, a question to the applicant that stops the clock."""

    asks: bool = False

    def asked(self) -> Asked:
        self.case()
        if self.asks:
            says = (_("The applicant is told by mail that there is a message. The clock stands still."),)
            return Asked(_("Ask the applicant"), _("Ask"), self.back_to, says)
        return Asked(_("Write a note"), _("Keep the note"), self.back_to)

    def fields(self) -> tuple[Field, ...]:
        note = fields.textarea(
            "note", _("What do you need?") if self.asks else _("Note"), longest=4_000, rows=6
        )
        if self.asks:
            return (note,)
        readers = (
            Option("internal", _("Colleagues only")),
            Option("applicant", _("The applicant too"), _("They get a mail without its words.")),
        )
        return (note, fields.radios("audience", _("Who reads it?"), readers))

    def known(self) -> dict[str, str]:
        return {} if self.asks else {"audience": "internal"}

    def act(self, form: Form) -> str:
        if self.asks:
            ask_for_information(self.reference, form.value("note"), actor=self.actor, now=self.now)
            self.said = _("The applicant is asked. The clock stands still.")
        else:
            shared = form.value("audience") == "applicant"
            add_note(self.reference, form.value("note"), to_applicant=shared, actor=self.actor, now=self.now)
            self.said = _("The note is kept.")
        return self.back_to


class DeclareConflict(CaseAsking):
    def asked(self) -> Asked:
        self.case()
        says = (_("From then on you keep out of this case, and what you recorded no longer counts."),)
        return Asked(_("Declare a conflict of interest"), _("Declare it"), self.back_to, says, stop=True)

    def fields(self) -> tuple[Field, ...]:
        return (fields.textarea("conflict", _("What is it?"), hint=_("Colleagues read this.")),)

    def act(self, form: Form) -> str:
        declare_conflict(self.reference, form.value("conflict"), actor=self.actor, now=self.now)
        self.said = _("Thank you. A colleague goes on with this case.")
        return self.back_to


class Export(Page):
    """One printable page with the whole case; as JSON with `.json`."""

    needs: ClassVar = {"GET": VET}
    as_json: bool = False

    def get(self, request: HttpRequest, reference: str) -> HttpResponseBase:
        case = case_seen(reference, actor=self.actor)
        whole = case_facts.exported(case, now=self.now)
        with transaction.atomic():
            record_case(Action.CASE_EXPORTED, case, actor=self.actor, now=self.now)
        if self.as_json:
            answer = JsonResponse(whole, json_dumps_params={"indent": 2, "ensure_ascii": False})
            answer["Content-Disposition"] = f'attachment; filename="{case.id}.json"'
            return answer
        return self.show(
            "web/vetting/export.html", case=case, whole=whole, answers=case_facts.answers_of(case),
            checks=case_facts.check_rows(case, now=self.now), events=case_facts.timeline(case),
            tag=Tag(word(CASE_STATE, case.state), CASE_TONE[case.state]),
        )  # fmt: skip
