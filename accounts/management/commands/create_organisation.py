"""`manage.py create_organisation`: a member organisation with its first admin, until vetting exists."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.errors import Refusal
from accounts.identity.acting import system_actor
from accounts.identity.models import OrganisationKind
from accounts.identity.roles import Role
from accounts.management.first_people import add_person_options, create_with_people, people_from

_MEMBER_KINDS = [kind for kind in OrganisationKind.values if kind != OrganisationKind.OPERATOR]


class Command(BaseCommand):
    help = "Create a member organisation and its first admins. Two, because keys need a second person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--kind", required=True, choices=_MEMBER_KINDS)
        parser.add_argument("--jurisdiction", required=True, help="two letters of ISO 3166-1, such as CA")
        add_person_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            organisation = create_with_people(
                name=options["name"],
                kind=options["kind"],
                jurisdiction=options["jurisdiction"],
                people=people_from(options),
                roles=[Role.ADMIN],
                actor=system_actor("manage.py create_organisation"),
                now=timezone.now(),
            )
        except Refusal as refusal:
            raise CommandError(" ".join(filter(None, [refusal.message, refusal.advice]))) from None
        self.stdout.write(f"Created {organisation.name} ({organisation.kind}), id {organisation.id}")
