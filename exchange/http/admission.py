"""What the proxy asks before it takes a large body from anybody: a key of ours, or somebody signed in?

Rights are not asked here: the address that the body is for does that, as ever. This only keeps the bytes of
strangers away from everything that reads or stores bytes.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from accounts.errors import Refusal
from accounts.identity.models import User
from exchange.http.auth import credential_actor
from exchange.http.requests import read_only

CODE_HEADER = "X-Refusal-Code"


@read_only
@never_cache
def admission(request: HttpRequest) -> HttpResponse:
    """204, or 401 with the code of the refusal in a header: deploy/nginx makes the answer of it."""
    try:
        known = credential_actor(request) is not None
    except Refusal as refusal:
        return HttpResponse(status=401, headers={CODE_HEADER: refusal.code})
    user = request.user
    if known or (isinstance(user, User) and user.is_active):
        return HttpResponse(status=204)
    return HttpResponse(status=401, headers={CODE_HEADER: "unauthenticated"})
