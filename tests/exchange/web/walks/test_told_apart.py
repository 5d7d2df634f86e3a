"""No page tells what others have from what there is not: not by its answer, and not by the work behind it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from difflib import unified_diff
from typing import Any, Final
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit.models import AuditEvent
from accounts.dual_control.models import PROPOSAL_LASTS, Proposal, ProposalKind
from accounts.factors.models import Passkey
from accounts.identity.models import Membership
from accounts.membership.models import DutyContact, Invitation
from accounts.sign_on.models import SignOn
from accounts.standing.models import Measure
from exchange.http.acting import PRESENT_KEY
from exchange.web.models import OpenSession
from hashsets.intake.models import Upload
from hashsets.lists.models import Audience, HashList
from tests import cast
from tests.exchange.api.test_told_apart import LIST, SAVEPOINT, UUID, VALUE
from tests.exchange.web.matrix import declared, pages
from tests.exchange.web.walks.scenery import Scenery
from tests.hashsets.releases.world import NOW

pytestmark = pytest.mark.django_db

_NAME: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')
# Words in addresses that name nobody's thing.
WORDS: Final = {"question", "track", "item", "token"}
FIELDS: Final = {
    "reason": "No.",
    "title": "A",
    "name": "A",
    "mode": "add",
    "agree": "yes",
    "decision": "agree",
}


def not_there(name: str) -> str:
    """A value of the same form for which there is nothing."""
    if name == "list_id":
        return "a" * 26
    if name == "reference":
        return "AP-0000-0000"
    return "987654321" if name in ("membership_id", "attempt_id", "number") else str(uuid.uuid4())


@pytest.fixture
def stranger(scenery: Scenery) -> Client:
    """Every role of a company that has no business here, present; and no list is for it."""
    HashList.objects.update(audience=Audience.NAMED, findable=False)
    client = Client(raise_request_exception=False)
    client.force_login(cast.stranger(now=NOW).user)
    session = client.session
    session[PRESENT_KEY] = time.time()
    session.save()
    return client


def things(scenery: Scenery) -> dict[str, Any]:
    """What others have, by its name in addresses."""
    models = {
        "passkey_id": Passkey, "session_id": OpenSession, "invitation_id": Invitation, "sign_on_id": SignOn,
        "upload_id": Upload, "measure_id": Measure,
        "membership_id": Membership, "contact_id": DutyContact,
    }  # fmt: skip
    found: dict[str, Any] = {
        name: model._default_manager.order_by("pk").first() for name, model in models.items()
    }
    found["change_id"] = Proposal.objects.filter(kind=ProposalKind.LIST_SETTINGS).first()
    assert not [name for name, row in found.items() if row is None]
    place = found["membership_id"]
    proposal = Proposal.objects.create(
        organisation=place.organisation, kind=ProposalKind.PLACE, subject_id=str(place.pk), person=place.user,
        proposed_by=cast.harbor(now=NOW).admin.user, proposed_for=place.organisation, created_at=NOW,
        expires_at=NOW + PROPOSAL_LASTS,
    )  # fmt: skip
    return {name: row.pk for name, row in found.items()} | {"proposal_id": proposal.pk} | scenery.known


def addresses(known: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(method, address of what others have, address of what there is not) of each page that names one."""
    methods = declared()
    for name, route, _page in pages():
        names = set(_NAME.findall(route)) - WORDS
        if not names:
            continue
        none = {one: not_there(one) for one in names}
        if "list_id" in names and "number" in names:
            none["number"] = known["release"]
        theirs = {one: known[one] for one in names} | ({"number": known["release"]} if len(none) > 1 else {})

        def address(values: dict[str, Any], route: str = route) -> str:
            return "/" + _NAME.sub(lambda match: str(values.get(match[1], known.get(match[1]))), route)

        for method in methods[name]:
            yield method, address(theirs), address(none)


def seen(client: Client, method: str, address: str) -> tuple[int, list[tuple[str, str]], str, list[str]]:
    """Status, headers, body and the questions to the database, without ids and form tokens."""
    cache.clear()
    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        answer: Any = client.generic(method, address) if method == "GET" else client.post(address, FIELDS)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    # Lengths follow from the body, which is compared; the policy has a fresh number each time.
    left_out = {"Content-Security-Policy", "Content-Length"}
    headers = [(name, _plain(value, address)) for name, value in answer.headers.items()]
    asked = [SAVEPOINT.sub("?", VALUE.sub("?", query["sql"])) for query in captured.captured_queries]
    text = _TOKEN.sub("", _plain(body.decode("utf-8", "replace"), address))
    return answer.status_code, sorted(one for one in headers if one[0] not in left_out), text, asked


def _plain(text: str, address: str) -> str:
    """Without the address that was asked for, as it stands and inside another one, and without ids."""
    for spelling in (address, quote(address), quote(address, safe="")):
        text = text.replace(spelling, "<address>")
    return LIST.sub("<id>", UUID.sub("<id>", text))


def test_a_page_of_what_others_have_is_answered_by_the_work_for_what_there_is_not(
    scenery: Scenery, stranger: Client
) -> None:
    told, tried = [], 0
    for method, theirs, none in addresses(things(scenery)):
        seen(stranger, method, none)  # what a first look fills
        ours, nothing = seen(stranger, method, theirs), seen(stranger, method, none)
        assert ours[0] in (302, 400, 403, 404), (method, theirs, ours[0])
        for what, one, other in zip(("status", "headers", "body", "queries"), ours, nothing, strict=True):
            if one != other:
                before, after = (
                    [str(line) for line in (part if isinstance(part, list) else str(part).splitlines())]
                    for part in (other, one)
                )
                lines = unified_diff(before, after, n=0, lineterm="")
                told.append(f"{method} {theirs} {what}:\n    " + "\n    ".join(line[:300] for line in lines))
        tried += 1
    assert tried > 120
    assert not told, "\n".join(told)
    assert AuditEvent.objects.exists()
