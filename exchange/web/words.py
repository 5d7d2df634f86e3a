"""The exchange's own words for states, kinds and choices, in the reader's language: one table each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.identity.models import OrganisationKind
from hashsets.intake.models import Mode, SubmissionState
from hashsets.lists.models import Audience, ListStatus

Words = Mapping[str, Promise]

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
LIST_STATUS: Final[Words] = {
    ListStatus.ACTIVE: _("Open: takes submissions"),
    ListStatus.CLOSED: _("Closed: takes no more submissions"),
}
HOLD: Final[Words] = {
    "removal.mass": _("More than 5 in 100 entries would go within 24 hours."),
    "removal.vast": _("More than 20 in 100 entries would go within 24 hours."),
    "removal.empties_list": _("Nothing would be left on the list."),
    "addition.unusual": _("Far more would be added than this list usually adds."),
    "addition.new_type": _("It brings a kind of hash that this list has not had before."),
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


def word(table: Words, value: str) -> str:
    """The word for `value`; an unknown one is shown as it is rather than hidden."""
    return str(table.get(value, value))
