"""The onboarding checklist: each step ticks itself from what has really happened, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.credentials.models import Credential
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.push.models import Attempt
from exchange.push.schedule import Outcome
from exchange.sharing.models import Confirmation, Endpoint, Fetch, Subscription
from exchange.web.parts import Task
from exchange.web.shown import instant
from hashsets.lists.models import HashList, Sandbox
from hashsets.trust.directory import root_fingerprints

# What a copied command must never hold: the place of the key says what to put there.
PLACE_OF_KEY = "hx_live_…"


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is right for this deployment; `id` is where the button finds it."""

    id: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Steps:
    tasks: tuple[Task, ...]
    done: int
    commands: tuple[Command, ...]
    sandbox: str


def steps_of(actor: Actor) -> Steps:
    """What the actor's organisation has done of what a member does first; one small query a step."""
    may_issue = actor.may(Permission.CREDENTIAL_MANAGE)
    said = (
        (
            _("Issue a key"), reverse("web:new-credential") if may_issue else "",
            _("A test key is enough to begin with."),
        ),
        (
            _("Call the exchange with it"), "#commands",
            _("hashx init checks the address, the fingerprint and the key."),
        ),
        (
            _("Follow a list"), reverse("web:catalogue"),
            _("Begin with the sandbox: its hashes are harmless and documented."),
        ),
        (_("Sync it"), "#commands", _("hashx sync fetches, verifies and applies.")),
        (_("Confirm what you applied"), "#commands", _("hashx sync does it, with a key that may confirm.")),
        (
            _("Have an endpoint proven"), reverse("web:endpoints"),
            _("hashx listen registers and proves itself, with a live key."),
        ),
        (
            _("Take a first notice"), reverse("web:attempts"),
            _("A ping or a test notice counts; a release comes by itself."),
        ),
    )  # fmt: skip
    happened = _happened(actor)
    tasks = tuple(_task(label, url, at, hint) for (label, url, hint), at in zip(said, happened, strict=True))
    listed = sandbox_id()
    return Steps(tasks, sum(task.state == "done" for task in tasks), commands(listed), listed)


def _happened(actor: Actor) -> tuple[datetime | None, ...]:
    """When each step first happened, in the order of the checklist."""
    me = actor.organisation()
    keys = Credential.objects.filter(organisation_id=me)
    taken = Attempt.objects.of(actor).filter(outcome=Outcome.DELIVERED).exclude(kind="challenge")
    confirmed = Confirmation.objects.filter(organisation_id=me, matches=True)
    return (
        _first(keys, "created_at"),
        _first(keys.filter(last_used_at__isnull=False), "last_used_at"),
        _first(Subscription.objects.of(actor), "created_at"),
        _first(Fetch.objects.filter(organisation_id=me), "fetched_at"),
        _first(confirmed, "received_at"),
        _first(Endpoint.objects.of(actor).filter(verified_at__isnull=False), "verified_at"),
        _first(taken, "started_at"),
    )


def _first(rows: QuerySet[Any], column: str) -> datetime | None:
    found: datetime | None = rows.order_by(column).values_list(column, flat=True).first()
    return found


def _task(label: str, url: str, at: datetime | None, hint: str) -> Task:
    if at is None:
        return Task(label, url, "todo", _("To do"), hint)
    return Task(label, url, "done", _("Done"), instant(at))


def sandbox_id(kind: str = Sandbox.TRY) -> str:
    """The identifier of the sandbox list, "" where there is none."""
    found = HashList.objects.visible_to(None).filter(sandbox=kind).values_list("id", flat=True).first()
    return found or ""


def commands(list_id: str) -> tuple[Command, ...]:
    """What to type on the machine that will hold the lists: right for this exchange, and without a key."""
    roots = root_fingerprints()
    fingerprint = str(roots[0]["sha256"]) if roots else "SHA256-OF-1.ROOT.JSON"
    named = list_id or "LIST"
    return (
        Command("command-install", _("Install the client"), "pip install hash-exchange"),
        Command(
            "command-init",
            _("Get to know this exchange: it asks for the key, which is never part of the command"),
            f"hashx init --url {settings.HX_PUBLIC_URL} --fingerprint {fingerprint}",
        ),
        Command("command-subscribe", _("Follow a list"), f"hashx subscribe {named}"),
        Command(
            "command-sync",
            _("Fetch, verify, apply and confirm it"),
            f"hashx sync {named} --into lists --format txt",
        ),
        Command(
            "command-match",
            _("Match files against it"),
            f"sha256sum FILE | cut -c 1-64 | grep -qiFf - lists/{named}/exports/sha256.txt && echo found",
        ),
        Command(
            "command-listen",
            _("Be told of releases, and sync by itself"),
            "hashx listen --port 8090 --into lists",
        ),
    )
