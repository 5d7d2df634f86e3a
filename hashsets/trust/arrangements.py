"""The second person's yes to whatever was proposed, about people and about lists: one door for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from accounts.arrangements.confirm import MAKE, Make, confirm_proposal
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.identity.acting import Actor
from hashsets.lists.audience import make_findable
from hashsets.lists.change import make_settings
from hashsets.trust.custody import make_signers
from hashsets.trust.transfer import make_acceptance, make_offer

MAKERS: Final[Mapping[str, Make]] = {
    **MAKE,
    ProposalKind.LIST_SETTINGS: make_settings,
    ProposalKind.LIST_FINDABLE: make_findable,
    ProposalKind.LIST_SIGNERS: make_signers,
    ProposalKind.LIST_GIVE: make_offer,
    ProposalKind.LIST_TAKE: make_acceptance,
}


def confirm_arrangement(proposal_id: UUID, *, actor: Actor, now: datetime) -> Proposal:
    """Make what was proposed, as a second person. Errors: as `accounts.arrangements.confirm`."""
    return confirm_proposal(proposal_id, actor=actor, now=now, makers=MAKERS)
