"""Where this installation keeps sealed secrets: every `SealedField` of every model.

A place counts the key ids that its values need, and seals values again with the current key. It opens and
seals in memory and writes under the row's lock: whoever changes a secret at the same time loses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Count, F, Q, Value
from django.db.models.functions import StrIndex, Substr

from accounts.errors import Corrupt
from accounts.sealing.columns import SealedField
from accounts.sealing.sealing import Keyring, seal, unseal


@dataclass(slots=True)
class Batch:
    """What one look at some rows did. `last` is the primary key to go on after; None when none is left."""

    last: Any = None
    resealed: int = 0
    refused: list[str] = field(default_factory=list)
    """`<primary key>: <code>` of values that did not open; they stay as they are."""


@dataclass(frozen=True, slots=True)
class Place:
    """One sealed column of one table; its values are bound to their rows."""

    model: type[models.Model]
    column: SealedField

    @property
    def name(self) -> str:
        return f"{self.model._meta.label}.{self.column.name}"

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def counts(self) -> Counter[str]:
        """How many values need each key id."""
        text = F(self.column.name)
        key_id = Substr(text, 1, StrIndex(text, Value(":")) - 1)
        filled = _rows(self.model).exclude(**{self.column.name: ""})
        told = filled.order_by().values_list(key_id).annotate(Count("pk"))
        return Counter(dict(told))

    def reseal(self, keyring: Keyring, *, after: Any, limit: int) -> Batch:
        """Seal the next `limit` rows again that are behind. Call it inside a transaction."""
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


def sealed_places() -> list[Place]:
    """Every place, in an order that does not change."""
    columns = [
        Place(model, column)
        for model in apps.get_models()
        for column in model._meta.get_fields()
        if isinstance(column, SealedField)
    ]
    return sorted(columns, key=lambda place: place.name)


def _rows(model: type[models.Model]) -> models.QuerySet[Any]:
    return model._base_manager.all()


def _locked(model: type[models.Model], wanted: Q, *, after: Any, limit: int) -> models.QuerySet[Any]:
    """The next rows, locked in the order of their keys, as everybody locks them who locks several."""
    rows = _rows(model).filter(wanted).order_by("pk").select_for_update(no_key=True)
    return (rows if after is None else rows.filter(pk__gt=after))[:limit]


def needed_keys(places: Sequence[Place]) -> Counter[str]:
    """How many values need each key id, over all `places`."""
    total: Counter[str] = Counter()
    for place in places:
        total += place.counts()
    return total
