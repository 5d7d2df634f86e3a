"""The permission matrix: what each method of each route asks for, written down a second time on purpose.

The doors declare the same beside their code. A change there that is not made here, and a new route without a
row here, fail the tests: rights are changed knowingly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern

from exchange.api.v1.urls import urlpatterns

PUBLIC = "anybody"
READERS = "anybody, and beyond what is public list.view"
MEMBER = "any member"
PERSON = "person with "  # a session with step-up; a credential never

VIEW, MANAGE = "list.view", PERSON + "list.manage"
SUBMIT, APPROVE, SIGN = "submission.create", PERSON + "submission.approve", "release.sign"
SUBSCRIBE, ENDPOINT, CONFIRM = "subscription.manage", "endpoint.manage", "release.confirm"
KEYS = PERSON + "key.manage"

MATRIX: dict[tuple[str, str], str] = {
    ("GET", "who"): MEMBER,
    ("GET", "lists"): PUBLIC,
    ("POST", "lists"): MANAGE,
    ("GET", "lists/<str:list_id>"): READERS,
    ("PATCH", "lists/<str:list_id>"): MANAGE,
    ("GET", "lists/<str:list_id>/submissions"): VIEW,
    ("POST", "lists/<str:list_id>/submissions"): SUBMIT,
    ("GET", "lists/<str:list_id>/erasures"): VIEW,
    ("POST", "lists/<str:list_id>/erasures"): PERSON + "submission.create",
    ("GET", "lists/<str:list_id>/signers"): VIEW,
    ("POST", "lists/<str:list_id>/signers"): MANAGE,
    ("GET", "lists/<str:list_id>/releases"): READERS,
    ("GET", "lists/<str:list_id>/releases/<int:number>"): READERS,
    ("GET", "lists/<str:list_id>/changes"): READERS,
    ("GET", "lists/<str:list_id>/confirmations"): VIEW,
    ("POST", "lists/<str:list_id>/confirmations"): CONFIRM,
    ("GET", "keys"): VIEW,
    ("POST", "keys"): KEYS,
    ("POST", "keys/own"): SIGN,
    ("POST", "keys/<uuid:key_id>/confirm"): KEYS,
    ("POST", "keys/<uuid:key_id>/revoke"): KEYS,
    ("GET", "lists/<str:list_id>/custody"): VIEW,
    ("PUT", "lists/<str:list_id>/custody"): MANAGE,
    ("GET", "lists/<str:list_id>/renewal"): SIGN,
    ("POST", "lists/<str:list_id>/renewal"): SIGN,
    ("POST", "lists/<str:list_id>/renewal/signatures"): SIGN,
    ("POST", "lists/<str:list_id>/close"): MANAGE,
    ("POST", "lists/<str:list_id>/transfer"): MANAGE,
    ("GET", "transfers"): VIEW,
    ("DELETE", "transfers/<uuid:transfer_id>"): MANAGE,
    ("POST", "transfers/<uuid:transfer_id>/accept"): MANAGE,
    ("GET", "submissions/<uuid:submission_id>"): VIEW,
    ("GET", "submissions/<uuid:submission_id>/problems"): VIEW,
    ("GET", "submissions/<uuid:submission_id>/problems.csv"): VIEW,
    ("POST", "submissions/<uuid:submission_id>/approve"): APPROVE,
    ("POST", "submissions/<uuid:submission_id>/quarantine"): APPROVE,
    ("POST", "submissions/<uuid:submission_id>/agree"): PERSON + "organisation.manage",
    ("GET", "held"): "organisation.manage",
    ("POST", "uploads"): SUBMIT,
    ("GET", "uploads/<uuid:upload_id>"): SUBMIT,
    ("PATCH", "uploads/<uuid:upload_id>"): SUBMIT,
    ("POST", "uploads/<uuid:upload_id>/submit"): SUBMIT,
    ("POST", "benign"): SUBMIT,
    ("POST", "submissions/<uuid:submission_id>/return"): APPROVE,
    ("POST", "submissions/<uuid:submission_id>/withdraw"): SUBMIT,
    ("GET", "submissions/<uuid:submission_id>/signatures"): VIEW,
    ("POST", "submissions/<uuid:submission_id>/signatures"): SIGN,
    ("GET", "submissions/<uuid:submission_id>/draft/<str:name>"): SIGN,
    ("GET", "subscriptions"): VIEW,
    ("POST", "subscriptions"): SUBSCRIBE,
    ("PATCH", "subscriptions/<uuid:subscription_id>"): SUBSCRIBE,
    ("DELETE", "subscriptions/<uuid:subscription_id>"): SUBSCRIBE,
    ("GET", "endpoints"): VIEW,
    ("POST", "endpoints"): ENDPOINT,
    ("GET", "endpoints/<uuid:endpoint_id>"): VIEW,
    ("DELETE", "endpoints/<uuid:endpoint_id>"): ENDPOINT,
    ("POST", "endpoints/<uuid:endpoint_id>/verify"): ENDPOINT,
    ("POST", "endpoints/<uuid:endpoint_id>/resume"): ENDPOINT,
    ("POST", "endpoints/<uuid:endpoint_id>/secret"): ENDPOINT,
    ("PATCH", "endpoints/<uuid:endpoint_id>"): ENDPOINT,
    ("PUT", "endpoints/<uuid:endpoint_id>/authority"): ENDPOINT,
    ("DELETE", "endpoints/<uuid:endpoint_id>/authority"): ENDPOINT,
    ("POST", "endpoints/<uuid:endpoint_id>/authority/decide"): PERSON + "organisation.manage",
    ("GET", "authorities"): "organisation.manage",
    ("POST", "endpoints/<uuid:endpoint_id>/pause"): ENDPOINT,
    ("POST", "endpoints/<uuid:endpoint_id>/ping"): ENDPOINT,
    ("POST", "endpoints/<uuid:endpoint_id>/test"): ENDPOINT,
    ("POST", "endpoints/<uuid:endpoint_id>/replay"): ENDPOINT,
    ("GET", "credentials"): "credential.manage",
    ("POST", "credentials"): PERSON + "credential.manage",
    ("DELETE", "credentials/<uuid:credential_id>"): PERSON + "credential.manage",
    ("POST", "credentials/<uuid:credential_id>/roll"): PERSON + "credential.manage",
    ("GET", "audit"): "audit.read",
    ("GET", "attempts"): VIEW,
    ("GET", "attempts/<int:attempt_id>"): VIEW,
    ("POST", "attempts/<int:attempt_id>/resend"): ENDPOINT,
}

OPEN_TO_ALL = {"schema/", "docs/"}  # descriptions of the API, without anybody's data


def routes() -> Iterator[tuple[str, Any]]:
    """Every route of the API and the view behind it."""
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        yield str(pattern.pattern), pattern.callback.view_class  # type: ignore[attr-defined]


def methods() -> Iterator[tuple[str, str, Any]]:
    """Every method that a route answers, with the need that its door declares."""
    for route, view in routes():
        if route not in OPEN_TO_ALL:
            yield from ((method, route, declared) for method, declared in view.needs.items())
