"""Who is next: a list has one live draft, everything else that is approved stands in line.

Urgent ones come first, the others in the order of receipt. A submission that is being staged again
because the list moved on keeps its place: others that are ready would otherwise overtake it for ever on a
busy list.
"""

from __future__ import annotations

from typing import Final

from django.db.models import Count, F, Q

from accounts.identity.acting import system_actor
from hashsets.intake.models import Submission, SubmissionQuerySet, SubmissionState
from hashsets.lists.models import HashList
from hashsets.releases.models import Draft, DraftState

STATION: Final = system_actor("release station")
RESTAGING = (SubmissionState.RECEIVED, SubmissionState.VALIDATING, SubmissionState.STAGED)


def head_of_line(hash_list: HashList) -> Submission | None:
    """The submission that is built next, whether it is ready for that or being staged again."""
    return _line(hash_list).first()


def _line(hash_list: HashList) -> SubmissionQuerySet:
    return (
        Submission.objects.filter(hash_list=hash_list)
        .annotate(live_approvals=Count("approvals", filter=Q(approvals__void_at__isnull=True)))
        .filter(
            Q(state=SubmissionState.APPROVED)
            | Q(
                state__in=RESTAGING,
                live_approvals__gte=F("hash_list__approvals_required") + F("further_approvals"),
            )
        )
        .order_by("-urgent", "received_at", "id")
    )


def is_orphan(draft: Draft) -> bool:
    """Whether nobody wants this live draft any more: its submission was withdrawn or staged anew."""
    wanted = SubmissionState.APPROVED if draft.state == DraftState.BUILDING else SubmissionState.DRAFTED
    return draft.submission.state != wanted


def gives_way(draft: Draft, newcomer: Submission) -> bool:
    """Whether an urgent submission cancels this draft. A fully signed one is moments from publication: it
    goes first.
    """
    return newcomer.urgent and not draft.submission.urgent and draft.state != DraftState.SIGNED
