"""`manage.py verify_audit`: recompute the audit chain; exit 1 when it does not hold."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.audit.heads import export_head, heads_folder
from accounts.audit.verify import verify_audit


class Command(BaseCommand):
    help = "Recompute the audit chain and compare it with its head and with every exported head."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--export-head",
            action="store_true",
            help="when the chain holds, also export its head, so that a later cut of the tail is noticed",
        )

    def handle(self, *args: Any, export_head: bool, **options: Any) -> None:
        report = verify_audit()
        for breach in report.breaches:
            self.stderr.write(f"{breach.code}: {breach.message}")
        if not report.holds:
            self.stderr.write(f"The audit chain does not hold: {report.breach_count} findings.")
            raise SystemExit(1)
        self.stdout.write(
            f"The audit chain holds: {report.events} events, {report.heads_compared} exported heads compared."
        )
        self.stdout.write(f"Head: event {report.number}, digest {report.digest}")
        if export_head:
            _export(self)
        elif not report.heads_compared:
            self.stdout.write(
                f"No head was ever exported to {heads_folder()}: a cut tail would not be noticed. "
                "Run with --export-head, and keep copies on another machine."
            )


def _export(command: BaseCommand) -> None:
    path = export_head(now=timezone.now())
    command.stdout.write(f"Exported to {path}." if path else "This head was exported before.")
