"""A whole Django project in one file around the receiver: `python example.py PORT`.

It reads HASH_EXCHANGE_SECRETS (with spaces between), HASH_EXCHANGE_PUSH_KEY and HASH_EXCHANGE_ENDPOINT, and
prints a line of JSON for each notice that it acts upon. In your project, start `hashx sync` where it prints.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.urandom(32).hex(),
    LOGGING_CONFIG=None,
    HASH_EXCHANGE={
        "SECRETS": os.environ["HASH_EXCHANGE_SECRETS"].split(),
        "PUSH_KEY": os.environ["HASH_EXCHANGE_PUSH_KEY"],
        "ENDPOINT": os.environ["HASH_EXCHANGE_ENDPOINT"],
        "ON_NEWS": f"{__name__}.on_news",
    },
)
django.setup()

import hash_exchange_receiver  # noqa: E402 - needs the settings above

urlpatterns = [path("hooks/hash-exchange", hash_exchange_receiver.receive)]


def on_news(lists: list[dict[str, Any]]) -> None:
    """Here: note the lists and return; a worker of yours then runs `hashx sync`."""
    if os.path.exists(os.environ.get("HASH_EXCHANGE_FAIL", "")):  # noqa: PTH110 - an empty name is no path
        raise RuntimeError("the queue is away")
    sys.stdout.write(
        json.dumps([{"list_id": one["list_id"], "release": one["release"]} for one in lists]) + "\n"
    )
    sys.stdout.flush()


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Request lines are nobody's business."""


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), handler_class=Quiet).serve_forever()
