"""Records tries to be both people, after the act's own transaction was rolled back."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from accounts.dual_control.refused import noting, record_refused


def refused_acts(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: whatever verbs noted while this request was answered becomes events."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        with noting() as acts:
            response = get_response(request)
        if acts:
            record_refused(acts, now=timezone.now())
        return response

    return answer
