"""Where this installation keeps sealed secrets: every `SealedField` of every model, and JSON values of
libraries.

A place counts the key ids that its values need, and seals values again with the current key. It opens and
seals in memory and writes under the row's lock: whoever changes a secret at the same time loses nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.apps import apps
from django.db import models
from django.db.models import Count, F, Q, Value
from django.db.models.functions import StrIndex, Substr

from accounts.errors import Corrupt
from accounts.sealing.columns import SealedField
from accounts.sealing.sealing import Keyring, is_current, seal, unseal
from accounts.sealing.texts import SECOND_FACTORS

_IN_JSON: Final = (("mfa", "authenticator", "data", SECOND_FACTORS),)
"""(app, model, column, context): JSON columns of libraries in which some strings are sealed."""
_LOOKS_SEALED: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,31}):[A-Za-z0-9+/]{38,}={0,2}")


@dataclass(slots=True)
class Batch:
    """What one look at some rows did. `last` is the primary key to go on after; None when none is left."""

    last: Any = None
    resealed: int = 0
    refused: list[str] = field(default_factory=list)
    """`<primary key>: <code>` of values that did not open; they stay as they are."""


class Place(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def table(self) -> str: ...

    def counts(self) -> Counter[str]:
        """How many values need each key id."""

    def reseal(self, keyring: Keyring, *, after: Any, limit: int) -> Batch:
        """Seal the next `limit` rows again that are behind. Call it inside a transaction."""


def sealed_places() -> list[Place]:
    """Every place, in an order that does not change."""
    columns: list[Place] = [
        _Column(model, column)
        for model in apps.get_models()
        for column in model._meta.get_fields()
        if isinstance(column, SealedField)
    ]
    in_json: list[Place] = [
        _InJSON(apps.get_model(app, model), column, context)
        for app, model, column, context in _IN_JSON
        if apps.is_installed(f"allauth.{app}")
    ]
    return sorted(columns + in_json, key=lambda place: place.name)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of its own, bound to its row."""

    model: type[models.Model]
    column: SealedField

    @property
    def name(self) -> str:
        return f"{self.model._meta.label}.{self.column.name}"

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def counts(self) -> Counter[str]:
        text = F(self.column.name)
        key_id = Substr(text, 1, StrIndex(text, Value(":")) - 1)
        filled = _rows(self.model).exclude(**{self.column.name: ""})
        told = filled.order_by().values_list(key_id).annotate(Count("pk"))
        return Counter(dict(told))

    def reseal(self, keyring: Keyring, *, after: Any, limit: int) -> Batch:
        name, batch = self.column.name, Batch()
        behind = ~Q(**{name: ""}) & ~Q(**{f"{name}__startswith": f"{keyring.current_id}:"})
        rows = _locked(self.model, behind, after=after, limit=limit).values_list("pk", name)
        for row_id, sealed in rows:
            batch.last = row_id
            context = self.column.context_of(row_id)
            try:
                fresh = seal(
                    unseal(sealed, keyring=keyring, context=context), keyring=keyring, context=context
                )
            except Corrupt as refusal:
                batch.refused.append(f"{row_id}: {refusal.code}")
                continue
            # Conditional although the row is locked: a value that somebody changed is not written over.
            unchanged = _rows(self.model).filter(pk=row_id, **{name: sealed})
            batch.resealed += unchanged.update(**{name: fresh})
        return batch


@dataclass(frozen=True, slots=True)
class _InJSON:
    """Strings inside a JSON column of a library, bound to their purpose. Few rows: one or two each person."""

    model: type[models.Model]
    column: str
    context: str

    @property
    def name(self) -> str:
        return f"{self.model._meta.label}.{self.column}"

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def counts(self) -> Counter[str]:
        values = _rows(self.model).values_list(self.column, flat=True).iterator()
        return Counter(
            match[1]
            for value in values
            for text in _strings(value)
            if (match := _LOOKS_SEALED.fullmatch(text))
        )

    def reseal(self, keyring: Keyring, *, after: Any, limit: int) -> Batch:
        batch = Batch()
        for row_id, value in _locked(self.model, Q(), after=after, limit=limit).values_list(
            "pk", self.column
        ):
            batch.last = row_id
            behind = [
                text
                for text in _strings(value)
                if _LOOKS_SEALED.fullmatch(text) and not is_current(text, keyring=keyring)
            ]
            try:
                fresh = {
                    text: seal(
                        unseal(text, keyring=keyring, context=self.context),
                        keyring=keyring,
                        context=self.context,
                    )
                    for text in behind
                }
            except Corrupt as refusal:
                batch.refused.append(f"{row_id}: {refusal.code}")
                continue
            if fresh:
                _rows(self.model).filter(pk=row_id).update(**{self.column: _replaced(value, fresh)})
                batch.resealed += len(fresh)
        return batch


def _rows(model: type[models.Model]) -> models.QuerySet[Any]:
    return model._base_manager.all()


def _locked(model: type[models.Model], wanted: Q, *, after: Any, limit: int) -> models.QuerySet[Any]:
    """The next rows, locked in the order of their keys, as everybody locks them who locks several."""
    rows = _rows(model).filter(wanted).order_by("pk").select_for_update(no_key=True)
    return (rows if after is None else rows.filter(pk__gt=after))[:limit]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _replaced(value: Any, fresh: dict[str, str]) -> Any:
    if isinstance(value, str):
        return fresh.get(value, value)
    if isinstance(value, dict):
        return {name: _replaced(part, fresh) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, fresh) for part in value]
    return value


def needed_keys(places: Sequence[Place]) -> Counter[str]:
    """How many values need each key id, over all `places`."""
    total: Counter[str] = Counter()
    for place in places:
        total += place.counts()
    return total
