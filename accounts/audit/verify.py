"""Recomputes the whole audit chain and holds it against its head and against every exported head.

(1) The exported heads and the head are read before the events: what is appended meanwhile can only be newer,
so
    a running exchange raises no false alarm.
(2) The events are streamed once, in constant memory.
(3) What the head and the exported heads promise must have been seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Max

from accounts.audit.chain import GENESIS, Breach, ChainCheck, Link
from accounts.audit.heads import ExportedHead, exported_heads, heads_folder
from accounts.audit.models import AuditEvent, AuditHead

_ROWS_AT_A_TIME = 2_000
_BREACHES_KEPT = 100


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was found. `breaches` holds the first hundred; `breach_count` counts them all."""

    events: int
    number: int
    digest: str
    heads_compared: int
    breaches: tuple[Breach, ...]
    breach_count: int

    @property
    def holds(self) -> bool:
        return self.breach_count == 0


def verify_audit() -> AuditReport:
    """Check every event, the head and all exported heads. Reads only."""
    # (1)
    heads = _Promises(exported_heads(heads_folder()))
    head = AuditHead.objects.filter(id=1).first()
    last = 0 if head is None else head.number
    walk = ChainCheck()
    kept: list[Breach] = []
    count = events = 0

    def counted(links: Iterable[Link]) -> Iterator[Link]:
        nonlocal events
        for link in links:
            events += 1
            heads.meet(link)
            yield link

    # (2)
    for breach in walk.breaches(counted(_links(last))):
        count += 1
        kept = [*kept, breach][:_BREACHES_KEPT]
    # (3)
    for breach in (*_head_breaches(head, walk), *heads.broken()):
        count += 1
        kept = [*kept, breach][:_BREACHES_KEPT]
    return AuditReport(
        events=events,
        number=walk.number,
        digest=walk.digest,
        heads_compared=heads.compared,
        breaches=tuple(kept),
        breach_count=count,
    )


class _Promises:
    """The exported heads, met one after the other while the events pass in the same order."""

    def __init__(self, heads: Iterable[ExportedHead]) -> None:
        self._open = list(reversed(list(heads)))
        self._broken: list[Breach] = []
        self.compared = len(self._open)

    def meet(self, link: Link) -> None:
        while self._open and self._open[-1].number <= link.number:
            head = self._open.pop()
            if (head.number, head.digest) != (link.number, link.digest):
                self._broken.append(
                    Breach(
                        "chain.rewritten",
                        head.number,
                        f"Event {head.number} is not the one that was exported: history was rewritten.",
                    )
                )

    def broken(self) -> list[Breach]:
        """The promises that were not kept, once all events have passed."""
        cut = [
            Breach(
                "chain.cut",
                head.number,
                f"Event {head.number} was exported and is gone: the end of the chain was cut off.",
            )
            for head in reversed(self._open)
        ]
        return self._broken + cut


def _head_breaches(head: AuditHead | None, walk: ChainCheck) -> Iterator[Breach]:
    newest = AuditEvent.objects.aggregate(newest=Max("number"))["newest"] or 0
    if head is None:
        if newest:
            yield Breach("head.missing", newest, "There are events, but the head of the chain is gone.")
        return
    if (head.number, head.digest) != (walk.number, walk.digest if walk.number else GENESIS):
        yield Breach(
            "head.mismatch",
            head.number,
            f"The head names event {head.number}; the chain ends at {walk.number} or with another digest.",
        )
    # Read the head again after the newest event: what was appended while we walked has moved both.
    now_at = AuditHead.objects.filter(id=1).values_list("number", flat=True).first() or 0
    if newest > now_at:
        yield Breach("head.behind", newest, f"Event {newest} lies beyond the head, which is at {now_at}.")


def _links(last: int) -> Iterator[Link]:
    """The stored events up to number `last`, in order, as the digest sees them."""
    stored = AuditEvent.objects.filter(number__lte=last).order_by("number")
    for event in stored.iterator(chunk_size=_ROWS_AT_A_TIME):
        yield Link(
            number=event.number,
            at=event.at,
            action=event.action,
            actor_kind=event.actor_kind,
            actor_label=event.actor_label,
            person_id=None if event.person_id is None else str(event.person_id),
            credential_id=None if event.credential_id is None else str(event.credential_id),
            organisation_id=None if event.organisation_id is None else str(event.organisation_id),
            subject_type=event.subject_type,
            subject_id=event.subject_id,
            facts=event.facts,
            previous_digest=event.previous_digest,
            digest=event.digest,
        )
