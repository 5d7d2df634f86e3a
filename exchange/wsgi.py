"""The web entry point. It refuses to serve when a safety check fails: a server runs no checks by itself."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")

application = get_wsgi_application()

from exchange.checks import refuse_unsafe_start  # noqa: E402  (needs the applications loaded)

refuse_unsafe_start()
