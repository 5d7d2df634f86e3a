"""Request bodies from strangers: strict JSON, and raw uploads that are streamed, never held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from accounts.errors import Invalid, TooLarge

# JSON bodies describe things; lists of hashes travel as uploads. 1 MiB is far above any real request.
LARGEST_JSON = 1024 * 1024
DEEPEST_JSON = 32


def _refuse_constant(name: str) -> NoReturn:
    raise ParseError(f"'{name}' is not JSON.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            # Two readers that disagree on which of two equal keys wins are a classic way past a check.
            raise ParseError(f"The key '{key[:40]}' appears twice.")
        found[key] = value
    return found


def _depth_and_text(value: Any, depth: int) -> None:
    if depth > DEEPEST_JSON:
        raise ParseError("The JSON is nested too deeply.")
    if isinstance(value, str):
        if "\x00" in value or any(0xD800 <= ord(char) <= 0xDFFF for char in value):
            raise ParseError(
                "The JSON contains a character that text cannot hold (NUL or half a surrogate pair)."
            )
    elif isinstance(value, dict):
        for key, inner in value.items():
            _depth_and_text(key, depth + 1)
            _depth_and_text(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _depth_and_text(inner, depth + 1)


def strict_json(raw: bytes) -> Any:
    """Parse JSON from outside. Errors: ParseError with the reason; never RecursionError or ValueError."""
    try:
        parsed = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise ParseError("The body is not UTF-8.") from None
    except RecursionError:
        raise ParseError("The JSON is nested too deeply.") from None
    except ValueError as error:
        where = (
            f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise ParseError(f"The body is not valid JSON{where}.") from None
    _depth_and_text(parsed, 0)
    return parsed


class StrictJSONParser(BaseParser):
    """JSON objects only, of bounded size and depth, without duplicate keys."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raw = stream.read(LARGEST_JSON + 1)
        if len(raw) > LARGEST_JSON:
            raise TooLarge(f"A JSON body may have at most {LARGEST_JSON} bytes.", code="request.too_large")
        parsed = strict_json(raw) if raw.strip() else {}
        if not isinstance(parsed, dict):
            raise Invalid("The body must be a JSON object.", code="request.not_an_object")
        return parsed
