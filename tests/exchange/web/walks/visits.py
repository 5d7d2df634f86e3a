"""Every page that is read, by whom: the table of the walks, beside that of the permission matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.exchange.web.matrix import pages
from tests.exchange.web.walks.scenery import Scenery


@dataclass(frozen=True, slots=True)
class Visit:
    """Who reads a page, with what in its address: `named` gives other values of the scenery to its names."""

    who: str
    status: int = 200
    query: str = ""
    named: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stop:
    """A visit with its address."""

    page: str
    who: str
    address: str
    status: int

    def __str__(self) -> str:
        return f"{self.page} ({self.who}: {self.address})"


def by(*who: str, status: int = 200, query: str = "", **named: str) -> list[Visit]:
    return [Visit(one, status, query, named) for one in who]


def by_harbor(named: dict[str, str]) -> list[Visit]:
    return [Visit("harbor", named=named)]


def by_staff(named: dict[str, str]) -> list[Visit]:
    return [Visit("staff", named=named)]


_OWN = {"list_id": "own_list"}
_ASKED = {"list_id": "asked_list"}
_JOINED = {"organisation_id": "joined"}

VISITS: dict[str, list[Visit]] = {
    "home": by("nobody", "harbor", "lumen", "northland", "staff") + by("two", status=302),
    "sign-in": by("nobody"),
    "confirm-presence": by("harbor"),
    "organisation": by("two", "harbor"),
    "lists": by("harbor", "lumen", "nobody", "staff"),
    "list": by("harbor", "lumen", "staff") + by_harbor(_OWN) + by("harbor", list_id="empty"),
    "list-submissions": by("harbor"),
    "list-releases": by("harbor", "lumen"),
    "release": by("harbor", "lumen", "staff", number="release"),
    "submission": by("harbor")
    + [
        one
        for state in ("moving", "refused", "returned", "held", "aside", "drafted")
        for one in by("harbor", submission_id=state)
    ],
    "progress": by("harbor", query="mark={mark}")
    + by("harbor", query="mark={moving_mark}", submission_id="moving"),
    "second-step": by("halfway"),
    "recovery-step": by("halfway"),
    "passkey-sign-in": by("nobody"),
    "prove-mailbox": by("newcomer", status=302),
    "use-proof": by("newcomer", status=404),
    "set-up": by("newcomer"),
    "set-up-app": by("newcomer"),
    "set-up-passkey": by("newcomer"),
    "sign-on-leave": by("nobody"),
    "sign-on-return": by("nobody", status=401),
    "sign-on": by("harbor"),
    "forgotten": by("nobody"),
    "open-reset": by("nobody", status=302),
    "new-password": by("nobody", status=404),
    "passkey-presence": by("harbor"),
    "account": by("harbor"),
    "profile": by("harbor"),
    "password": by("harbor"),
    "account-app": by("harbor"),
    "recovery-codes": by("harbor"),
    "add-passkey": by("harbor"),
    "sessions": by("harbor"),
    "open-invitation": by("nobody", status=302),
    "invitation": by("nobody", status=404),
    "people": by("harbor", "staff"),
    "invite": by("harbor"),
    "person": by("harbor"),
    "proposals": by("harbor", "staff"),
    "ask-reset": by("staff"),
    "ask-exemption": by("staff"),
    "new-list": by("harbor"),
    "settings": by("harbor"),
    "change-settings": by("harbor"),
    "close-list": by("harbor"),
    "signers": by("harbor") + by_harbor(_OWN),
    "renewal": by_harbor(_OWN),
    "renewal-part": by_harbor(_OWN),
    "offer-list": by("harbor"),
    "transfers": by("harbor", "northland"),
    "accept-transfer": by("northland"),
    "compare": by("harbor", query="older=1&newer=2"),
    "withdraw-entries": by("harbor"),
    "new-submission": by("harbor"),
    "submission-file": by("harbor"),
    "check-submission": by("harbor"),
    "queue": by("harbor") + by("harbor", query="show=sign") + by("harbor", query="show=all"),
    "held": by("staff"),
    "set-aside": by("harbor", submission_id="aside"),
    "signature": by("harbor", submission_id="drafted"),
    "signed-part": by("harbor", submission_id="drafted"),
    "keys": by("harbor", "lumen"),
    "new-key": by("harbor"),
    "own-key": by("harbor"),
    "browser-key": by("harbor"),
    "key": by("harbor"),
    "benign": by("harbor"),
    "ceremonies": by("staff"),
    "apply": by("nobody", "applicant"),
    "apply-tasks": by("draft", "applicant"),
    "apply-status": by("waiting", "asked", "declined", "approved"),
    "apply-begin": by("nobody"),
    "apply-resume": by("nobody"),
    "apply-renew": by("nobody"),
    "apply-question": by("applicant"),
    "apply-domain-proof": by("applicant", "waiting"),
    "apply-check": by("applicant"),
    "apply-reply": by("asked"),
    "apply-appeal": by("declined"),
    "apply-withdraw": by("waiting"),
    "apply-password": by("approved"),
    "applications": by("staff") + by("staff", query="show=decided"),
    "checklists": by("staff"),
    "checklist": by("staff"),
    "case-export": by("staff"),
    "case-export-json": by("staff"),
    "case": by("staff") + by("staff", reference="proposed"),
    "case-evidence": by("staff"),
    "case-note": by("staff"),
    "case-ask": by("staff"),
    "case-conflict": by("staff"),
    "case-propose": by("staff"),
    "case-give-back": by("staff", reference="proposed"),
    "case-decide": by("staff", reference="proposed"),
    "members": by("staff") + by("staff", query="status=active"),
    "member": by("staff") + by_staff(_JOINED),
    "calendar": by("staff"),
    "measure": by_staff(_JOINED),
    "measure-carry-out": by("staff"),
    "measure-drop": by("staff"),
    "condition-met": by("staff"),
    "agreement-new": by("staff"),
    "review": by("harbor", "lumen"),
    "review-question": by("lumen"),
    "review-measure": by("lumen"),
    "duty-contact-new": by("harbor"),
    "agreements": by("harbor", "lumen", "staff"),
    "duty-contacts": by("harbor", "lumen"),
    "audit": by("harbor", "staff"),
    "audit-sheet": by("harbor", "staff"),
    "audit-chain": by("staff"),
    "audit-event": by("harbor", "staff"),
    "system": by("staff"),
    "search": by("harbor", "staff", query="q=list") + by("harbor", "staff", query="q=a"),
    "public-keys": by("nobody", "lumen"),
    "status": by("nobody", "staff"),
    "catalogue": by("lumen", "nobody"),
    "catalogue-entry": by("lumen")
    + [one for name in ("asked_list", "agreed_list", "followed_list") for one in by("lumen", list_id=name)],
    "list-access": by_harbor(_ASKED),
    "access-request": by_harbor(_ASKED),
    "subscriptions": by("lumen"),
    "subscription": by("lumen"),
    "policy": by("lumen"),
    "end-subscription": by("lumen"),
    "credentials": by("lumen"),
    "new-credential": by("lumen"),
    "credential": by("lumen"),
    "roll-credential": by("lumen"),
    "revoke-credential": by("lumen"),
    "endpoints": by("lumen"),
    "new-endpoint": by("lumen"),
    "endpoint": by("lumen"),
    "rotate-secret": by("lumen"),
    "move-endpoint": by("lumen"),
    "replay-endpoint": by("lumen"),
    "close-endpoint": by("lumen"),
    "attempts": by("lumen"),
    "attempt": by("lumen"),
    "getting-started": by("lumen"),
    "quick-start": by("nobody", "lumen"),
    "sandbox": by("nobody", "lumen"),
    "error-codes": by("nobody"),
    "components": by("nobody"),
}


def stops(scenery: Scenery) -> list[Stop]:
    """Every visit with the address that it has in this scenery."""
    return [
        Stop(name, visit.who, _address(route, visit, scenery.known), visit.status)
        for name, route, _page in pages()
        for visit in VISITS.get(name, [])
    ]


def _address(route: str, visit: Visit, known: dict[str, Any]) -> str:
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(known[visit.named.get(match[1], match[1])]), route)
    return f"/{path}" + f"?{visit.query.format(**known)}" * bool(visit.query)
