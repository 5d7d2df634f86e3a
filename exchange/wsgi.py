"""The web entry point. It refuses to serve when a safety check fails: a server runs no checks by itself."""

from __future__ import annotations

import os

import django

from exchange.http.requests import Gate

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")

django.setup(set_prefix=False)
application = Gate()

from exchange.checks import refuse_unsafe_start  # noqa: E402  (needs the applications loaded)

refuse_unsafe_start()
