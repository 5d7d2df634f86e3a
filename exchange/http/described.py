"""How the API's own habits look in its OpenAPI description: pages by cursor, and who may ask."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from exchange.http.pages import LARGEST_PAGE, USUAL_PAGE

_CURSOR = {
    "name": "cursor",
    "in": "query",
    "schema": {"type": "string"},
    "description": "`next` of the page before; left out for the first page",
}
_LIMIT = {
    "name": "limit",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": USUAL_PAGE},
    "description": "rows of a page",
}


class CursorPages:
    """Every list of the API is told in pages of this form; see `exchange.http.pages`."""

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, Any]]:
        return [_CURSOR, _LIMIT]

    def get_paginated_response_schema(self, rows: dict[str, Any]) -> dict[str, Any]:
        following = {"type": "string", "nullable": True, "description": "cursor of the next page; null: last"}
        return {
            "type": "object",
            "required": ["items", "next"],
            "properties": {"items": rows, "next": following},
        }


class Credential(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "exchange.http.auth.CredentialAuthentication"
    name = ["credential", "credentialAsPassword"]  # noqa: RUF012 - the base class declares it so

    def get_security_requirement(self, auto_schema: object) -> list[dict[str, list[Any]]]:
        """One or the other, not both."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer", "description": "`hx_live_…` or `hx_test_…`"},
            {"type": "http", "scheme": "basic", "description": "the credential as the password"},
        ]


class Session(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "exchange.http.auth.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A person in the browser, with X-CSRFToken; some acts ask for a step-up.",
        }
