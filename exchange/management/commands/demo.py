"""`manage.py demo`: the whole exchange on one machine, with a sample world."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from exchange.demo.run import run_demo
from exchange.demo.world import ensure_world

FRESH = "HX_DEMO_FRESH"  # set for the child that runs a journey in a folder of its own


class Command(BaseCommand):
    help = "Run the whole exchange with a sample world; --once walks one journey and exits with its result."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="run the journey in a fresh folder, then exit"
        )
        parser.add_argument("--bind", default="127.0.0.1:8000", help="host:port of the web server")
        parser.add_argument(
            "--world", action="store_true", help="only make the sample world, in this database"
        )
        parser.add_argument("--member-port", type=int, default=8090, help="port of Lumen's machine")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.HX_DEMO:
            raise CommandError(
                "The demo makes keys and passwords that protect nothing: set HX_DEMO=1 to run it."
            )
        if options["world"]:
            ensure_world(settings.HX_VAR / "demo" / "world.json", now=timezone.now())
            return
        if options["once"] and FRESH not in os.environ:
            self._in_fresh_folder()
            return
        bind, member_port = options["bind"], options["member_port"]
        if not options["once"]:
            _require_free(bind)
        well = run_demo(
            var=settings.HX_VAR, bind=bind, member_port=member_port, once=options["once"], write=self._write
        )
        if not well:
            sys.exit(1)

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()

    def _in_fresh_folder(self) -> None:
        """The journey starts from nothing, and leaves the demo that may be running next door alone."""
        parent = Path(settings.HX_VAR)
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="journey-", dir=parent))
        web, member = _free_port(), _free_port()
        done = subprocess.run(
            [
                *(sys.executable, "manage.py", "demo", "--once"),
                *("--bind", f"127.0.0.1:{web}", "--member-port", str(member)),
            ],
            cwd=settings.BASE_DIR,
            env={
                **{
                    name: value
                    for name, value in os.environ.items()
                    if name not in ("DATABASE_URL", "BLOB_URL")
                },
                FRESH: "1",
                "HX_VAR": str(folder),
                "HX_PUBLIC_URL": f"http://127.0.0.1:{web}",
            },
            check=False,
        )
        if done.returncode != 0:
            raise CommandError(
                f"The journey failed; everything it left is in {folder}.", returncode=done.returncode
            )
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, ValueError) as error:
            raise CommandError(f"Cannot listen on {bind} ({error}). Try --bind 127.0.0.1:8010.") from None
