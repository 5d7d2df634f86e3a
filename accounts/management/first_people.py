"""What the two founding commands share: an organisation and its first people, all of them or none."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Role
from accounts.membership.members import add_member
from accounts.membership.register import create_organisation, create_user

_PASSWORD_VARIABLE = "HX_FIRST_PASSWORD"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """Somebody to be created with the organisation."""

    email: str
    name: str
    password: str = field(repr=False)


def add_person_options(parser: CommandParser) -> None:
    """The options by which both commands name people."""
    parser.add_argument(
        "--admin",
        action="append",
        required=True,
        metavar="EMAIL=NAME",
        help="an admin; give it twice for two people",
    )


def people_from(options: Mapping[str, Any]) -> list[FirstPerson]:
    """Read the people, and ask for each one's password. Errors: CommandError."""
    people: list[FirstPerson] = []
    for text in options["admin"]:
        email, equals, name = str(text).partition("=")
        if not equals:
            raise CommandError("Give each admin as EMAIL=NAME, such as ada@example.org='Ada Lind'.")
        people.append(FirstPerson(email=email, name=name, password=_password_for(email)))
    return people


def create_with_people(
    *,
    name: str,
    kind: str,
    jurisdiction: str,
    people: Iterable[FirstPerson],
    roles: Iterable[Role],
    actor: Actor,
    now: datetime,
) -> Organisation:
    """One transaction: an organisation without an admin would be out of everybody's reach."""
    wanted = list(roles)
    with transaction.atomic():
        organisation = create_organisation(
            name=name, kind=kind, jurisdiction=jurisdiction, actor=actor, now=now
        )
        for person in people:
            user = create_user(
                email=person.email, name=person.name, password=person.password, actor=actor, now=now
            )
            add_member(user, organisation, roles=wanted, actor=actor, now=now)
    return organisation


def _password_for(email: str) -> str:
    """From the terminal, never from an argument: arguments are visible to every process of the machine.

    Without a terminal it comes from the environment, and everybody has the same one until they change it.
    """
    given = os.environ.get(_PASSWORD_VARIABLE, "")
    if given:
        return given
    if not sys.stdin.isatty():
        raise CommandError(f"Run this in a terminal, or set {_PASSWORD_VARIABLE} to a first password.")
    first = getpass.getpass(f"Password for {email}: ")
    if first != getpass.getpass("Again: "):
        raise CommandError("The two passwords differ.")
    return first
