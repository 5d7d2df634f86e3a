"""How a refused form answers. A wrong secret is shown on the form itself: 401 would make browsers ask with a
window of their own.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from django.conf import settings
from django.http import HttpResponse

from accounts.errors import Conflict, NotAllowed, Refusal, Throttled
from accounts.factors import totp
from accounts.factors.code_app import seed_of
from accounts.factors.models import CodeApp
from exchange.http.problems import status_of


def form_status(refusal: Refusal | None) -> int:
    if refusal is None:
        return HTTPStatus.OK
    if isinstance(refusal, Throttled | Conflict | NotAllowed):
        return status_of(refusal).value
    return HTTPStatus.BAD_REQUEST


def with_retry(response: HttpResponse, refusal: Refusal) -> HttpResponse:
    if isinstance(refusal, Throttled):
        response["Retry-After"] = str(refusal.facts["retry_after"])
    return response


def demo_code(app: CodeApp | None, *, now: datetime) -> str:
    """In the demo, what the person's phone would show: visitors have no phone of the sample people."""
    if app is None or not settings.HX_DEMO_CODES:
        return ""
    step = max(totp.step_at(now), app.last_step + 1)
    # Nothing is shown that would be refused: the codes of this half minute were typed, so wait for the next.
    return totp.code_at(seed_of(app), step) if step <= totp.step_at(now) + totp.DRIFT_STEPS else ""
