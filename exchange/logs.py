"""Logging that cannot leak: every line passes one filter that cuts hash values, keys, tokens and free text.

The filter is the second wall. The first is that nobody logs such a value; tests search for marker values.
"""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest

# What must never be in a line. Order matters: tokens first, because their tail may look like another pattern.
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bhx_(live|test)_[A-Za-z0-9]+"), r"hx_\1_[cut]"),
    (re.compile(r"\bwhs(ec|k|pk)_[A-Za-z0-9+/=_-]+"), r"whs\1_[cut]"),
    (re.compile(r"(?i)\b(bearer|token|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), r"\1 [cut]"),
    (re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,}(?![0-9A-Za-z])"), "[hash cut]"),  # MD5 and longer, in hex
    (
        re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{22,}={1,2}"),
        "[base64 cut]",
    ),  # padded base64 of MD5 and longer
    (re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{190,}"), "[base64 cut]"),  # PhotoDNA has no padding
    (re.compile(r"(?:\d{1,3}, ?){31,}\d{1,3}"), "[hash cut]"),  # PhotoDNA as comma-separated numbers
)
# What people typed and programs asked for: what follows the path of an address, and the rows that PostgreSQL
# quotes when a constraint is broken.
_FREE_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(/[^\s?\"<>]*)\?[^\s\"<>]+"), r"\1?[query cut]"),
    (re.compile(r"(?ms)^DETAIL:  .*?(?=^\w+:|^The above|^Traceback|\Z)"), "DETAIL:  [cut]\n"),
)
_SENSITIVE_NAMES = frozenset(
    {"authorization", "cookie", "password", "secret", "token", "csrfmiddlewaretoken"}
)
_MAX_DEPTH = 6


def cut_secrets(text: str) -> str:
    """Return `text` without anything that looks like a hash value, a key or a token."""
    for pattern, stand_in in _SECRETS:
        text = pattern.sub(stand_in, text)
    return text


def _for_a_line(text: str) -> str:
    for pattern, stand_in in _FREE_TEXT:
        text = pattern.sub(stand_in, text)
    return cut_secrets(text)


def _clean(value: object, depth: int = 0) -> object:
    if isinstance(value, str):
        return _for_a_line(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes cut]"
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, dict):
        return {
            str(name): "[cut]" if str(name).lower() in _SENSITIVE_NAMES else _clean(item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, HttpRequest):  # as text it would show the query
        return _for_a_line(f"{value.method} {value.path}")
    return _for_a_line(str(value))


def cut_secrets_from_event(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The structlog step that every line of ours and of every library passes, tracebacks included."""
    for name in list(event):
        if not name.startswith("_"):
            event[name] = "[cut]" if name.lower() in _SENSITIVE_NAMES else _clean(event[name])
    return event


class CutLines(logging.Formatter):
    """Lines of a program that writes its own, tracebacks included, through the same filter."""

    def format(self, record: logging.LogRecord) -> str:
        return _for_a_line(super().format(record))


def logging_config(*, level: str, human: bool) -> dict[str, Any]:
    """Return the dictConfig for both structlog and standard loggers: one handler, one filter, one format."""
    first_steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _hand_structlog_to_logging(first_steps)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": _line_formatter(first_steps, human=human)},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django's own handlers would print unfiltered lines and mail error pages.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            "celery": {"handlers": [], "level": level, "propagate": True},
            "kombu": {"handlers": [], "level": "WARNING", "propagate": True},
            # HTTP and TUF libraries log whole addresses at INFO.
            "httpx": {"level": "WARNING"},
            "tuf": {"level": "WARNING"},
        },
    }


def _hand_structlog_to_logging(first_steps: list[Any]) -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *first_steps,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _line_formatter(first_steps: list[Any], *, human: bool) -> dict[str, Any]:
    as_json = structlog.processors.JSONRenderer(sort_keys=True)
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*first_steps, structlog.stdlib.ExtraAdder()],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # before the filter: a traceback quotes values, too
            cut_secrets_from_event,
            structlog.dev.ConsoleRenderer(colors=False) if human else as_json,
        ],
    }
