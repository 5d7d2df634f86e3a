"""The permission matrix of the pages: what each method of each page asks for, written down a second time.

The pages declare the same beside their code. A change there that is not made here, and a page without a row
here, fail the tests: rights are changed knowingly or not at all. ROLES says again what each role may.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from exchange.http.permissions import Need
from exchange.web.door import Page

PUBLIC = "anybody"
MEMBER = "any member"
SOMEBODY = "somebody"  # a person who is signed in, whatever their organisations are
PERSON = "present "  # and has just proven their presence

VIEW, SUBMIT, APPROVE, SIGN = "list.view", "submission.create", "submission.approve", "release.sign"
MANAGE, SUBSCRIBE, ENDPOINT = "list.manage", "subscription.manage", "endpoint.manage"
CREDENTIAL, KEY, PEOPLE, AUDIT = "credential.manage", "key.manage", "member.manage", "audit.read"
STAFF, CEREMONY, SYSTEM, CONFIRM = "organisation.manage", "ceremony.run", "system.view", "release.confirm"

ROLES: dict[str, set[str]] = {
    "admin": {VIEW, MANAGE, SUBSCRIBE, ENDPOINT, CREDENTIAL, KEY, PEOPLE, AUDIT},
    "contributor": {VIEW, SUBMIT},
    "approver": {VIEW, APPROVE},
    "signer": {VIEW, SIGN},
    "integrator": {VIEW, SUBSCRIBE, ENDPOINT, CONFIRM, CREDENTIAL},
    "viewer": {VIEW},
    "auditor": {VIEW, AUDIT},
    "exchange-admin": {VIEW, STAFF, AUDIT, SYSTEM},
    "officer": {VIEW, CEREMONY, SYSTEM},
}

# Page by page: GET, then POST where there is one.
MATRIX: dict[str, dict[str, str]] = {
    "home": {"GET": PUBLIC},
    "sign-in": {"GET": PUBLIC, "POST": PUBLIC},
    "sign-out": {"POST": PUBLIC},
    "confirm-presence": {"GET": SOMEBODY, "POST": SOMEBODY},
    "organisation": {"GET": PUBLIC, "POST": PUBLIC},
    "lists": {"GET": PUBLIC},
    "list": {"GET": PUBLIC},
    "list-submissions": {"GET": VIEW},
    "list-releases": {"GET": PUBLIC},
    "release": {"GET": PUBLIC},
    "submission": {"GET": VIEW},
    "progress": {"GET": VIEW},
    "approve": {"POST": PERSON + APPROVE},
    "return": {"POST": PERSON + APPROVE},
    "withdraw": {"POST": SUBMIT},
    "sign": {"POST": PERSON + SIGN},
    "second-step": {"GET": PUBLIC, "POST": PUBLIC},
    "recovery-step": {"GET": PUBLIC, "POST": PUBLIC},
    "passkey-sign-in": {"GET": PUBLIC, "POST": PUBLIC},
    "prove-mailbox": {"GET": PUBLIC},
    "use-proof": {"GET": PUBLIC},
    "set-up": {"GET": PUBLIC},
    "set-up-app": {"GET": PUBLIC, "POST": PUBLIC},
    "set-up-passkey": {"GET": PUBLIC, "POST": PUBLIC},
    "sign-on-leave": {"GET": PUBLIC, "POST": PUBLIC},
    "sign-on-return": {"GET": PUBLIC},
    "sign-on": {"GET": PEOPLE, "POST": PERSON + PEOPLE},
    "sign-on-remove": {"POST": PERSON + PEOPLE},
    "sign-on-agree": {"POST": PERSON + STAFF},
    "forgotten": {"GET": PUBLIC, "POST": PUBLIC},
    "open-reset": {"GET": PUBLIC},
    "new-password": {"GET": PUBLIC, "POST": PUBLIC},
    "passkey-presence": {"GET": SOMEBODY, "POST": SOMEBODY},
    "account": {"GET": SOMEBODY},
    "profile": {"GET": SOMEBODY, "POST": SOMEBODY},
    "password": {"GET": PERSON + SOMEBODY, "POST": PERSON + SOMEBODY},
    "account-app": {"GET": PERSON + SOMEBODY, "POST": PERSON + SOMEBODY},
    "recovery-codes": {"GET": PERSON + SOMEBODY, "POST": PERSON + SOMEBODY},
    "add-passkey": {"GET": PERSON + SOMEBODY, "POST": PERSON + SOMEBODY},
    "remove-passkey": {"POST": PERSON + SOMEBODY},
    "sessions": {"GET": SOMEBODY},
    "end-others": {"POST": SOMEBODY},
    "end-session": {"POST": SOMEBODY},
    "open-invitation": {"GET": PUBLIC},
    "invitation": {"GET": PUBLIC, "POST": PUBLIC},
    "people": {"GET": AUDIT},
    "invite": {"GET": PERSON + PEOPLE, "POST": PERSON + PEOPLE},
    "revoke-invitation": {"POST": PERSON + PEOPLE},
    "person": {"GET": PEOPLE, "POST": PERSON + PEOPLE},
    "end-membership": {"POST": PERSON + PEOPLE},
    "propose-reset": {"POST": PERSON + PEOPLE},
    "review-place": {"POST": PERSON + PEOPLE},
    "proposals": {"GET": MEMBER},
    "confirm-proposal": {"POST": PERSON + MEMBER},
    "end-proposal": {"POST": PERSON + MEMBER},
    "ask-reset": {"GET": PERSON + STAFF, "POST": PERSON + STAFF},
    "ask-exemption": {"GET": PERSON + STAFF, "POST": PERSON + STAFF},
    "new-list": {"GET": PERSON + MANAGE, "POST": PERSON + MANAGE},
    "settings": {"GET": VIEW},
    "change-settings": {"GET": PERSON + MANAGE, "POST": PERSON + MANAGE},
    "add-label": {"POST": PERSON + MANAGE},
    "decide-change": {"POST": PERSON + MANAGE},
    "allow-inline-delta": {"POST": PERSON + MANAGE},
    "close-list": {"GET": PERSON + MANAGE, "POST": PERSON + MANAGE},
    "signers": {"GET": VIEW, "POST": PERSON + MANAGE},
    "renewal": {"GET": PERSON + SIGN, "POST": PERSON + SIGN},
    "renewal-part": {"GET": SIGN},
    "renewal-hosted": {"POST": PERSON + SIGN},
    "prepare-renewal": {"POST": PERSON + SIGN},
    "offer-list": {"GET": PERSON + MANAGE, "POST": PERSON + MANAGE},
    "transfers": {"GET": VIEW},
    "accept-transfer": {"GET": PERSON + MANAGE, "POST": PERSON + MANAGE},
    "end-transfer": {"POST": PERSON + MANAGE},
    "compare": {"GET": PUBLIC},
    "withdraw-entries": {"GET": SUBMIT, "POST": SUBMIT},
    "new-submission": {"GET": SUBMIT, "POST": SUBMIT},
    "submission-file": {"GET": SUBMIT, "POST": SUBMIT},
    "check-submission": {"GET": SUBMIT, "POST": SUBMIT},
    "queue": {"GET": VIEW},
    "held": {"GET": STAFF},
    "agree": {"POST": PERSON + STAFF},
    "set-aside": {"GET": VIEW, "POST": PERSON + APPROVE},
    "signature": {"GET": PERSON + SIGN, "POST": PERSON + SIGN},
    "signed-part": {"GET": SIGN},
    "keys": {"GET": VIEW},
    "new-key": {"GET": VIEW, "POST": PERSON + KEY},
    "own-key": {"GET": PERSON + VIEW, "POST": PERSON + VIEW},
    "browser-key": {"GET": PERSON + VIEW},
    "key": {"GET": VIEW},
    "confirm-key": {"POST": PERSON + KEY},
    "revoke-key": {"POST": PERSON + KEY},
    "benign": {"GET": VIEW, "POST": SUBMIT},
    "ceremonies": {"GET": CEREMONY},
    "ceremony-export": {"POST": PERSON + CEREMONY},
    "ceremony-import": {"POST": PERSON + CEREMONY},
    "apply": {"GET": PUBLIC},
    "apply-tasks": {"GET": PUBLIC},
    "apply-status": {"GET": PUBLIC},
    "apply-begin": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-resume": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-renew": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-question": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-domain-proof": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-check": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-reply": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-appeal": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-withdraw": {"GET": PUBLIC, "POST": PUBLIC},
    "apply-password": {"GET": PUBLIC, "POST": PUBLIC},
    "applications": {"GET": STAFF},
    "checklists": {"GET": STAFF},
    "case-export": {"GET": STAFF},
    "case-export-json": {"GET": STAFF},
    "members": {"GET": STAFF},
    "member": {"GET": STAFF},
    "calendar": {"GET": STAFF},
    "case": {"GET": STAFF, "POST": STAFF},
    "case-evidence": {"GET": STAFF, "POST": STAFF},
    "case-note": {"GET": STAFF, "POST": STAFF},
    "case-ask": {"GET": STAFF, "POST": STAFF},
    "case-conflict": {"GET": STAFF, "POST": STAFF},
    "case-give-back": {"GET": STAFF, "POST": STAFF},
    "checklist": {"GET": STAFF, "POST": PERSON + STAFF},
    "case-propose": {"GET": STAFF, "POST": PERSON + STAFF},
    "case-decide": {"GET": STAFF, "POST": PERSON + STAFF},
    "measure": {"GET": STAFF, "POST": PERSON + STAFF},
    "measure-carry-out": {"GET": STAFF, "POST": PERSON + STAFF},
    "measure-drop": {"GET": STAFF, "POST": PERSON + STAFF},
    "condition-met": {"GET": STAFF, "POST": PERSON + STAFF},
    "agreement-new": {"GET": STAFF, "POST": PERSON + STAFF},
    "review": {"GET": MEMBER, "POST": PEOPLE},
    "review-question": {"GET": PEOPLE, "POST": PEOPLE},
    "review-measure": {"GET": PEOPLE, "POST": PEOPLE},
    "duty-contact-new": {"GET": PEOPLE, "POST": PEOPLE},
    "agreements": {"GET": MEMBER, "POST": PERSON + PEOPLE},
    "duty-contacts": {"GET": VIEW, "POST": PEOPLE},
    "duty-contact-end": {"POST": PEOPLE},
    "audit": {"GET": AUDIT},
    "audit-sheet": {"GET": AUDIT},
    "audit-chain": {"GET": SYSTEM, "POST": SYSTEM},
    "audit-event": {"GET": AUDIT},
    "system": {"GET": SYSTEM},
    "search": {"GET": MEMBER},
    "public-keys": {"GET": PUBLIC},
    "status": {"GET": PUBLIC},
    "catalogue": {"GET": PUBLIC},
    "catalogue-entry": {"GET": PUBLIC},
    "follow": {"POST": SUBSCRIBE},
    "ask": {"POST": SUBSCRIBE},
    "withdraw-asking": {"POST": SUBSCRIBE},
    "list-access": {"GET": MANAGE},
    "set-findable": {"POST": PERSON + MANAGE},
    "access-request": {"GET": MANAGE},
    "agree-access": {"POST": PERSON + MANAGE},
    "decline-access": {"POST": PERSON + MANAGE},
    "revoke-access": {"POST": PERSON + MANAGE},
    "subscriptions": {"GET": VIEW},
    "subscription": {"GET": VIEW},
    "policy": {"GET": SUBSCRIBE, "POST": SUBSCRIBE},
    "ask-inline-delta": {"POST": SUBSCRIBE},
    "end-subscription": {"GET": SUBSCRIBE, "POST": SUBSCRIBE},
    "credentials": {"GET": CREDENTIAL},
    "new-credential": {"GET": PERSON + CREDENTIAL, "POST": PERSON + CREDENTIAL},
    "credential": {"GET": CREDENTIAL},
    "roll-credential": {"GET": PERSON + CREDENTIAL, "POST": PERSON + CREDENTIAL},
    "revoke-credential": {"GET": CREDENTIAL, "POST": PERSON + CREDENTIAL},
    "endpoints": {"GET": VIEW},
    "new-endpoint": {"GET": ENDPOINT, "POST": ENDPOINT},
    "endpoint": {"GET": VIEW},
    "verify-endpoint": {"POST": ENDPOINT},
    "ping-endpoint": {"POST": ENDPOINT},
    "test-endpoint": {"POST": ENDPOINT},
    "pause-endpoint": {"POST": ENDPOINT},
    "resume-endpoint": {"POST": ENDPOINT},
    "rotate-secret": {"GET": ENDPOINT, "POST": PERSON + ENDPOINT},
    "move-endpoint": {"GET": ENDPOINT, "POST": ENDPOINT},
    "replay-endpoint": {"GET": ENDPOINT, "POST": ENDPOINT},
    "close-endpoint": {"GET": ENDPOINT, "POST": ENDPOINT},
    "attempts": {"GET": VIEW},
    "attempt": {"GET": VIEW},
    "resend-attempt": {"POST": ENDPOINT},
    "getting-started": {"GET": VIEW},
    "quick-start": {"GET": PUBLIC},
    "sandbox": {"GET": PUBLIC},
    "error-codes": {"GET": PUBLIC},
    "components": {"GET": PUBLIC},
}

# Pages that ask, beyond their declared need, for one of several rights: a role may have either.
ONE_OF: dict[tuple[str, str], set[str]] = {
    ("GET", "browser-key"): {SIGN, KEY},
    # The second person of an arrangement: an admin, or the exchange's staff where there is none.
    ("GET", "proposals"): {PEOPLE, STAFF},
}

NOT_PAGES = {"language"}  # Django's own: it keeps a choice in a cookie and goes back


def pages() -> Iterator[tuple[str, str, Any]]:
    """(name, route, page class) of every page."""
    yield from _below(get_resolver("exchange.web.urls").url_patterns, "")


def _below(patterns: Any, above: str) -> Iterator[tuple[str, str, Any]]:
    for pattern in patterns:
        route = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _below(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and pattern.name not in NOT_PAGES:
            yield str(pattern.name), route, getattr(pattern.callback, "view_class", None)


def spelled(need: Need) -> str:
    """A declared need in the words of the matrix."""
    if need.public:
        return PUBLIC
    word = SOMEBODY if need.somebody else MEMBER if need.permission is None else need.permission.value
    return (PERSON if need.person else "") + word


def declared() -> dict[str, dict[str, str]]:
    return {
        name: {method: spelled(need) for method, need in page.needs.items()}
        for name, _route, page in pages()
        if page is not None and issubclass(page, Page)
    }
