"""`manage.py ceremony init|export|import`: the officers' offline signing, see hashsets.trust.ceremony."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.errors import Refusal
from accounts.identity.acting import system_actor
from hashsets.trust import ceremony, directory
from hashsets.trust.models import Repository
from hashsets.trust.repository import replace_online_key


class Command(BaseCommand):
    help = "Names the exchange's officers, carries out what they must sign, and brings their signatures back."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        init = steps.add_parser("init", help="name the officers by their public keys, or replace them")
        init.add_argument("--keys", nargs="+", type=Path, required=True, help="public keys, PEM")
        init.add_argument("--threshold", type=int, required=True, help="how many of them must sign")
        replace = steps.add_parser("replace-online-keys", help="after a theft of online keys")
        replace.add_argument("repositories", nargs="*", help="list ids or 'directory'; all when none given")
        for step in ("export", "import"):
            steps.add_parser(step).add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['step'].replace('-', '_')}")(options)
        except Refusal as refusal:
            raise CommandError(" ".join(filter(None, [refusal.message, refusal.advice]))) from refusal
        except OSError as error:
            raise CommandError(str(error)) from error

    def _init(self, options: dict[str, Any]) -> None:
        chosen = ceremony.begin(
            [path.read_bytes() for path in options["keys"]],
            threshold=options["threshold"],
            actor=system_actor("manage.py ceremony"),
            now=timezone.now(),
        )
        self.stdout.write(f"{chosen.threshold} of {len(chosen.keys)} officers will sign.")
        self.stdout.write("Next: manage.py ceremony export FOLDER")

    def _replace_online_keys(self, options: dict[str, Any]) -> None:
        chosen = Repository.objects.filter(root_version__gte=1).order_by("id")
        if options["repositories"]:
            chosen = chosen.filter(id__in=options["repositories"])
        for repository_id in chosen.values_list("id", flat=True):
            replace_online_key(repository_id, actor=system_actor("manage.py ceremony"), now=timezone.now())
            self.stdout.write(f"{repository_id}: a root with a fresh online key waits for the officers.")

    def _export(self, options: dict[str, Any]) -> None:
        names = ceremony.export_requests(
            options["folder"], actor=system_actor("manage.py ceremony"), now=timezone.now()
        )
        self.stdout.write((options["folder"] / ceremony.SUMMARY).read_text())
        self.stdout.write(f"{len(names)} files wait for the officers.")
        self.stdout.write(
            f"Each signs: python -m hashsets.trust.officer_sign {options['folder']} --key KEY.pem"
        )

    def _import(self, options: dict[str, Any]) -> None:
        result = ceremony.import_signatures(
            options["folder"], actor=system_actor("manage.py ceremony"), now=timezone.now()
        )
        for name, reason in result.refused:
            self.stderr.write(f"refused {name}: {reason}")
        for name, missing in result.waiting:
            self.stdout.write(f"waits   {name}: {missing} more")
        self.stdout.write(
            f"{result.accepted} signatures accepted, {len(result.installed)} repositories in force."
        )
        fingerprint = directory.root_fingerprint()
        if fingerprint is not None:
            self.stdout.write(f"Fingerprint for members: {fingerprint}")
        if result.refused:
            raise CommandError(f"{len(result.refused)} files were refused.")
