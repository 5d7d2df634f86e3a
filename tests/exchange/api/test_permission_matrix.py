"""Every route x method x asker: roles with and without step-up, credentials with each scope, and nobody."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.credentials.issue import issue_credential
from accounts.identity.roles import CREDENTIAL_SCOPES, OPERATOR_ROLES, PERMISSIONS, Permission, Role
from exchange.http.acting import PRESENT_KEY
from exchange.http.permissions import Need
from tests import cast
from tests.exchange.api.matrix import MATRIX, MEMBER, PERSON, PUBLIC, READERS, methods
from tests.hashsets.releases.world import NOW

ABSENT = {"str": "a" * 26, "uuid": "00000000-0000-4000-8000-000000000000", "int": "7"}
DENIALS = {"unauthenticated", "permission.missing", "person.required", "step_up.required"}


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who may ask: what they hold, and whether they are a person who has just stepped up."""

    name: str
    client: Client
    permissions: frozenset[Permission] | None  # None: nobody
    is_person: bool = False
    present: bool = False
    key: str = ""

    def ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        media = "text/csv" if path.endswith("submissions") else "application/json"
        return self.client.generic(method, path, b"", content_type=media, headers=headers)

    def expected(self, asked: str) -> str:
        """The code of the denial, or "" when the door must open."""
        if asked == PUBLIC:
            return ""
        if asked == READERS:  # the matrix asks for a list that is not there, and so not public
            reads = self.permissions is None or Permission.LIST_VIEW in self.permissions
            return "" if reads else "permission.missing"
        if self.permissions is None:
            return "unauthenticated"
        permission = asked.removeprefix(PERSON)
        if asked != MEMBER and permission not in self.permissions:
            return "permission.missing"
        if not asked.startswith(PERSON):
            return ""
        if not self.is_person:
            return "person.required"
        return "" if self.present else "step_up.required"


def path_of(route: str) -> str:
    return "/api/v1/" + re.sub(r"<(\w+):\w+>", lambda match: ABSENT[match[1]], route)


def spelled(declared: Need) -> str:
    """A declared need in the words of the matrix."""
    if declared.public:
        return READERS if declared.permission is Permission.LIST_VIEW else PUBLIC
    if declared.permission is None:
        return MEMBER
    return (PERSON if declared.person else "") + declared.permission.value


def sessions(role: Role) -> list[Asker]:
    """Somebody with exactly this role, without and with step-up."""
    crew = cast.operator(now=NOW) if role in OPERATOR_ROLES else cast.harbor(now=NOW)
    user = cast.person(crew.organisation, f"Only {role.value}", (role,), now=NOW).user
    askers = []
    for present in (False, True):
        client = Client(raise_request_exception=False)
        client.force_login(user)
        if present:
            session = client.session
            session[PRESENT_KEY] = time.time()
            session.save()
        name = f"{role.value} {'with' if present else 'without'} step-up"
        askers.append(Asker(name, client, PERMISSIONS[role], is_person=True, present=present))
    return askers


def credential(*scopes: Permission) -> Asker:
    crew = cast.harbor(now=NOW)
    issued = issue_credential(
        crew.organisation,
        name="matrix",
        scopes=scopes,
        mode="live",
        expires_at=NOW + timedelta(days=30),
        actor=crew.admin.actor,
        now=NOW,
    )
    name = "credential with " + ", ".join(scopes)
    return Asker(name, Client(raise_request_exception=False), frozenset(scopes), key=issued.key)


def everybody() -> list[Asker]:
    people = [asker for role in Role for asker in sessions(role)]
    machines = [credential(scope) for scope in sorted(CREDENTIAL_SCOPES)]
    nobody = Asker("nobody", Client(raise_request_exception=False), None)
    return [*people, *machines, credential(*sorted(CREDENTIAL_SCOPES)), nobody]


@pytest.fixture
def asking(transactional_db: None) -> Callable[[], list[Asker]]:
    cache.clear()
    return everybody


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    declared = {(method, route): spelled(asked) for method, route, asked in methods()}
    assert declared == MATRIX


def test_every_cell_is_as_declared(asking: Callable[[], list[Asker]]) -> None:
    askers, wrong, cells = asking(), [], 0
    for (method, route), asked in MATRIX.items():
        for asker in askers:
            answer = asker.ask(method, path_of(route))
            told = answer.json().get("code", "") if answer.status_code >= 400 else ""
            denied = told if told in DENIALS else ""
            status = {"": answer.status_code, "unauthenticated": 401}.get(denied, 403)
            if denied != asker.expected(asked) or answer.status_code != status or answer.status_code >= 500:
                wrong.append((method, route, asker.name, answer.status_code, told, asker.expected(asked)))
            cells += 1
    assert wrong == []
    assert cells == len(MATRIX) * (2 * len(Role) + len(CREDENTIAL_SCOPES) + 2)


def test_a_session_changes_nothing_without_the_form_token(asking: Callable[[], list[Asker]]) -> None:
    """Another site can make a browser send the cookie, but not the token."""
    asker = next(one for one in asking() if one.name == "admin with step-up")
    asker.client.handler.enforce_csrf_checks = True
    changing = [(method, route) for method, route in MATRIX if method != "GET"]
    told = {cell: asker.ask(cell[0], path_of(cell[1])).json()["code"] for cell in changing}
    assert len(told) > 15
    assert set(told.values()) == {"not_allowed"}


def test_every_method_that_is_not_declared_is_refused(asking: Callable[[], list[Asker]]) -> None:
    asker = next(one for one in asking() if one.name == "admin with step-up")
    declared: dict[str, set[str]] = {}
    for method, route in MATRIX:
        declared.setdefault(route, set()).add(method)
    for route, known in declared.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            answer = asker.ask(method, path_of(route))
            assert (answer.status_code, answer.json()["code"]) == (405, "method.not_allowed"), (method, route)
