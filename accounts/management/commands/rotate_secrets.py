"""`manage.py rotate_secrets`: seal every stored secret again with the first key of HX_SECRETS_KEYS, and say
which keys are still needed.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.rotation.rotate import rotate_secrets, standing
from accounts.sealing.places import sealed_places


class Command(BaseCommand):
    help = (
        "Seals every stored secret again with the first key of HX_SECRETS_KEYS. May be stopped and run again "
        "at any time. Exits with 1 while a value needs another key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say which keys are needed")

    def handle(self, *args: Any, **options: Any) -> None:
        refused: list[str] = []
        if not options["check"]:
            done = rotate_secrets(now=timezone.now)
            for place, values in sorted(done.resealed.items()):
                self.stdout.write(f"{place}: {values} sealed again")
            refused = done.refused
        for told in refused:
            self.stderr.write(f"does not open: {told}")
        self._tell_standing()

    def _tell_standing(self) -> None:
        for place in sealed_places():
            for key_id, count in sorted(place.counts().items()):
                self.stdout.write(f"{place.name}: {count} with '{key_id}'")
        now = standing()
        if now.missing:
            self.stderr.write(f"Needed, and not in HX_SECRETS_KEYS: {', '.join(now.missing)}")
        if now.behind:
            raise CommandError(
                f"{now.behind} values need another key than '{now.current}'. Drop none of: "
                f"{', '.join(sorted(set(now.needed) - {now.current}))}."
            )
        self.stdout.write(f"Every secret is sealed with '{now.current}'.")
        if now.droppable:
            self.stdout.write(f"No longer needed here: {', '.join(now.droppable)}")
