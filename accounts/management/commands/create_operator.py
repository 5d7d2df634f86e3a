"""`manage.py create_operator`: the organisation that runs the exchange, and its admins. Once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.errors import Refusal
from accounts.identity.acting import system_actor
from accounts.identity.models import Organisation, OrganisationKind
from accounts.identity.roles import Role
from accounts.management.first_people import add_person_options, create_with_people, people_from


class Command(BaseCommand):
    help = "Create the organisation that runs this exchange, and its admins: two, because decisions need two."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--jurisdiction", required=True, help="two letters of ISO 3166-1, such as GB")
        parser.add_argument("--officers", action="store_true", help="they also hold the exchange's root keys")
        add_person_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if Organisation.objects.filter(kind=OrganisationKind.OPERATOR).exists():
            raise CommandError("This exchange has an operator already; its admins add further people.")
        if len(options["admin"]) < 2:
            raise CommandError(
                "Name two admins (--admin twice): what takes two people would wait for ever with one."
            )
        roles = [Role.ADMIN, Role.EXCHANGE_ADMIN]
        if options["officers"]:
            roles.append(Role.OFFICER)
        try:
            organisation = create_with_people(
                name=options["name"],
                kind=OrganisationKind.OPERATOR,
                jurisdiction=options["jurisdiction"],
                people=people_from(options),
                roles=roles,
                actor=system_actor("manage.py create_operator"),
                now=timezone.now(),
            )
        except Refusal as refusal:
            raise CommandError(" ".join(filter(None, [refusal.message, refusal.advice]))) from None
        self.stdout.write(f"Created the operator {organisation.name}, id {organisation.id}")
