"""The words of applications, cases and membership in the reader's language: one table each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.identity.roles import Permission
from accounts.standing.models import MeasureKind, MeasureState
from accounts.vetting.models import CaseState, DeclineReason, Outcome, Purpose, Result, Track
from exchange.web.parts import Tone
from exchange.web.words import Words

CASE_STATE: Final[Words] = {
    CaseState.DRAFT: _("Being filled in"),
    CaseState.OPEN: _("Being checked"),
    CaseState.INFORMATION: _("Waits for the applicant"),
    CaseState.APPROVED: _("Approved"),
    CaseState.DECLINED: _("Declined"),
    CaseState.APPEALED: _("Appealed"),
    CaseState.REJECTED: _("Declined after an appeal"),
    CaseState.WITHDRAWN: _("Withdrawn"),
}
CASE_TONE: Final[Mapping[str, Tone]] = {
    CaseState.DRAFT: "moving",
    CaseState.OPEN: "asks",
    CaseState.INFORMATION: "moving",
    CaseState.APPROVED: "good",
    CaseState.DECLINED: "bad",
    CaseState.APPEALED: "asks",
    CaseState.REJECTED: "bad",
    CaseState.WITHDRAWN: "quiet",
}
PURPOSE: Final[Words] = {Purpose.ADMISSION: _("Application"), Purpose.REVIEW: _("Review of a member")}
TRACK: Final[Words] = {
    Track.COMPANY: _("Company"),
    Track.NGO: _("Non-governmental organisation"),
    Track.GOVERNMENT: _("Government"),
    Track.OTHER: _("Other jurisdiction"),
}
KIND: Final[Words] = {
    "company": _("Company"),
    "ngo": _("Non-governmental organisation"),
    "government": _("Government"),
}
WANTED: Final[Words] = {
    "subscribe": _("Use lists of others"),
    "publish": _("Publish lists"),
    "both": _("Both"),
}
RESULT: Final[Words] = {
    Result.PASSED: _("Passed"),
    Result.FAILED: _("Failed"),
    Result.NOT_NEEDED: _("Not needed here"),
}
CHECK: Final[Words] = {
    "done": _("Done"),
    "open": _("To do"),
    "failed": _("Failed"),
    "expired": _("Too old"),
    "tainted": _("Conflict of interest: do again"),
}
OUTCOME: Final[Words] = {Outcome.APPROVE: _("Approve"), Outcome.DECLINE: _("Decline")}
REASON: Final[Words] = {
    DeclineReason.IDENTITY: _("We could not establish who you are"),
    DeclineReason.DOMAIN: _("The domain was not proven"),
    DeclineReason.CRITERIA: _("The criteria for membership are not met"),
    DeclineReason.SANCTIONS: _("Sanctions or a law stand against it"),
    DeclineReason.INCOMPLETE: _("What we asked for did not come"),
    DeclineReason.OTHER: _("Another reason, said in the message"),
}
MEASURE: Final[Words] = {
    MeasureKind.SUSPENSION: _("Suspension"),
    MeasureKind.EMERGENCY: _("Suspension at once"),
    MeasureKind.LIFTING: _("Lifting of the suspension"),
    MeasureKind.OFFBOARDING: _("End of membership"),
}
MEASURE_MEANS: Final[Words] = {
    MeasureKind.SUSPENSION: _("The member may answer within 14 days; then a second person carries it out."),
    MeasureKind.EMERGENCY: _("Now, by you alone: sessions, keys and pushes stop. For harm that is going on."),
    MeasureKind.LIFTING: _("A second person lets the member act again."),
    MeasureKind.OFFBOARDING: _(
        "For good, by a second person: people, keys, endpoints, subscriptions, lists."
    ),
}
MEASURE_STATE: Final[Words] = {
    MeasureState.PROPOSED: _("Waits for a second person"),
    MeasureState.DONE: _("Carried out"),
    MeasureState.DROPPED: _("Dropped"),
}
STATUS: Final[Words] = {
    "applicant": _("Applicant"),
    "active": _("Active"),
    "suspended": _("Suspended"),
    "closed": _("Closed"),
}
STATUS_TONE: Final[Mapping[str, Tone]] = {
    "applicant": "moving",
    "active": "good",
    "suspended": "bad",
    "closed": "quiet",
}
PROOF: Final[Words] = {
    "waiting": _("Not found yet"),
    "proven": _("Proven"),
    "lapsed": _("No longer found"),
}
PROOF_ANSWER: Final[Words] = {
    "": _("We have not looked yet."),
    "found": _("We found it."),
    "absent": _("We looked and did not find it."),
    "other_token": _("We found a token, but another one."),
    "unreachable": _("We could not reach your name server or website."),
    "refused_address": _("The website's address is not one that we visit."),
}
RIGHT: Final[dict[str, Promise]] = {
    Permission.LIST_MANAGE: _("Arrange lists"),
    Permission.SUBMISSION_CREATE: _("Submit changes"),
    Permission.SUBMISSION_APPROVE: _("Approve changes"),
    Permission.RELEASE_SIGN: _("Sign releases"),
    Permission.SUBSCRIPTION_MANAGE: _("Follow lists"),
    Permission.ENDPOINT_MANAGE: _("Arrange endpoints"),
    Permission.CREDENTIAL_MANAGE: _("Issue credentials"),
    Permission.KEY_MANAGE: _("Arrange signing keys"),
}


def in_french() -> bool:
    return (get_language() or "en").startswith("fr")
