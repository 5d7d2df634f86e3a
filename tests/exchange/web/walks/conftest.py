"""One scenery for all walks: it is taken down when the last of them has ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.exchange.web.walks.scenery import Scenery, set_scenery


@pytest.fixture(scope="package")
def scenery(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scenery]:
    """The scenery; what a test adds to it is undone with the test."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield set_scenery()
        transaction.set_rollback(True)
