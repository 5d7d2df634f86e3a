"""Collects the models of this floor's rooms, so that Django finds them."""

from __future__ import annotations

from exchange.access.models import AccessRequest
from exchange.calls.models import CallCount, RememberedCall
from exchange.push.models import Attempt
from exchange.sharing.models import Confirmation, Endpoint, EndpointCursor, Fetch, Notified, Subscription
from exchange.web.models import OpenSession, SignInTry

__all__ = [
    "AccessRequest",
    "Attempt",
    "CallCount",
    "Confirmation",
    "Endpoint",
    "EndpointCursor",
    "Fetch",
    "Notified",
    "OpenSession",
    "RememberedCall",
    "SignInTry",
    "Subscription",
]
