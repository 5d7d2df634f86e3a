"""The second person's yes to whatever was proposed: one door for every kind of arrangement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.dual_control.exempt import make_exemption
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import record_proposal, seen_proposal
from accounts.factors.forget import make_reset
from accounts.identity.acting import Actor
from accounts.membership.confirm import confirm_place
from accounts.sign_on.arrange import make_sign_on
from accounts.signing_keys.register import make_key

Make = Callable[..., Any]
MAKE: Final[Mapping[str, Make]] = {
    ProposalKind.PLACE: confirm_place,
    ProposalKind.SIGN_ON: make_sign_on,
    ProposalKind.SECOND_STEP: make_reset,
    ProposalKind.EXEMPTION: make_exemption,
    ProposalKind.KEY: make_key,
}


def confirm_proposal(
    proposal_id: UUID, *, actor: Actor, now: datetime, makers: Mapping[str, Make] = MAKE
) -> Proposal:
    """Make what was proposed, as a second person, and bring it about. `makers` are the verbs by kind: the
    floor above knows more of them.

    Errors: NotFound `proposal.not_found`; those of `accounts.dual_control.propose.make`; and what the
    arrangement itself refuses, in which case the proposal waits on.
    """
    with transaction.atomic():
        proposal = seen_proposal(proposal_id, actor=actor, now=now)
        makers[proposal.kind](proposal, actor=actor, now=now)
        record_proposal(
            Action.PROPOSAL_CONFIRMED,
            proposal,
            actor=actor,
            now=now,
            facts={"confirmed_as": proposal.decided_as},
        )
    return proposal
