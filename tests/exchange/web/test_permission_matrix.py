"""Every page x method x asker: each role with and without presence, somebody without rights, nobody."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.identity.roles import OPERATOR_ROLES, PERMISSIONS, Role
from accounts.membership.members import end_membership
from exchange.http.acting import PRESENT_KEY
from exchange.web.door import Page
from tests import cast
from tests.exchange.web.matrix import MATRIX, MEMBER, ONE_OF, PERSON, PUBLIC, ROLES, SOMEBODY, declared, pages
from tests.hashsets.releases.world import NOW

ABSENT = {
    "list_id": "a" * 26, "uuid": "00000000-0000-4000-8000-000000000000", "int": "7", "release": "999999",
    "slug": "none", "str": "none", "path": "none", "case": "AP-0000-0000",
}  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NOBODY, RIGHTLESS = "nobody", "rightless"


@dataclass(frozen=True, slots=True)
class Asker:
    name: str
    client: Client
    may: frozenset[str]
    signed_in: bool = True
    has_organisation: bool = True
    present: bool = False

    def expected(self, asked: str, one_of: set[str]) -> str:
        """Where the door sends this asker, "refused", or "" when it must open."""
        if asked == PUBLIC:
            return ""
        if not self.signed_in:
            return "/sign-in"
        need = asked.removeprefix(PERSON)
        if need != SOMEBODY and not self.has_organisation:
            return "/organisation"
        if need not in (SOMEBODY, MEMBER) and need not in self.may:
            return "refused"
        if asked.startswith(PERSON) and not self.present:
            return "/confirm-presence"
        return "" if not one_of or self.may & one_of else "refused"

    def meets(self, method: str, path: str) -> tuple[str, int]:
        """What the door says, with the status; whatever an opened door did is undone."""
        before = SimpleCookie(self.client.cookies.output(header="", sep=";"))
        with transaction.atomic():
            answer = self.client.generic(method, path)
            transaction.set_rollback(True)
        self.client.cookies = before
        told = (answer.context or {}).get("told") if answer.status_code == 403 else None
        if told is not None and told.code == "permission.missing":
            return "refused", answer.status_code
        target = answer.headers.get("Location", "").split("?")[0]
        return (
            target if target in ("/sign-in", "/organisation", "/confirm-presence") else ""
        ), answer.status_code


def asker_with(role: Role, *, present: bool) -> Asker:
    crew = cast.operator(now=NOW) if role in OPERATOR_ROLES else cast.harbor(now=NOW)
    user = cast.person(crew.organisation, f"Only {role.value}", (role,), now=NOW).user
    client = Client(raise_request_exception=False)
    client.force_login(user)
    if present:
        session = client.session
        session[PRESENT_KEY] = time.time()
        session.save()
    return Asker(f"{role.value}{' present' * present}", client, frozenset(ROLES[role.value]), present=present)


def nobody() -> Asker:
    return Asker(NOBODY, Client(raise_request_exception=False), frozenset(), signed_in=False)


def rightless() -> Asker:
    """Signed in, with no membership left: an end ends sessions too, so the sign-in comes after it."""
    crew = cast.harbor(now=NOW)
    user = cast.person(crew.organisation, "Gil Gone", [Role.VIEWER], now=NOW).user
    end_membership(user.memberships.get().id, actor=crew.admin.actor, now=NOW)
    user.refresh_from_db()
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return Asker(RIGHTLESS, client, frozenset(), has_organisation=False)


def path_of(route: str) -> str:
    return "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda match: ABSENT[match[1] or "str"], route)


def test_every_page_has_a_row_and_every_row_a_page() -> None:
    strays = [name for name, _route, page in pages() if page is None or not issubclass(page, Page)]
    assert strays == [], "these addresses declare no need: make them Pages"
    assert declared() == MATRIX


def test_every_role_may_what_the_table_says() -> None:
    assert {role.value: {one.value for one in PERMISSIONS[role]} for role in Role} == ROLES


EVERY_ROLE = [
    pytest.param(role, marks=() if role in (Role.VIEWER, Role.ADMIN) else pytest.mark.slow) for role in Role
]


@pytest.mark.django_db
@pytest.mark.parametrize("who", [*EVERY_ROLE, NOBODY, RIGHTLESS])
def test_every_cell_is_as_declared(who: Any) -> None:
    fixed = {NOBODY: nobody, RIGHTLESS: rightless}
    askers = (
        [fixed[who]()]
        if who in fixed
        else [asker_with(Role(who), present=present) for present in (False, True)]
    )
    wrong, cells = [], 0
    for name, route, _page in pages():
        for method, asked in MATRIX[name].items():
            for asker in askers:
                met, status = asker.meets(method, path_of(route))
                wished = asker.expected(asked, ONE_OF.get((method, name), set()))
                # A page for everybody may still ask for a sign-in or an organisation of its own accord.
                fine = met == wished or (wished == "" and met in ("/sign-in", "/organisation"))
                if not fine or status >= 500:
                    wrong.append((method, name, asker.name, status, met, wished))
                cells += 1
    assert wrong == []
    assert cells == len(askers) * sum(len(row) for row in MATRIX.values())


@pytest.mark.django_db
def test_a_method_that_is_not_declared_is_not_answered() -> None:
    asker, answered = asker_with(Role.ADMIN, present=True), []
    for name, route, _page in pages():
        for method in METHODS:
            if method not in MATRIX[name] and asker.meets(method, path_of(route))[1] not in (403, 405):
                answered.append((method, name))
    assert answered == []


@pytest.mark.django_db
def test_no_page_changes_anything_without_the_form_token() -> None:
    asker, changed = asker_with(Role.ADMIN, present=True), []
    asker.client.handler.enforce_csrf_checks = True
    for name, route, _page in pages():
        if "POST" in MATRIX[name] and asker.meets("POST", path_of(route))[1] != 403:
            changed.append(name)
    assert changed == []
