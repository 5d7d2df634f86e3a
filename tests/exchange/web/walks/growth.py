"""More of everything: rows copied in bulk, table by table, so that nobody has to remember a new table.

Three kinds of more, several times each: in the same organisations (their lists with all that hangs on them),
beside them (other organisations with people, cases and subscriptions to the same lists), and on the same
thing (more submissions of one list, more attempts on one endpoint). A copy that a constraint does not allow
is left out, and what hangs on it hangs on the original.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from graphlib import TopologicalSorter
from itertools import count
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from accounts.vetting.codes import new_reference
from hashsets.lists.models import new_list_id

Row = models.Model
Key = models.ForeignKey[Any, Any]
Changes = dict[str, dict[str, Callable[[Any], Any]]]

FLOORS = ("accounts", "hashsets", "exchange")
FAR = 1_000_000  # beyond every number that the database gives out by itself
_numbers = count(FAR)

# Whose copies would be another exchange.
ONCE = {"accounts.AuditHead", "accounts.Checklist", "hashsets.PrivateKey", "hashsets.BenignSet"}
# What copies have in common: their organisations and people, or the lists that they are about.
_HOUSE = {"accounts.Organisation", "accounts.User", "accounts.Agreement"}
_LISTS = {
    "accounts.Agreement", "hashsets.HashList", "hashsets.Submission", "hashsets.Draft", "hashsets.Release",
    "hashsets.Repository",
}  # fmt: skip
# On the same thing: whose keys go to copies, so that there is more than one of them there.
_MOVES = {
    ("accounts.Membership", "user"), ("accounts.Acceptance", "organisation"),
    ("hashsets.ListSigningKey", "signing_key"), ("hashsets.DraftSignature", "signing_key"),
    ("hashsets.ListAudience", "organisation"), ("hashsets.Approval", "approver"),
    ("exchange.EndpointCursor", "hash_list"), ("exchange.Notified", "organisation"),
    ("exchange.Fetch", "organisation"), ("exchange.Confirmation", "organisation"),
}  # fmt: skip


def _drawn(_: Any) -> str:
    return secrets.token_hex(32)


def _address(_: Any) -> str:
    return f"{secrets.token_hex(8)}@example.org"


def _number(_: Any) -> int:
    return next(_numbers)


def _now(_: Any) -> datetime:
    return timezone.now()


# What no constraint that Django knows of says: it differs in every copy.
_DIFFERS: Changes = {
    "accounts.Organisation": {"name": lambda old: f"{old[:200]} {next(_numbers)}"},
    "accounts.Invitation": {"email": _address},
    "accounts.DutyContact": {"email": _address},
    "accounts.SigningKey": {"keyid": _drawn},
    "accounts.OutgoingMail": {"once": lambda _: ""},
    "accounts.Proposal": {"subject_id": lambda _: _drawn("")[:60]},
}
# What has to differ for a copy to stand beside its original.
_BESIDE: Changes = _DIFFERS | {
    "accounts.Evidence": {"superseded_at": _now},
    "accounts.Decision": {"state": lambda _: "returned", "decided_by_id": lambda _: None},
    "accounts.Measure": {"state": lambda _: "dropped"},
    "accounts.RecoveryCode": {"digest": _drawn},
    "hashsets.HashList": {
        "latest_release": lambda _: 0, "urgent_release": lambda _: 0, "released_at": lambda _: None,
    },
    "hashsets.Draft": {"state": lambda _: "abandoned"},
    "hashsets.Classification": {"code": lambda old: old + 1 + next(_numbers) % 200, "label": _drawn},
    "hashsets.ListTransfer": {"state": lambda _: "ended"},
    "hashsets.Release": {"number": _number},
    "hashsets.SignedFile": {"version": _number},
    "hashsets.TargetFile": {"sha256": _drawn},
    "exchange.Subscription": {"ended_at": _now},
}  # fmt: skip


def grow(*, times: int) -> None:
    """`times` more of each kind."""
    before = {model: list(model._default_manager.all()) for model in tables()}
    for _ in range(times):
        _copied(before, _HOUSE, lambda key: key.related_model._meta.label in _HOUSE, _DIFFERS)
        _copied(before, _LISTS, lambda key: key.related_model._meta.label in _LISTS, _DIFFERS)
        _copied(before, set(), _stays_beside, _BESIDE)


def tables() -> list[type[Row]]:
    """Every table of ours, each after those that it points to."""
    found = {model for floor in FLOORS for model in apps.get_app_config(floor).get_models()}
    known = {
        model: {key.related_model for key in _keys(model) if key.related_model in found - {model}}
        for model in found
    }
    return list(TopologicalSorter(known).static_order())


def _stays_beside(key: Key) -> bool:
    return not key.unique and (key.model._meta.label, key.name) not in _MOVES


def _copied(
    before: dict[type[Row], list[Row]], trunk: set[str], stays: Callable[[Key], bool], changes: Changes
) -> None:
    """One more of every row outside of the trunk. `stays` says which keys go on pointing where they point."""
    copies: dict[tuple[type[Row], Any], Row] = {}
    for model, rows in before.items():
        label = model._meta.label
        if label in ONCE | trunk:
            continue
        made = {row.pk: copy for row in rows if (copy := _copy_of(row, copies, stays)) is not None}
        for copy in made.values():
            for column, change in changes.get(label, {}).items():
                setattr(copy, column, change(getattr(copy, column)))
        model._default_manager.bulk_create(made.values(), batch_size=200, ignore_conflicts=True)
        there = set(
            model._default_manager.filter(pk__in=[copy.pk for copy in made.values()]).values_list(
                "pk", flat=True
            )
        )
        copies |= {(model, old): copy for old, copy in made.items() if copy.pk in there}


def _copy_of(row: Row, copies: dict[tuple[type[Row], Any], Row], stays: Callable[[Key], bool]) -> Row | None:
    """A row like this one under an identity of its own, or None where it has none of its own."""
    copy = type(row)(**{field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields})
    for key in _keys(type(row)):
        other = copies.get((key.related_model, getattr(row, key.attname)))
        if other is not None and not stays(key):
            setattr(copy, key.attname, other.pk)
    for field in row._meta.concrete_fields:
        if field.unique and not field.primary_key and not field.is_relation:
            value = secrets.token_hex(16)
            setattr(copy, field.attname, f"{value}@example.org" if field.name == "email" else value)
    identity = _identity(copy)
    if identity == row.pk:
        return None
    copy.pk = identity
    return copy


def _identity(copy: Any) -> Any:
    label, key = copy._meta.label, copy._meta.pk
    if label == "hashsets.HashList":
        return new_list_id()
    if label == "hashsets.Repository":
        return copy.hash_list_id or copy.pk
    if label == "accounts.Agreement":
        return 1 + next(_numbers) % 900  # older than the one in force, each a number of its own
    if label == "accounts.Case":
        return new_reference()
    if label == "accounts.CasePart":
        return f"{copy.kind}{copy.case_id}{copy.person_id}"
    if key.is_relation:
        return getattr(copy, key.attname)
    if isinstance(key, models.UUIDField):
        return uuid.uuid4()
    return next(_numbers)


def _keys(model: type[Row]) -> Iterator[Key]:
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            yield field
