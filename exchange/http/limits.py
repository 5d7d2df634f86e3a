"""Who is counted for a call of the API, and against which limits."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.identity.acting import Actor
from exchange.calls.limit import count_call
from exchange.http.origin import address_of, networks_of


def count(request: HttpRequest, actor: Actor | None) -> None:
    """Count this call. Errors: Throttled `throttled`.

    A credential and a person have limits of their own; strangers share one per IPv4 address or /64 of IPv6,
    twice as much per /56 and four times per /48. Networks are kept as keyed digests.
    """
    now = timezone.now()
    known = None if actor is None else actor.credential_id or actor.person_id
    if known is not None:
        count_call(
            str(known), per_minute=settings.HX_CALLS_PER_MINUTE, per_day=settings.HX_CALLS_PER_DAY, now=now
        )
        return
    for network in networks_of(address_of(request)):
        count_call(
            salted_hmac("exchange.http.limits", network.name, algorithm="sha256").hexdigest()[:32],
            per_minute=settings.HX_STRANGER_CALLS_PER_MINUTE * network.times,
            per_day=settings.HX_CALLS_PER_DAY * network.times,
            now=now,
        )
