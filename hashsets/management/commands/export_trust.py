"""`manage.py export_trust`: write out every signed file that is owed; safe at any time, as often as you
like.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.errors import Refusal
from hashsets.trust.export import export_repository, exports_due

_BATCH = 1_000


class Command(BaseCommand):
    help = "Writes out every signed metadata file that is not in the blob store yet."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        failed = written = 0
        for repository_id in exports_due(now, _BATCH):
            try:
                written += export_repository(repository_id, now=now)
            except Refusal as refusal:
                failed += 1
                self.stderr.write(
                    f"{repository_id}: {refusal.code}: {refusal.message} {refusal.advice or ''}"
                )
        self.stdout.write(f"{written} repositories written out.")
        if failed:
            raise CommandError(f"{failed} repositories could not be written out.")
