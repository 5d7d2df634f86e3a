"""Addresses. Applying for membership, and deciding on who is let in and who stays."""

from __future__ import annotations

from django.urls import URLPattern, path, register_converter

from exchange.web.vetting import apply, cases, checklists, deciding, members, own


class Reference:
    """`AP-XXXX-XXXX`: anything else is no case's address, and never reaches the database."""

    regex = "AP-[0-9A-Z]{4}-[0-9A-Z]{4}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Reference, "case")

_CASE = "applications/<case:reference>"
_MEMBER = "members/<uuid:organisation_id>"
_MEASURE = "members/measures/<uuid:measure_id>"

urlpatterns: list[URLPattern] = [
    path("apply", apply.Apply.as_view(), name="apply"),
    path("apply/begin", apply.Begin.as_view(), name="apply-begin"),
    path("apply/resume", apply.Resume.as_view(), name="apply-resume"),
    path("apply/new-code", apply.RenewCode.as_view(), name="apply-renew"),
    path("apply/tasks", apply.Tasks.as_view(), name="apply-tasks"),
    path("apply/questions/<slug:question>", apply.Ask.as_view(), name="apply-question"),
    path("apply/domain-proof", apply.ProveDomain.as_view(), name="apply-domain-proof"),
    path("apply/check", apply.Check.as_view(), name="apply-check"),
    path("apply/status", apply.Status.as_view(), name="apply-status"),
    path("apply/reply", apply.Reply.as_view(), name="apply-reply"),
    path("apply/appeal", apply.Reply.as_view(appeals=True), name="apply-appeal"),
    path("apply/withdraw", apply.Withdraw.as_view(), name="apply-withdraw"),
    path("apply/password", apply.ChoosePassword.as_view(), name="apply-password"),
    path("applications", cases.Applications.as_view(), name="applications"),
    path("applications/checklists", checklists.Checklists.as_view(), name="checklists"),
    path("applications/checklists/<slug:track>", checklists.EditChecklist.as_view(), name="checklist"),
    path(_CASE, cases.CasePage.as_view(), name="case"),
    path(f"{_CASE}/evidence/<slug:item>", cases.RecordEvidence.as_view(), name="case-evidence"),
    path(f"{_CASE}/note", cases.WriteNote.as_view(), name="case-note"),
    path(f"{_CASE}/ask", cases.WriteNote.as_view(asks=True), name="case-ask"),
    path(f"{_CASE}/conflict", cases.DeclareConflict.as_view(), name="case-conflict"),
    path(f"{_CASE}/propose", deciding.Propose.as_view(), name="case-propose"),
    path(f"{_CASE}/decide", deciding.Decide.as_view(), name="case-decide"),
    path(f"{_CASE}/give-back", deciding.GiveBack.as_view(), name="case-give-back"),
    path(f"{_CASE}/export", cases.Export.as_view(), name="case-export"),
    path(f"{_CASE}/export.json", cases.Export.as_view(as_json=True), name="case-export-json"),
    path("members", members.Members.as_view(), name="members"),
    path(_MEMBER, members.Member.as_view(), name="member"),
    path(f"{_MEMBER}/measure", members.ProposeMeasure.as_view(), name="measure"),
    path(f"{_MEASURE}/carry-out", members.CarryOut.as_view(), name="measure-carry-out"),
    path(f"{_MEASURE}/drop", members.Drop.as_view(), name="measure-drop"),
    path("members/conditions/<uuid:condition_id>", members.MeetCondition.as_view(), name="condition-met"),
    path("calendar", members.Calendar.as_view(), name="calendar"),
    path("organisation/review", own.Review.as_view(), name="review"),
    path(
        "organisation/review/questions/<slug:question>", own.ReviewQuestion.as_view(), name="review-question"
    ),
    path(
        "organisation/review/measures/<uuid:measure_id>", own.AnswerMeasure.as_view(), name="review-measure"
    ),
    path("organisation/agreements", own.Agreements.as_view(), name="agreements"),
    path("organisation/agreements/new", own.PublishAgreement.as_view(), name="agreement-new"),
    path("organisation/duty-contacts", own.DutyContacts.as_view(), name="duty-contacts"),
    path("organisation/duty-contacts/new", own.AddDutyContact.as_view(), name="duty-contact-new"),
    path(
        "organisation/duty-contacts/<uuid:contact_id>/end",
        own.EndDutyContact.as_view(),
        name="duty-contact-end",
    ),
]
