"""Lists, their submissions and their releases, as rows and facts that a page can show as they are."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from accounts.identity.acting import Actor
from exchange.sharing.models import Subscription
from exchange.web.shown import added, instant, number, removed
from exchange.web.words import AUDIENCE, KIND, LIST_STATUS, MODE, SCHEME, STATE, STATE_TONE, word
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList, Tlp
from hashsets.releases.models import Release


@dataclass(frozen=True, slots=True)
class ListRow:
    id: str
    title: str
    publisher: str
    own: bool
    subscribed: bool
    release: int
    entries: str
    released: SafeString | None


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What a list states about itself, in words."""

    row: HashList
    own: bool
    publisher_kind: str
    audience: str
    tlp: str
    hash_types: str
    scheme: str
    status: str
    approvals: str
    signatures: str
    created: SafeString


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    row: Submission
    mode: str
    state: str
    tone: str
    received: SafeString
    changes: str
    refused: str


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    number: int
    label: str
    urgent: bool
    published: SafeString
    entries: str
    changes: str


def catalogue(actor: Actor | None) -> QuerySet[HashList]:
    """Lists that `actor` may see, with what a row shows about them, in one query."""
    newest = Release.objects.filter(hash_list=OuterRef("pk"), number=OuterRef("latest_release"))
    following = Subscription.objects.filter(hash_list=OuterRef("pk"), ended_at__isnull=True)
    asking = actor.organisation_id if actor else None
    mine = following.filter(organisation_id=asking) if asking else following.none()
    return (
        HashList.objects.visible_to(actor)
        .select_related("organisation")
        .annotate(entries=Coalesce(Subquery(newest.values("entries")[:1]), Value(0)), subscribed=Exists(mine))
    )


def list_row(row: HashList, actor: Actor | None) -> ListRow:
    """`row` comes from `catalogue`."""
    return ListRow(
        id=row.id,
        title=row.title,
        publisher=row.organisation.name,
        own=actor is not None and row.organisation_id == actor.organisation_id,
        subscribed=bool(row.subscribed),  # type: ignore[attr-defined]
        release=row.latest_release,
        entries=number(row.entries),  # type: ignore[attr-defined]
        released=instant(row.released_at) if row.released_at else None,
    )


def list_facts(row: HashList, actor: Actor | None) -> ListFacts:
    return ListFacts(
        row=row,
        own=actor is not None and row.organisation_id == actor.organisation_id,
        publisher_kind=word(KIND, row.organisation.kind),
        audience=word(AUDIENCE, row.audience),
        tlp=str(Tlp(row.tlp).label) if row.tlp in Tlp.values else row.tlp,
        hash_types=", ".join(type_title(slug) for slug in row.hash_types),
        scheme=word(SCHEME, row.scheme),
        status=word(LIST_STATUS, row.status),
        approvals=number(row.approvals_required),
        signatures=number(row.signature_threshold),
        created=instant(row.created_at),
    )


def type_title(slug: str) -> str:
    """'SHA-256' for `sha256`; a type that is not known any more is shown by its slug."""
    return HASH_TYPES[slug].title if slug in HASH_TYPES else slug


def submission_row(row: Submission) -> SubmissionRow:
    return SubmissionRow(
        row=row,
        mode=word(MODE, row.mode),
        state=word(STATE, row.state),
        tone=STATE_TONE.get(row.state, "quiet"),
        received=instant(row.received_at),
        changes=changes(row.adds, row.updates, row.removals) if row.operations_digest else "",
        refused=number(row.problems) if row.rows or row.problems else "",
    )


def release_row(row: Release) -> ReleaseRow:
    return ReleaseRow(
        number=row.number,
        label=number(row.number),
        urgent=row.urgent,
        published=instant(row.published_at),
        entries=number(row.entries),
        changes=changes(row.adds, row.updates, row.removals),
    )


def reclassified(submission: Submission) -> str:
    """How many of its updates a member who filters by classification may miss, in words; "" for none."""
    count = submission.reclassified or 0
    if not count:
        return ""
    return ngettext(
        "%(n)s of the updates changes or takes away a classification.",
        "%(n)s of the updates change or take away a classification.",
        count,
    ) % {"n": number(count)}


def changes(adds: int, updates: int, removals: int) -> str:
    """'+9,871 ~3 −12': only what there is; '±0' when there is nothing."""
    parts = [
        added(adds) if adds else "",
        f"~{number(updates)}" if updates else "",
        removed(removals) if removals else "",
    ]
    return "\u2002".join(part for part in parts if part) or "\u00b10"
