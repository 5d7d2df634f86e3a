"""`manage.py verify_release LIST [N]`: recompute a release from its files, and say what was found."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Refusal
from hashsets.lists.models import HashList
from hashsets.releases.verify import ReleaseReport, verify_release


class Command(BaseCommand):
    help = "Recompute counts and roots of a release from its segments and check its signed metadata."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("list", metavar="LIST", help="the list's id")
        parser.add_argument(
            "number", metavar="N", type=int, nargs="?", help="the release; the newest if left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        hash_list = HashList.objects.filter(id=options["list"]).first()
        if hash_list is None:
            raise CommandError("There is no such list.", returncode=1)
        try:
            report = verify_release(hash_list, options["number"] or hash_list.latest_release)
        except Refusal as refusal:
            raise CommandError(refusal.message, returncode=1) from None
        self._print(hash_list, report)
        if not report.ok:
            sys.exit(2)

    def _print(self, hash_list: HashList, report: ReleaseReport) -> None:
        self.stdout.write(f"{hash_list.title}, release {report.number}")
        for finding in report.findings:
            if finding.problem:
                self.stdout.write(
                    self.style.ERROR(f"  WRONG  {finding.what}: {finding.problem} [{finding.code}]")
                )
            else:
                self.stdout.write(f"  ok     {finding.what}")
        if report.withdrawn_by is not None:
            self.stdout.write("The release was withdrawn by erasure; the newest one replaces it.")
            return
        verdict = "The release is what was signed." if report.ok else "This release is NOT what was signed."
        self.stdout.write(verdict)
