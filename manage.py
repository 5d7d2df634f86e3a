#!/usr/bin/env python3
"""The operator's commands: `python manage.py help` lists them."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Hand the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit("Django is not installed here. Run `make demo`, or install `.[server]`.") from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
