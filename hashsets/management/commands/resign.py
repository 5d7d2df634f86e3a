"""`manage.py resign`: sign every timestamp again and write it out, after a restore, a long stop, or on
demand.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.errors import Refusal
from hashsets.trust.models import Repository
from hashsets.trust.resign import resign_repository


class Command(BaseCommand):
    help = "Compares every repository with its exported files, signs it again and writes it out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "repositories", nargs="*", help="list ids, or 'directory'; all when none is given"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Repository.objects.filter(timestamp_version__gte=1).order_by("id")
        if options["repositories"]:
            chosen = chosen.filter(id__in=options["repositories"])
        failed = 0
        for repository_id in chosen.values_list("id", flat=True):
            try:
                files = resign_repository(repository_id, now=timezone.now())
            except Refusal as refusal:
                failed += 1
                self.stderr.write(
                    f"{repository_id}: {refusal.code}: {refusal.message} {refusal.advice or ''}"
                )
            else:
                self.stdout.write(f"{repository_id}: timestamp {files.timestamp_version}")
        if failed:
            raise CommandError(f"{failed} repositories could not be signed.")
