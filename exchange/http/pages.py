"""Pages by keyset: a signed cursor names the last row seen, so that pages stay right while rows arrive."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

from accounts.errors import Invalid

LARGEST_PAGE = 200
USUAL_PAGE = 50
SALT = "hash-exchange.page"

_M = TypeVar("_M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page and the cursor of the next, None at the end."""

    items: list[Any]
    next: str | None


def page_size(request: HttpRequest, *, usual: int = USUAL_PAGE, largest: int = LARGEST_PAGE) -> int:
    """`?limit=`, 1 to `largest`, in ASCII digits (int() takes other scripts' too). Errors: Invalid
    `page.limit`.
    """
    raw = request.GET.get("limit", str(usual))
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 4 and 1 <= int(raw) <= largest):
        raise Invalid(f"limit must be a number from 1 to {largest}.", code="page.limit", field="limit")
    return int(raw)


def page_of(
    rows: QuerySet[_M],
    request: HttpRequest,
    *,
    key: str,
    render: Callable[[_M], Any],
    descending: bool = True,
    size: int | None = None,
) -> Page:
    """A page of `rows` by (`key`, pk). `key` names a column that never changes for a row.

    Errors: Invalid `page.cursor` for a cursor that is not ours, or is of another resource.
    """
    limit = size or page_size(request)
    sign = "-" if descending else ""
    scope = f"{request.path}|{key}"
    cursor = request.GET.get("cursor", "")
    if cursor:
        after_key, after_pk = _read(cursor, scope, rows.model, key)
        op = "lt" if descending else "gt"
        rows = rows.filter(Q(**{f"{key}__{op}": after_key}) | Q(**{key: after_key, f"pk__{op}": after_pk}))
    found = list(rows.order_by(f"{sign}{key}", f"{sign}pk")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    following = _write(getattr(found[-1], key), found[-1].pk, scope) if more else None
    return Page(items=[render(row) for row in found], next=following)


def _write(key: Any, pk: Any, scope: str) -> str:
    value = key.isoformat() if isinstance(key, datetime) else key
    return signing.dumps([scope, value, str(pk)], salt=SALT, compress=False)


def _read(cursor: str, scope: str, model: type[Model], key: str) -> tuple[Any, Any]:
    refusal = Invalid(
        "This cursor is not one of ours.",
        code="page.cursor",
        field="cursor",
        advice="Start again without a cursor.",
    )
    if len(cursor) > 1_000:
        raise refusal
    try:
        told, value, pk = signing.loads(cursor, salt=SALT)
        if told != scope:
            raise refusal
        field = model._meta.get_field(key)
        if not isinstance(field, Field):
            raise refusal
        return field.to_python(value), model._meta.pk.to_python(pk)
    except Invalid:
        raise
    except (signing.BadSignature, ValueError, TypeError):
        raise refusal from None


def identifier(raw: str) -> uuid.UUID:
    """A UUID from a query parameter. Errors: Invalid `identifier.malformed`."""
    try:
        return uuid.UUID(raw)
    except ValueError:
        raise Invalid("This is not an identifier.", code="identifier.malformed") from None
