"""Every route of the API declares what each of its methods asks for."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.http.permissions import Door
from tests.exchange.api.matrix import OPEN_TO_ALL, routes

VERBS = ("get", "post", "put", "patch", "delete")


@pytest.mark.parametrize(
    ("route", "view"), [pytest.param(r, v, id=r) for r, v in routes() if r not in OPEN_TO_ALL]
)
def test_a_route_declares_exactly_the_methods_it_answers(route: str, view: Any) -> None:
    assert issubclass(view, Door)
    answered = {verb.upper() for verb in VERBS if hasattr(view, verb)}
    assert set(view.needs) == answered


def test_the_description_names_every_route() -> None:
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    described = {path.removeprefix("/api/v1/") for path in schema["paths"]}
    wanted = {
        route.replace("<str:", "{").replace("<uuid:", "{").replace("<int:", "{").replace(">", "}")
        for route, _ in routes()
        if route not in OPEN_TO_ALL
    }
    assert wanted <= described
