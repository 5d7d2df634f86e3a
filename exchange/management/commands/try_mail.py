"""Has the exchange send one letter, so that an operator sees whether its mail arrives."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.mail.queue import queue_mail


class Command(BaseCommand):
    help = "Queue a letter to ADDRESS; a worker sends it within seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address")
        parser.add_argument("--language", choices=[code for code, _name in settings.LANGUAGES], default="en")

    def handle(self, *args: Any, address: str, language: str, **options: Any) -> None:
        queue_mail(
            "oversee.try",
            to=address,
            language=language,
            facts={"where": settings.HX_PUBLIC_URL},
            path="/",
            now=timezone.now(),
        )
        self.stdout.write("Queued. The page /system shows when it has left, or why it has not.")
