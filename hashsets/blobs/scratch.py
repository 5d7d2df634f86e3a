"""Clears away what killed processes left in this machine's scratch folders.

A process that ends in order removes its own files. kill -9 leaves them, a raw upload among them, which may be
large and which nobody promised to keep. Nothing that is owed is ever only here.
"""

from __future__ import annotations

import contextlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

# No upload, validation or build takes nearly as long; each touches its file or folder as it goes.
ABANDONED_AFTER: Final = timedelta(days=1)


def leftovers_due(now: datetime, limit: int) -> list[Path]:
    """What nobody has touched for a day, at most `limit` of it."""
    found: list[Path] = []
    for folder in (Path(settings.HX_VAR) / "work", Path(settings.FILE_UPLOAD_TEMP_DIR)):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):  # its owner has just ended in order
                if now.timestamp() - path.lstat().st_mtime > ABANDONED_AFTER.total_seconds():
                    found.append(path)
    return found[:limit]


def clear_leftover(path: Path) -> None:
    """Remove a file or a folder; somebody else may have been faster."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
