"""`manage.py create_sandbox`: public lists of harmless sentences to try systems with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.errors import Refusal
from exchange.sandbox.make import make_sandbox


class Command(BaseCommand):
    help = "Create the sandbox lists (run it again after the officers' ceremony, when it says that it waits)."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = make_sandbox(timezone.now)
        except Refusal as refusal:
            raise CommandError(" ".join(filter(None, [refusal.message, refusal.advice]))) from None
        for one in made:
            state = "waits for the officers' ceremony" if one.waits else f"{one.releases} releases"
            self.stdout.write(f"{one.title}: {one.list_id}, {state}")
