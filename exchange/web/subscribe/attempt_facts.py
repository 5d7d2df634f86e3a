"""One try to deliver a notice, in words. Nothing in it is secret: signatures are not kept."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from exchange.push.models import Attempt
from exchange.push.schedule import Outcome
from exchange.web.parts import Tag, Tone
from exchange.web.shown import duration, instant
from exchange.web.subscribe.words import NOTICE_KIND, OUTCOME, OUTCOME_MEANS
from exchange.web.words import word


@dataclass(frozen=True, slots=True)
class AttemptRow:
    row: Attempt
    tag: Tag
    kind: str
    started: SafeString
    took: str


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """`lists` are (id, title, release) of what the notice told of; one that is out of sight has no title."""

    row: Attempt
    tag: Tag
    kind: str
    means: str
    started: SafeString
    took: str
    body: str
    lists: tuple[tuple[str, str, int], ...]
    may_resend: bool


def attempt_row(row: Attempt) -> AttemptRow:
    return AttemptRow(
        row=row,
        tag=tag_of(row),
        kind=word(NOTICE_KIND, row.kind),
        started=instant(row.started_at),
        took=duration(row.duration_ms / 1000),
    )


def attempt_facts(row: Attempt, titles: dict[str, str]) -> AttemptFacts:
    return AttemptFacts(
        row=row,
        tag=tag_of(row),
        kind=word(NOTICE_KIND, row.kind),
        means=word(OUTCOME_MEANS, row.outcome),
        started=instant(row.started_at),
        took=duration(row.duration_ms / 1000),
        body=_readable(row.request_body),
        lists=tuple(
            (list_id, titles.get(list_id, ""), release) for list_id, release in sorted(row.releases.items())
        ),
        may_resend=row.kind == "release" and bool(row.releases) and set(row.releases) <= set(titles),
    )


def tag_of(row: Attempt) -> Tag:
    tone: Tone = "good" if row.outcome == Outcome.DELIVERED else "bad"
    told = word(OUTCOME, row.outcome)
    return Tag(
        _("%(outcome)s (%(status)s)") % {"outcome": told, "status": row.status} if row.status else told, tone
    )


def _readable(body: str) -> str:
    """Indented as people read JSON; what is none is shown as it was sent."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
