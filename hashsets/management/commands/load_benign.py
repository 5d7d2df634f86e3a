"""`manage.py load_benign`: make the public collection of innocent hashes from the MISP warning lists.

They ship as a package (the extra `benign`) and need no network: hashes of operating systems' and common
programs' files, of certificates, and of what intelligence feeds reported by mistake.
"""

from __future__ import annotations

import importlib.util
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from hashsets.core.hashtypes import HASH_TYPES
from hashsets.intake.benign import write_public_corpus

PACKAGE: Final = "pymispwarninglists"
TYPES: Final = ("md5", "sha1", "sha256", "sha512")
_BY_LENGTH: Final = {2 * HASH_TYPES[slug].bytes_wide: slug for slug in TYPES}


class Command(BaseCommand):
    help = "Loads hashes of innocent files, so that submissions that hold one are set aside for a person."

    def handle(self, *args: Any, **options: Any) -> None:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise CommandError(f"The package {PACKAGE} is not installed: it comes with the extra 'benign'.")
        counts = write_public_corpus(hashes_of(Path(spec.origin).parent))
        for slug, count in sorted(counts.items()):
            self.stdout.write(f"{slug}: {count:,} hashes")


def hashes_of(folder: Path) -> dict[str, set[bytes]]:
    """The hashes in all warning lists under `folder` that are about hashes of files."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for path in sorted(folder.rglob("list.json")):
        warnings = json.loads(path.read_text(encoding="utf-8"))
        if not set(TYPES) & set(warnings.get("matching_attributes", ())):
            continue
        for text in warnings["list"]:
            slug = _BY_LENGTH.get(len(text))
            if slug is not None:
                found[slug].add(bytes.fromhex(text))
    return found
