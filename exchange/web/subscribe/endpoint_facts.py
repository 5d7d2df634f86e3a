"""An endpoint in words: whether it is proven, how it is doing, and when the next try comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exchange.push.schedule import BREAKER_FAILURES
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState, PauseReason
from exchange.web.parts import Tag
from exchange.web.shown import duration, instant, number
from exchange.web.subscribe.words import ENDPOINT, ENDPOINT_TONE
from exchange.web.words import word


@dataclass(frozen=True, slots=True)
class EndpointRow:
    row: Endpoint
    tag: Tag
    told: str
    last_success: SafeString | None


@dataclass(frozen=True, slots=True)
class CursorRow:
    """One list that the endpoint is told of."""

    list_id: str
    title: str
    told: int
    newest: int
    told_at: SafeString | None

    @property
    def behind(self) -> bool:
        return self.told < self.newest


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """Everything about one endpoint, and which acts its state allows."""

    row: Endpoint
    tag: Tag
    told: str
    created: SafeString
    verified: SafeString | None
    last_success: SafeString | None
    failing_since: SafeString | None
    next_try: SafeString | None
    overlap_until: SafeString | None
    may_verify: bool
    may_send: bool
    may_pause: bool
    may_resume: bool
    open: bool


def endpoint_row(row: Endpoint, *, now: datetime) -> EndpointRow:
    return EndpointRow(
        row=row,
        tag=tag_of(row),
        told=told_of(row, now=now),
        last_success=instant(row.last_success_at) if row.last_success_at else None,
    )


def endpoint_facts(row: Endpoint, *, now: datetime) -> EndpointFacts:
    waits = row.state == EndpointState.ACTIVE and row.failures > 0 and row.due_at > now
    until = row.previous_secret_until
    return EndpointFacts(
        row=row,
        tag=tag_of(row),
        told=told_of(row, now=now),
        created=instant(row.created_at),
        verified=instant(row.verified_at) if row.verified_at else None,
        last_success=instant(row.last_success_at) if row.last_success_at else None,
        failing_since=instant(row.failing_since) if row.failing_since else None,
        next_try=instant(row.due_at) if waits else None,
        overlap_until=instant(until) if until and until > now else None,
        may_verify=row.state == EndpointState.UNVERIFIED,
        may_send=row.state in (EndpointState.ACTIVE, EndpointState.PAUSED),
        may_pause=row.state == EndpointState.ACTIVE,
        may_resume=row.state == EndpointState.PAUSED,
        open=row.state != EndpointState.CLOSED,
    )


def cursor_row(row: EndpointCursor) -> CursorRow:
    return CursorRow(
        list_id=row.hash_list_id,
        title=row.hash_list.title,
        told=row.notified_release,
        newest=row.hash_list.latest_release,
        told_at=instant(row.notified_at) if row.notified_at else None,
    )


def tag_of(row: Endpoint) -> Tag:
    if row.state == EndpointState.ACTIVE and row.failures >= BREAKER_FAILURES:
        return Tag(_("Failing"), "bad")
    if row.state == EndpointState.ACTIVE and row.failures:
        return Tag(_("Trying again"), "asks")
    if row.state == EndpointState.PAUSED and row.paused_reason != PauseReason.ASKED:
        return Tag(word(ENDPOINT, row.state), "bad")
    return Tag(word(ENDPOINT, row.state), ENDPOINT_TONE[row.state])


def told_of(row: Endpoint, *, now: datetime) -> str:
    """Its state in one sentence: what happens next, by itself or not."""
    if row.state == EndpointState.UNVERIFIED:
        return _("Nothing is sent here until it has proven that it is yours.")
    if row.state == EndpointState.CLOSED:
        return _("Closed: nothing is ever sent here again.")
    if row.state == EndpointState.PAUSED:
        return {
            PauseReason.ASKED.value: _(
                "Paused by your organisation. What is owed stays owed until you resume it."
            ),
            PauseReason.GONE.value: _(
                "Paused because it answered 410. Resume it once it takes notices again."
            ),
            PauseReason.FAILING.value: _(
                "Paused because nothing was taken for five days. It is probed daily and resumes by itself."
            ),
        }.get(row.paused_reason, _("Paused."))
    if not row.failures:
        return _("It takes notices.") if row.last_success_at else _("Proven. Nothing has been sent yet.")
    times = ngettext("The last try failed.", "The last %(n)s tries failed.", row.failures) % {
        "n": number(row.failures)
    }
    if row.due_at <= now:
        return f"{times} " + _("The next one is due now.")
    wait = duration((row.due_at - now).total_seconds())
    return f"{times} " + _("The next one comes in %(wait)s, by itself.") % {"wait": wait}
