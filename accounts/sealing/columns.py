"""The column of a sealed secret. A model says with it what the value is bound to, and a rotation of keys
finds every such column by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models

if TYPE_CHECKING:
    _Text = models.TextField[str, str]
else:
    _Text = models.TextField  # it takes no type arguments at run time


class SealedField(_Text):
    """A text column that holds what `seal` returns, or nothing. `bound_to` is the context, with `{id}` for
    the row's primary key.
    """

    def __init__(self, *args: Any, bound_to: str, **named: Any) -> None:
        super().__init__(*args, **named)
        if "{id}" not in bound_to:
            raise ValueError("A sealed column is bound to its row: its context names {id}.")
        self.bound_to = bound_to

    def context_of(self, row_id: UUID) -> str:
        """What the value of one row is sealed with, and opened with."""
        return self.bound_to.format(id=row_id)

    def clone(self) -> SealedField:
        _name, _path, args, named = super().deconstruct()
        return SealedField(*args, **named, bound_to=self.bound_to)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """A plain text column to the database: what it is bound to is no matter of migrations."""
        name, _path, args, named = super().deconstruct()
        return name, "django.db.models.TextField", args, named


def context_of(model: type[models.Model], column: str, row_id: UUID) -> str:
    """What the sealed `column` of one row of `model` is bound to."""
    field = model._meta.get_field(column)
    if not isinstance(field, SealedField):
        raise TypeError(f"{model.__name__}.{column} is no sealed column.")
    return field.context_of(row_id)
