"""How the exchange is doing, from rows at the moment of asking: queues, lights, failures, what expires."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import django
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, QuerySet
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.credentials.models import Credential
from accounts.mail.models import MailState, OutgoingMail
from accounts.sealing.keyring import current_keyring
from accounts.sealing.places import sealed_places
from exchange.celery import broker_answers
from exchange.poller import heartbeat_ages, wake_up_age
from exchange.push.health import push_health
from exchange.sharing.models import Endpoint, EndpointState
from exchange.web.parts import Tone
from exchange.web.shown import duration, instant, number, percent, size
from exchange.web.subscribe.words import ENDPOINT
from exchange.web.words import word
from hashsets.blobs.current import blob_store
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.models import Draft, DraftState
from hashsets.trust.models import Repository, SignedFile

SILENT_AFTER: Final = 120.0
LATE_AFTER: Final = 60.0
SOON: Final = timedelta(days=30)
FAILING_SHOWN: Final = 25


@dataclass(frozen=True, slots=True)
class Light:
    """One thing that works or does not; the word is part of the sentence, never the colour alone."""

    name: str | Promise
    tone: Tone
    says: str


@dataclass(frozen=True, slots=True)
class Queue:
    name: str | Promise
    waiting: str
    oldest: str
    late: bool


@dataclass(frozen=True, slots=True)
class Failing:
    organisation: str
    host: str
    since: SafeString
    failures: str
    error: str


@dataclass(frozen=True, slots=True)
class System:
    lights: tuple[Light, ...]
    queues: tuple[Queue, ...]
    failing: tuple[Failing, ...]
    failing_more: int
    endpoints: tuple[tuple[str, str], ...]
    expiring: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str, bool], ...]
    versions: tuple[tuple[str, str], ...]


def system_facts(now: datetime) -> System:
    failing = Endpoint.objects.filter(failing_since__isnull=False).exclude(state=EndpointState.CLOSED)
    rows = failing.select_related("organisation").order_by("failing_since")[: FAILING_SHOWN + 1]
    shown = list(rows)
    health = push_health(now)
    return System(
        lights=_lights(now),
        queues=(
            *_queues(now),
            *_push_queues(health.oldest_due_seconds, health.oldest_urgent_seconds, health.lag),
        ),
        failing=tuple(_failing(row) for row in shown[:FAILING_SHOWN]),
        failing_more=max(0, len(shown) - FAILING_SHOWN),
        endpoints=tuple(
            (word(ENDPOINT, state), number(count)) for state, count in sorted(health.endpoints.items())
        ),
        expiring=_expiring(now),
        keys=_keys(),
        versions=_versions(),
    )


def public_lights(now: datetime) -> tuple[Light, ...]:
    """What everybody may know: whether updates flow and signatures are fresh. No counts, no names."""
    health = push_health(now)
    stale = Repository.objects.filter(timestamp_expires_at__lt=now).exists()
    waited = health.oldest_due_seconds
    late = _("Late: notices wait longer than a minute.")
    expired = _("Look: a timestamp has expired. Members refuse that list until it is signed again.")
    return (
        Light(_("Pages and API"), "good", _("Good: you are reading this.")),
        _light(_("Updates to members"), waited <= LATE_AFTER, _("Good: no notice waits."), late),
        _light(_("Signatures"), not stale, _("Good: every timestamp is fresh."), expired),
        _workers(now),
    )


def _light(name: str | Promise, good: bool, well: str, ill: str) -> Light:
    return Light(name, "good" if good else "bad", well if good else ill)


def _lights(now: datetime) -> tuple[Light, ...]:
    return (_workers(now), _wake_ups(now), _broker(), _blobs(), _mail(), _timestamps(now))


def _workers(now: datetime) -> Light:
    ages = {queue: age for queue, age in heartbeat_ages(now=now).items() if age is not None}
    name = _("Workers")
    if not ages:
        return Light(name, "asks", _("Unknown: no worker has run on this machine."))
    slowest = max(ages.values())
    said = {"age": duration(slowest)}
    if slowest <= SILENT_AFTER:
        return Light(name, "good", _("Good: all have looked for work within %(age)s.") % said)
    return Light(name, "bad", _("Silent: one has not looked for work for %(age)s.") % said)


def _wake_ups(now: datetime) -> Light:
    age = wake_up_age(now=now)
    name = _("Last wake-up")
    if age is None:
        return Light(
            name, "quiet", _("None yet on this machine. Nothing depends on it: workers look by themselves.")
        )
    return Light(name, "good", _("%(age)s ago.") % {"age": duration(age)})


def _broker() -> Light:
    kind = "Redis" if settings.REDIS_URL else _("a folder")
    said = {"kind": kind}
    return _light(
        _("Broker"),
        broker_answers(),
        _("Good: it answers (%(kind)s).") % said,
        _("Away (%(kind)s): work is found within seconds all the same.") % said,
    )


def _blobs() -> Light:
    name, bucket = _("Blob store"), settings.BLOB_URL.startswith("s3://")
    try:
        blob_store().exists("probe/none")
    except Exception as error:  # whatever a store raises, the page must say that it is away
        return Light(name, "bad", _("It does not answer (%(error)s).") % {"error": type(error).__name__})
    if bucket:
        return Light(name, "good", _("Good: the bucket answers."))
    folder = next(
        path for path in (Path(settings.BLOB_URL), *Path(settings.BLOB_URL).parents) if path.exists()
    )
    disk = shutil.disk_usage(folder)
    said = {"free": size(disk.free), "share": percent(disk.free / disk.total)}
    tone: Tone = "good" if disk.free > 0.1 * disk.total else "asks"
    return Light(name, tone, _("A folder; %(free)s free (%(share)s of the disk).") % said)


def _mail() -> Light:
    refused = OutgoingMail.objects.filter(state=MailState.REFUSED).count()
    if refused:
        return Light(
            _("Mail"), "asks", _("Look: the mail server refused %(n)s letters.") % {"n": number(refused)}
        )
    how = settings.EMAIL_HOST or _("a folder, because EMAIL_HOST is not set")
    return Light(_("Mail"), "good" if settings.EMAIL_HOST else "asks", _("Goes to %(how)s.") % {"how": how})


def _timestamps(now: datetime) -> Light:
    soonest = Repository.objects.aggregate(at=Min("timestamp_expires_at"))["at"]
    name = _("Timestamps")
    if soonest is None:
        return Light(name, "quiet", _("No list has been released yet."))
    left = (soonest - now).total_seconds()
    if left <= 0:
        return Light(name, "bad", _("Expired: members refuse a list until it is signed again."))
    return Light(
        name,
        "good" if left > 6 * 3600 else "asks",
        _("The first expires in %(age)s.") % {"age": duration(left)},
    )


def _queues(now: datetime) -> list[Queue]:
    waiting: tuple[tuple[Promise, QuerySet[Any], str], ...] = (
        (gettext_lazy("Validate"), Submission.objects.waiting(now), "received_at"),
        (gettext_lazy("Build"), Submission.objects.filter(state=SubmissionState.APPROVED), "received_at"),
        (gettext_lazy("Publish"), Draft.objects.filter(state=DraftState.SIGNED), "created_at"),
        (gettext_lazy("Export"), SignedFile.objects.filter(exported_at__isnull=True), "created_at"),
        (gettext_lazy("Sign again"), Repository.objects.filter(resign_at__lte=now), "resign_at"),
        (gettext_lazy("Mail"), OutgoingMail.objects.due(now).order_by(), "queued_at"),
    )
    return [_queue(name, rows, column, now) for name, rows, column in waiting]


def _queue(name: Promise, rows: QuerySet[Any], column: str, now: datetime) -> Queue:
    told = rows.aggregate(n=Count("pk"), oldest=Min(column))
    age = (now - told["oldest"]).total_seconds() if told["oldest"] else 0.0
    return Queue(
        name, number(told["n"]), duration(max(0.0, age)) if told["n"] else "–", age > 10 * LATE_AFTER
    )


def _push_queues(due: float, urgent: float, lag: int) -> tuple[Queue, ...]:
    return (
        Queue(_("Push, routine"), number(lag), duration(due) if due else "–", due > LATE_AFTER),
        Queue(_("Push, urgent"), "–", duration(urgent) if urgent else "–", urgent > LATE_AFTER),
    )


def _failing(row: Endpoint) -> Failing:
    since = instant(row.failing_since) if row.failing_since else SafeString("")
    return Failing(row.organisation.name, row.host, since, number(row.failures), row.last_error)


def _expiring(now: datetime) -> tuple[tuple[str, str], ...]:
    soon = Credential.objects.filter(revoked_at__isnull=True, expires_at__gt=now, expires_at__lte=now + SOON)
    stale: Callable[[str], int] = lambda column: Repository.objects.filter(**{f"{column}__lt": now}).count()  # noqa: E731
    return (
        (_("Credentials that expire within 30 days"), number(soon.count())),
        (_("Lists whose timestamp has expired"), number(stale("timestamp_expires_at"))),
        (_("Lists whose snapshot has expired"), number(stale("snapshot_expires_at"))),
    )


def _keys() -> tuple[tuple[str, str, bool], ...]:
    """(key id, how many secrets need it, whether it is in HX_SECRETS_KEYS). Ids only, never keys."""
    ring, counted = current_keyring(), Counter[str]()
    for place in sealed_places():
        counted.update(place.counts())
    ids = dict.fromkeys([*(name for name, _key in ring.keys), *sorted(counted)])
    return tuple((name, number(counted[name]), ring.key(name) is not None) for name in ids)


def _versions() -> tuple[tuple[str, str], ...]:
    try:
        ours = version("hash-exchange")
    except PackageNotFoundError:
        ours = "–"
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        database = str(cursor.fetchone()[0])
    return (
        ("Hash Exchange", ours),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("SQLite" if connection.vendor == "sqlite" else "PostgreSQL", database),
    )
