"""System checks: rules between settings that no single value can express, each with an id and a hint.

`manage.py check`, `migrate`, the web server and the workers all pass here; the last two through
`refuse_unsafe_start`, because neither gunicorn nor Celery runs Django's checks by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

from accounts.rotation.rotate import standing

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


@register(Tags.security)
def demo_stays_at_home(**_: Any) -> list[CheckMessage]:
    """hx.E002: the demo has throw-away secrets and plain HTTP, so it must answer to loopback names only."""
    hosts = set(settings.ALLOWED_HOSTS) | {urlsplit(settings.HX_PUBLIC_URL).hostname or ""}
    if not settings.HX_DEMO or hosts <= LOOPBACK:
        return []
    return [
        Error(
            "HX_DEMO=1, but this exchange answers to names other than loopback.",
            hint="Unset HX_DEMO and give real secrets, or keep to loopback names.",
            id="hx.E002",
        )
    ]


@register(Tags.security)
def production_is_closed(**_: Any) -> list[CheckMessage]:
    """hx.E001, E003, E004, E005, W010: what the demo may do and production may not."""
    if settings.HX_DEMO:
        return []
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("HX_DEBUG is on outside the demo.", hint="Unset HX_DEBUG.", id="hx.E001"))
    if not settings.ALLOWED_HOSTS or not all(settings.ALLOWED_HOSTS) or "*" in settings.ALLOWED_HOSTS:
        found.append(
            Error("ALLOWED_HOSTS is empty or open to every name.", hint="List the exact names.", id="hx.E003")
        )
    if urlsplit(settings.HX_PUBLIC_URL).scheme != "https":
        found.append(
            Error("HX_PUBLIC_URL is not https.", hint="Use the https address that members see.", id="hx.E004")
        )
    if len(settings.SECRET_KEY) < 40 or len(set(settings.SECRET_KEY)) < 10:
        found.append(
            Error(
                "SECRET_KEY is too short or too uniform to sign sessions.",
                hint="Make 50 or more random characters and keep them in a file named by SECRET_KEY_FILE.",
                id="hx.E005",
            )
        )
    if not settings.EMAIL_HOST:
        found.append(
            checks.Warning(
                "EMAIL_HOST is not set: messages to members are written to files only.",
                hint="Set EMAIL_HOST, EMAIL_HOST_USER and EMAIL_HOST_PASSWORD_FILE.",
                id="hx.W010",
            )
        )
    return found


@register(Tags.security)
def no_page_shows_a_code(**_: Any) -> list[CheckMessage]:
    """hx.E020: a second step that the page itself tells is none."""
    if settings.HX_DEMO or not settings.HX_DEMO_CODES:
        return []
    return [
        Error(
            "HX_DEMO_CODES is on outside the demo: the sign-in page would show everybody's code.",
            hint="Unset HX_DEMO_CODES.",
            id="hx.E020",
        )
    ]


@register(Tags.security)
def blob_store_is_known(**_: Any) -> list[CheckMessage]:
    """hx.E011: a mistyped BLOB_URL must not become a folder of that name."""
    scheme, separator, _rest = settings.BLOB_URL.partition("://")
    if not separator or scheme in ("s3", "file"):
        return []
    return [
        Error(
            f"BLOB_URL starts with {scheme}://, which is not a blob store that we know.",
            hint="Use a folder or s3://bucket/prefix.",
            id="hx.E011",
        )
    ]


@register(Tags.caches)
def throttles_are_shared(**_: Any) -> list[CheckMessage]:
    """hx.W013: with the in-process cache each web process counts requests for itself."""
    if settings.HX_DEMO or settings.REDIS_URL:
        return []
    return [
        checks.Warning(
            "REDIS_URL is not set: request limits are counted per process and wake-ups go through files.",
            hint="Set REDIS_URL when more than one web process or machine is used.",
            id="hx.W013",
        )
    ]


@register(Tags.database)
def sqlite_waits_for_its_turn(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """hx.E012: without IMMEDIATE and WAL, concurrent writers fail with "database is locked"."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "sqlite":
            continue
        options = connection.settings_dict["OPTIONS"]
        if options.get("transaction_mode") != "IMMEDIATE" or "journal_mode=WAL" not in options.get(
            "init_command", ""
        ):
            found.append(
                Error(
                    f"SQLite database {alias!r} is not set to WAL and IMMEDIATE.",
                    hint="Use the options of exchange/settings.py.",
                    id="hx.E012",
                )
            )
    return found


@register(Tags.database)
def postgresql_keeps_its_word(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """hx.E006, E007, E008, W009: commits survive a crash, our role obeys the rules."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "postgresql" or settings.HX_DEMO:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('fsync'), current_setting('synchronous_commit'), "
                "rolsuper OR rolbypassrls, "
                "EXISTS (SELECT 1 FROM pg_class WHERE relkind = 'r' AND relowner = pg_roles.oid) "
                "FROM pg_roles WHERE rolname = current_user"
            )
            fsync, synchronous_commit, superuser, owner = cursor.fetchone()
        found += _durability(fsync=fsync, synchronous_commit=synchronous_commit)
        found += _role(superuser=superuser, owner=owner)
    return found


def _durability(*, fsync: str, synchronous_commit: str) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if fsync != "on":
        found.append(Error("PostgreSQL runs with fsync off.", hint="Set fsync = on.", id="hx.E006"))
    if synchronous_commit == "off":
        found.append(
            Error(
                "PostgreSQL runs with synchronous_commit off.",
                hint="Set it to on: an acknowledged submission may otherwise be lost in a crash.",
                id="hx.E007",
            )
        )
    return found


def _role(*, superuser: bool, owner: bool) -> list[CheckMessage]:
    if superuser:
        return [
            Error(
                "The role used with PostgreSQL is a superuser or bypasses row security.",
                hint="Connect as a plain role that owns nothing but what it needs.",
                id="hx.E008",
            )
        ]
    if owner:
        return [
            checks.Warning(
                "The exchange connects to PostgreSQL as the owner of its tables.",
                hint="Let one role migrate and own the tables, and another one serve.",
                id="hx.W009",
            )
        ]
    return []


@register(Tags.database)
def secrets_can_be_opened(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """hx.E014: a key was dropped from HX_SECRETS_KEYS that stored secrets still need."""
    found: list[CheckMessage] = []
    if DEFAULT_DB_ALIAS in (databases or ()):
        tables = set(connections[DEFAULT_DB_ALIAS].introspection.table_names())
        # Before the first migration there is no table, and no secret either.
        missing = standing(tables=tables).missing
        if missing:
            found.append(
                Error(
                    f"HX_SECRETS_KEYS lacks keys that stored secrets are sealed with: {', '.join(missing)}.",
                    hint="Add them after the current one. `manage.py rotate_secrets` says when to drop them.",
                    id="hx.E014",
                )
            )
    return found


def refuse_unsafe_start() -> None:
    """Raise ImproperlyConfigured naming every failed check, before the first request or task is taken."""
    errors = [
        message
        for message in run_checks(databases=["default"])
        if message.is_serious() and not message.is_silenced()
    ]
    if errors:
        lines = [f"{message.id}: {message.msg} {message.hint or ''}".rstrip() for message in errors]
        raise ImproperlyConfigured("The exchange does not start:\n" + "\n".join(lines))
