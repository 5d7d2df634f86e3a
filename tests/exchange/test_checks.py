"""Settings under which an acknowledged row could be lost, or a rule stepped around, stop the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from pytest_django import DjangoDbBlocker, Settings

from exchange.checks import (
    postgresql_keeps_its_word,
    refuse_unsafe_start,
    sqlite_waits_for_its_turn,
    throttles_are_shared,
)
from tests.services import PostgreSQL

Checked = Callable[[str], list[str]]


@pytest.fixture
def found_at(settings: Settings, django_db_blocker: DjangoDbBlocker) -> Iterator[Checked]:
    """Return the ids of what the check finds at a database address, outside the demo."""
    import dj_database_url

    settings.HX_DEMO = False

    def check(url: str) -> list[str]:
        connections.databases["checked"] = {
            **connections.databases["default"],
            "OPTIONS": {},
            **dj_database_url.parse(url),
        }
        try:
            with django_db_blocker.unblock():
                return [str(message.id) for message in postgresql_keeps_its_word(databases=["checked"])]
        finally:
            connections["checked"].close()
            del connections["checked"]
            del connections.databases["checked"]

    yield check


def test_a_plain_role_on_a_syncing_cluster_is_fine(durable_postgresql: PostgreSQL, found_at: Checked) -> None:
    durable_postgresql.new_database("checks")
    durable_postgresql.execute("CREATE ROLE plain LOGIN")
    assert found_at(durable_postgresql.url_of("checks", role="plain")) == []


def test_a_superuser_and_an_owner_are_told_apart(durable_postgresql: PostgreSQL, found_at: Checked) -> None:
    durable_postgresql.new_database("owned")
    durable_postgresql.execute("CREATE ROLE owner LOGIN")
    durable_postgresql.execute("CREATE TABLE t (n int)", database="owned")
    durable_postgresql.execute("ALTER TABLE t OWNER TO owner", database="owned")
    assert found_at(durable_postgresql.url_of("owned")) == ["hx.E008"]
    assert found_at(durable_postgresql.url_of("owned", role="owner")) == ["hx.W009"]


def test_asynchronous_commit_is_refused(durable_postgresql: PostgreSQL, found_at: Checked) -> None:
    durable_postgresql.new_database("hasty")
    durable_postgresql.execute("CREATE ROLE hasty LOGIN")
    durable_postgresql.execute("ALTER ROLE hasty SET synchronous_commit = off")
    assert found_at(durable_postgresql.url_of("hasty", role="hasty")) == ["hx.E007"]


def test_sqlite_without_immediate_transactions_is_refused(settings: Settings) -> None:
    connections.databases["lax"] = {**connections.databases["default"], "OPTIONS": {"timeout": 1}}
    connections.databases["lax"]["ENGINE"] = "django.db.backends.sqlite3"
    try:
        assert [message.id for message in sqlite_waits_for_its_turn(databases=["lax"])] == ["hx.E012"]
    finally:
        del connections["lax"]
        del connections.databases["lax"]


def test_production_without_redis_is_warned_about_its_limits(settings: Settings) -> None:
    settings.HX_DEMO, settings.REDIS_URL = False, ""
    assert [message.id for message in throttles_are_shared()] == ["hx.W013"]


@pytest.mark.django_db
def test_an_unsafe_start_is_refused_with_every_reason_and_hint(settings: Settings) -> None:
    settings.HX_DEMO, settings.DEBUG = False, True
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_unsafe_start()
    assert "hx.E001: HX_DEBUG is on outside the demo. Unset HX_DEBUG." in str(refused.value)
    assert "hx.E003" in str(refused.value)
