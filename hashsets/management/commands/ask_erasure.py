"""`manage.py ask_erasure LIST --by EMAIL --reason R`: for an order that was served on the exchange itself.

Reads `type,hash` lines from standard input, so that no hash stands in a shell's history. The publisher's
approver decides and its signers sign, as when the publisher asks.
"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.errors import Refusal
from accounts.identity.acting import person_acting
from accounts.identity.models import Organisation, OrganisationKind, User
from hashsets.core.withdrawal import Reason
from hashsets.intake.erasure import Named, ask_erasure
from hashsets.lists.models import HashList


class Command(BaseCommand):
    help = "Ask that entries vanish from a list and its history; reads 'type,hash' lines from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("list", metavar="LIST", help="the list's id")
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the exchange admin who asks")
        parser.add_argument("--reason", required=True, choices=[one.value for one in Reason])
        parser.add_argument("--reference", default="", help="of the order; never a hash")

    def handle(self, *args: Any, **options: Any) -> None:
        operator = Organisation.objects.filter(kind=OrganisationKind.OPERATOR).first()
        user = User.objects.filter(email=options["by"]).first()
        hash_list = HashList.objects.filter(id=options["list"]).first()
        actor = person_acting(user, operator) if user and operator else None
        if actor is None:
            raise CommandError("There is no exchange admin with this address.", returncode=1)
        if hash_list is None:
            raise CommandError("There is no such list.", returncode=1)
        named = [Named(*_cells(line)) for line in sys.stdin if line.strip()]
        try:
            erasure = ask_erasure(
                hash_list,
                named,
                reason=options["reason"],
                reference=options["reference"],
                actor=actor,
                now=timezone.now(),
            )
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} [{refusal.code}]", returncode=1) from None
        self.stdout.write(
            f"Asked as {erasure.submission.reference}. An approver of {hash_list.organisation.name} decides."
        )


def _cells(line: str) -> tuple[str, str]:
    kind, comma, text = line.strip().partition(",")
    if not comma:
        raise CommandError("Every line is 'type,hash'.", returncode=1)
    return kind, text
