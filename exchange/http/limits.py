"""Who is counted for a call of the API, and against which limits."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.identity.acting import Actor
from exchange.calls.limit import count_call
from exchange.http.origin import address_of


def count(request: HttpRequest, actor: Actor | None) -> None:
    """Count this call. Errors: Throttled `throttled`.

    A credential and a person have limits of their own; strangers share one per network address, kept as a
    keyed digest.
    """
    known = None if actor is None else actor.credential_id or actor.person_id
    if known is not None:
        who, per_minute, per_day = str(known), settings.HX_CALLS_PER_MINUTE, settings.HX_CALLS_PER_DAY
    else:
        who = salted_hmac("exchange.http.limits", address_of(request), algorithm="sha256").hexdigest()[:32]
        per_minute, per_day = settings.HX_STRANGER_CALLS_PER_MINUTE, settings.HX_CALLS_PER_DAY
    count_call(who, per_minute=per_minute, per_day=per_day, now=timezone.now())
