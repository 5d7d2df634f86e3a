"""`manage.py confirm_person`: the host stands in as the second person where no other person can.

manage.py confirm_person EMAIL                        what waits about this person
manage.py confirm_person EMAIL --yes                  confirm it
manage.py confirm_person EMAIL --reset-second-step    the last of the staff has lost theirs
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.arrangements.confirm import confirm_proposal
from accounts.dual_control.models import Proposal
from accounts.errors import Refusal
from accounts.factors.forget import reset_by_host
from accounts.identity.acting import system_actor
from accounts.identity.models import User


class Command(BaseCommand):
    help = "Confirm what waits about a person, where no admin and nobody of the exchange's staff can."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the person whom it is about")
        parser.add_argument(
            "--reset-second-step",
            action="store_true",
            help="take their second step away, where nobody is left who could ask for it",
        )
        parser.add_argument("--yes", action="store_true", help="confirm it; without it, it is only shown")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        person = User.objects.filter(email=str(options["email"]).strip().lower()).first()
        if person is None:
            raise CommandError("There is no person with this e-mail address.")
        if options["reset_second_step"]:
            self._reset(person)
            return
        waiting = Proposal.objects.open(now).filter(person=person).select_related("organisation")
        found = list(waiting.order_by("created_at", "id"))
        if not found:
            raise CommandError("Nothing waits for a second person about them.")
        for one in found:
            asked = ", ".join(f"{name}: {value}" for name, value in sorted(one.asked.items()))
            self.stdout.write(f"{one.get_kind_display()} at {one.organisation.name} ({asked})")
            self.stdout.write(f"  proposed by {one.proposed_by} on {one.created_at:%Y-%m-%d %H:%M} UTC")
            if options["yes"]:
                try:
                    confirm_proposal(one.id, actor=system_actor("manage.py confirm_person"), now=now)
                except Refusal as refusal:
                    raise CommandError(" ".join(filter(None, [refusal.message, refusal.advice]))) from None
                self.stdout.write("  confirmed by the host, and recorded as such")
        if not options["yes"]:
            self.stdout.write("Repeat this with --yes to confirm, after you have spoken to the person.")

    def _reset(self, person: User) -> None:
        try:
            reset_by_host(person, actor=system_actor("manage.py confirm_person"), now=timezone.now())
        except Refusal as refusal:
            raise CommandError(" ".join(filter(None, [refusal.message, refusal.advice]))) from None
        self.stdout.write(f"{person} signs in with the present password and proves the mailbox.")
