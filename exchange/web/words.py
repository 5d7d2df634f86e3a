"""The exchange's own words for states, kinds and choices, in the reader's language: one table each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.dual_control.independence import AFTER_RESET, LEFT, UNCONFIRMED
from accounts.identity.models import OrganisationKind
from accounts.signing_keys.models import Custody, SigningKeyStatus
from hashsets.intake.models import Mode, SubmissionState
from hashsets.lists.models import Audience, ListStatus, Tlp

Words = Mapping[str, Promise | str]

STATE: Final[Words] = {
    SubmissionState.RECEIVED: _("Received"),
    SubmissionState.VALIDATING: _("Being checked"),
    SubmissionState.STAGED: _("Waits for approval"),
    SubmissionState.APPROVED: _("Approved"),
    SubmissionState.DRAFTED: _("Waits for signature"),
    SubmissionState.PUBLISHED: _("Published"),
    SubmissionState.REFUSED: _("Refused"),
    SubmissionState.RETURNED: _("Returned"),
    SubmissionState.WITHDRAWN: _("Withdrawn"),
}
# Why somebody's yes counts no more.
COUNTS_NO_MORE: Final[Words] = {
    LEFT: _("counts no more: no longer an approver here"),
    UNCONFIRMED: _("counts no more: only one person stands behind their place"),
    AFTER_RESET: _("counts no more: their second step was taken away"),
}
# A colour never stands alone: the word is always beside it.
STATE_TONE: Final[Mapping[str, str]] = {
    SubmissionState.RECEIVED: "moving",
    SubmissionState.VALIDATING: "moving",
    SubmissionState.STAGED: "asks",
    SubmissionState.APPROVED: "moving",
    SubmissionState.DRAFTED: "asks",
    SubmissionState.PUBLISHED: "good",
    SubmissionState.REFUSED: "bad",
    SubmissionState.RETURNED: "bad",
    SubmissionState.WITHDRAWN: "quiet",
}
MODE: Final[Words] = {
    Mode.ADD: _("Add entries"),
    Mode.UPDATE: _("Update entries"),
    Mode.REMOVE: _("Remove entries"),
    Mode.REPLACE: _("Replace the whole list"),
}
MODE_MEANS: Final[Words] = {
    Mode.ADD: _("Entries in the file are added. What the list already says is not changed."),
    Mode.UPDATE: _("Entries in the file take the place of what the list says about the same hashes."),
    Mode.REMOVE: _("Entries in the file are taken off the list."),
    Mode.REPLACE: _("The list becomes exactly this file. Everything that is not in it is removed."),
}
OPERATION: Final[Words] = {"add": _("Add"), "update": _("Update"), "remove": _("Remove")}
KIND: Final[Words] = {
    OrganisationKind.GOVERNMENT: _("Government"),
    OrganisationKind.NGO: _("Non-governmental organisation"),
    OrganisationKind.COMPANY: _("Company"),
    OrganisationKind.OPERATOR: _("Operator of this exchange"),
}
AUDIENCE: Final[Words] = {
    Audience.PUBLIC: _("Everyone, members or not"),
    Audience.MEMBERS: _("All members"),
    Audience.KINDS: _("Members of some kinds"),
    Audience.NAMED: _("Named organisations only"),
}
AUDIENCE_MEANS: Final[Words] = {
    Audience.PUBLIC: _("Also people who are not signed in. Only a TLP:CLEAR list can be for everyone."),
    Audience.MEMBERS: _("Every organisation that was vetted and is active on this exchange."),
    Audience.KINDS: _("For example companies only. Say which kinds below."),
    Audience.NAMED: _("Nobody else learns that the list exists. Name them below by their identifiers."),
}
TLP: Final[Words] = {
    Tlp.CLEAR: "TLP:CLEAR",
    Tlp.GREEN: "TLP:GREEN",
    Tlp.AMBER: "TLP:AMBER",
    Tlp.AMBER_STRICT: "TLP:AMBER+STRICT",
    Tlp.RED: "TLP:RED",
}
TLP_MEANS: Final[Words] = {
    Tlp.CLEAR: _("May be passed on without limit."),
    Tlp.GREEN: _("May be passed on within the community, not to the public."),
    Tlp.AMBER: _("For the member's organisation and those of its clients who need to know."),
    Tlp.AMBER_STRICT: _("For the member's organisation alone."),
    Tlp.RED: _("For the eyes of the named recipients only."),
}
STATEMENT: Final[Words] = {
    "title": _("Title"),
    "description": _("Description"),
    "legal_basis": _("Legal basis"),
    "purpose": _("Purpose"),
    "jurisdiction": _("Jurisdiction"),
    "tlp": _("Sharing label"),
    "audience": _("Who may see it"),
    "audience_kinds": _("Kinds of organisations"),
    "audience_organisations": _("Named organisations"),
    "hash_types": _("Kinds of hashes"),
    "scheme": _("Classification"),
    "approvals_required": _("Approvals before a release"),
    "signature_threshold": _("Signatures under a release"),
}
LIST_STATUS: Final[Words] = {
    ListStatus.ACTIVE: _("Open: takes submissions"),
    ListStatus.CLOSED: _("Closed: takes no more submissions"),
}
HOLD: Final[Words] = {
    "removal.mass": _("More than 5 in 100 entries would go or change classification within 24 hours."),
    "removal.vast": _("More than 20 in 100 entries would go or change classification within 24 hours."),
    "change.vast": _("More than 20 in 100 entries would go or be updated within 24 hours."),
    "removal.empties_list": _("Nothing would be left on the list."),
    "addition.unusual": _("Far more would be added than this list usually adds."),
    "addition.new_type": _("It brings a kind of hash that this list has not had before."),
    "erasure.many": _("A legal erasure of more than 100 entries takes the history with it."),
    "quarantine.accepted": _("Rows that the gate had set aside were let in by a person."),
}
SCHEME: Final[Words] = {
    "none": _("No classification"),
    "ncmec": _("NCMEC categories"),
    "uk": _("United Kingdom categories A to C"),
    "interpol": _("INTERPOL baseline and worst-of"),
    "terrorist-content": _("Terrorist and violent extremist content"),
    "intimate-images": _("Intimate images shared without consent"),
}
CUSTODY: Final[Words] = {
    Custody.HOSTED: _("Kept by the exchange"),
    Custody.OWN: _("Kept by your organisation"),
}
KEY_STATUS: Final[Words] = {
    SigningKeyStatus.PENDING: _("Waits for a second person"),
    SigningKeyStatus.ACTIVE: _("In use"),
    SigningKeyStatus.REVOKED: _("Revoked"),
}
KEY_STATUS_TONE: Final[Mapping[str, str]] = {
    SigningKeyStatus.PENDING: "asks",
    SigningKeyStatus.ACTIVE: "good",
    SigningKeyStatus.REVOKED: "bad",
}
SIGNATURE_SCHEME: Final[Words] = {
    "ed25519": _("Ed25519"),
    "ecdsa-sha2-nistp256": _("ECDSA on the curve P-256 with SHA-256"),
}


def word(table: Words, value: str) -> str:
    """The word for `value`; an unknown one is shown as it is rather than hidden."""
    return str(table.get(value, value))
