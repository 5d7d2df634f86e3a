"""The part of /api/v1 that a member needs, typed. What the exchange says is checked for form, then shown
or used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from accounts.errors import Invalid
from exchange.client.fetch import Advance, Session
from exchange.client.refusals import NetworkDown, UnsupportedFormat
from hashsets.core.policy import TrustPolicy

__all__ = [
    "Endpoint",
    "ListSummary",
    "Member",
    "Problem",
    "Submission",
    "Subscription",
    "all_lists",
    "one_endpoint",
    "one_list",
    "post_confirmation",
    "problems_csv",
    "problems_of",
    "register_endpoint",
    "set_policy",
    "submission",
    "submit_file",
    "subscribe",
    "subscriptions",
    "verify_endpoint",
    "who_am_i",
]

MAX_PAGES: Final = 10_000
MAX_PROBLEMS_CSV: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """Whom the exchange takes the key's holder for; `mirror`: it is only a copy of an exchange."""

    organisation: str
    permissions: tuple[str, ...]
    mirror: bool = False


@dataclass(frozen=True, slots=True)
class ListSummary:
    """A list as the catalogue shows it."""

    id: str
    title: str
    description: str
    publisher: str
    publisher_id: str
    publisher_kind: str
    jurisdiction: str
    legal_basis: str
    purpose: str
    tlp: str
    audience: str
    hash_types: tuple[str, ...]
    scheme: str
    status: str
    latest_release: int
    released_at: str | None
    entries: int
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    """A list that the member follows."""

    id: str
    list_id: str
    policy: TrustPolicy


@dataclass(frozen=True, slots=True)
class Submission:
    """A proposed change and how far it has come."""

    id: str
    reference: str
    list_id: str
    mode: str
    state: str
    rows_done: int
    rows_expected: int
    base_release: int
    counts: Mapping[str, int]
    problem_counts: Mapping[str, int]
    refused_code: str | None
    refused_message: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """A refused row."""

    line: int
    field: str
    code: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiving address; `secret` is told once, at registration."""

    id: str
    url: str
    state: str
    secret: str = ""
    failures: int = 0
    last_error: str = ""


def who_am_i(session: Session) -> Member:
    said = _table(session.json("GET", "api/v1/who"))
    permissions = tuple(str(one) for one in said.get("permissions") or ())
    return Member(_text(said, "organisation"), permissions, mirror=said.get("mirror") is True)


def all_lists(session: Session) -> list[ListSummary]:
    """Every list that the member may see."""
    return [_list_from(item) for item in _pages(session, "api/v1/lists", {"limit": 200})]


def one_list(session: Session, list_id: str) -> ListSummary:
    return _list_from(_table(session.json("GET", f"api/v1/lists/{list_id}")))


def subscribe(session: Session, list_id: str) -> Subscription:
    said = session.json("POST", "api/v1/subscriptions", body={"list_id": list_id}, idempotent=True)
    return _subscription_from(_table(said))


def subscriptions(session: Session) -> list[Subscription]:
    """What the member follows, each with its trust policy."""
    return [_subscription_from(item) for item in _pages(session, "api/v1/subscriptions", {"limit": 200})]


def set_policy(session: Session, subscription_id: str, policy: TrustPolicy) -> Subscription:
    body = {"policy": policy.document()}
    said = session.json("PATCH", f"api/v1/subscriptions/{subscription_id}", body=body, idempotent=True)
    return _subscription_from(_table(said))


def submit_file(
    session: Session,
    list_id: str,
    file: Path,
    *,
    mode: str,
    urgent: bool,
    note: str,
    media_type: str,
    advance: Advance,
    hash_type: str = "",
) -> Submission:
    query: dict[str, str | int | bool] = {"mode": mode, "urgent": urgent, "note": note}
    if hash_type:
        query["type"] = hash_type
    with file.open("rb") as stream:
        said = session.upload(
            f"api/v1/lists/{list_id}/submissions",
            stream,
            length=os.fstat(stream.fileno()).st_size,
            media_type=media_type,
            query=query,
            advance=advance,
        )
    return _submission_from(_table(said))


def submission(session: Session, submission_id: str) -> Submission:
    return _submission_from(_table(session.json("GET", f"api/v1/submissions/{submission_id}")))


def problems_of(session: Session, submission_id: str, *, at_most: int) -> list[Problem]:
    """The first problems of a submission, in order of line."""
    found: list[Problem] = []
    for item in _pages(session, f"api/v1/submissions/{submission_id}/problems", {}):
        found.append(
            Problem(
                _number(item, "line"),
                _text(item, "field"),
                _text(item, "code"),
                _text(item, "message"),
                _text(item, "advice"),
            )
        )
        if len(found) >= at_most:
            break
    return found


def problems_csv(session: Session, submission_id: str) -> bytes:
    """All problems that the exchange kept, as a spreadsheet."""
    return session.file_bytes(f"api/v1/submissions/{submission_id}/problems.csv", limit=MAX_PROBLEMS_CSV)


def post_confirmation(
    session: Session,
    list_id: str,
    *,
    release: int,
    state_root: str,
    hash_types: Sequence[str],
    applied_at: str,
) -> None:
    statement = {
        "release": release,
        "state_root": state_root,
        "hash_types": list(hash_types),
        "applied_at": applied_at,
    }
    # The exchange takes the same statement twice for one, so that a lost answer costs nothing.
    session.json("POST", f"api/v1/lists/{list_id}/confirmations", body=statement, idempotent=True)


def register_endpoint(session: Session, url: str, *, description: str) -> Endpoint:
    said = session.json("POST", "api/v1/endpoints", body={"url": url, "description": description})
    return _endpoint_from(_table(said))


def one_endpoint(session: Session, endpoint_id: str) -> Endpoint:
    """An endpoint of the member's, as the exchange sees it; without its secret."""
    return _endpoint_from(_table(session.json("GET", f"api/v1/endpoints/{endpoint_id}")))


def verify_endpoint(session: Session, endpoint_id: str) -> Endpoint:
    """Have the exchange challenge the endpoint; it must be listening by now."""
    return _endpoint_from(_table(session.json("POST", f"api/v1/endpoints/{endpoint_id}/verify", body={})))


def _pages(session: Session, path: str, query: Mapping[str, str | int | bool]) -> Iterator[dict[str, Any]]:
    asked = dict(query)
    for _ in range(MAX_PAGES):
        page = _table(session.json("GET", path, query=asked))
        items = page.get("items")
        if not isinstance(items, list):
            raise _strange()
        for item in items:
            yield _table(item)
        cursor = page.get("next")
        if not cursor:
            return
        asked["cursor"] = str(cursor)


def _list_from(said: dict[str, Any]) -> ListSummary:
    publisher = said.get("publisher")
    publisher = publisher if isinstance(publisher, dict) else {}
    return ListSummary(
        id=_text(said, "id"),
        title=_text(said, "title"),
        description=_text(said, "description"),
        publisher=_text(publisher, "name"),
        publisher_id=_text(publisher, "id"),
        publisher_kind=_text(publisher, "kind"),
        jurisdiction=_text(said, "jurisdiction"),
        legal_basis=_text(said, "legal_basis"),
        purpose=_text(said, "purpose"),
        tlp=_text(said, "tlp"),
        audience=_text(said, "audience"),
        hash_types=tuple(str(one) for one in said.get("hash_types") or ()),
        scheme=_text(said, "scheme"),
        status=_text(said, "status"),
        latest_release=_number(said, "latest_release"),
        released_at=_text(said, "released_at") or None,
        entries=_number(said, "entries"),
        subscribed=bool(said.get("subscribed")),
    )


def _subscription_from(said: dict[str, Any]) -> Subscription:
    try:
        policy = TrustPolicy.parse(said.get("policy", {}))
    except Invalid as error:
        # A field that this version does not know may be the one that keeps something out.
        raise UnsupportedFormat(
            f"This version of hashx cannot follow the trust policy of a subscription: {error.message}",
            code="format.policy",
        ) from error
    return Subscription(_text(said, "id"), _text(said, "list_id"), policy)


def _submission_from(said: dict[str, Any]) -> Submission:
    refused = said.get("refused")
    refused = refused if isinstance(refused, dict) else {}
    return Submission(
        id=_text(said, "id"),
        reference=_text(said, "reference"),
        list_id=_text(said, "list_id"),
        mode=_text(said, "mode"),
        state=_text(said, "state"),
        rows_done=_number(said, "rows_done"),
        rows_expected=_number(said, "rows_expected"),
        base_release=_number(said, "base_release"),
        counts=_counts(said, "counts"),
        problem_counts=_counts(said, "problem_counts"),
        refused_code=_text(refused, "code") or None,
        refused_message=_text(refused, "message") or None,
    )


def _endpoint_from(said: dict[str, Any]) -> Endpoint:
    return Endpoint(
        id=_text(said, "id"),
        url=_text(said, "url"),
        state=_text(said, "state"),
        secret=_text(said, "secret"),
        failures=_number(said, "failures"),
        last_error=_text(said, "last_error"),
    )


def _counts(said: Mapping[str, Any], name: str) -> dict[str, int]:
    counts = said.get(name)
    counts = counts if isinstance(counts, dict) else {}
    return {str(key): value for key, value in counts.items() if isinstance(value, int)}


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    return value if isinstance(value, int) else 0


def _table(said: object) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise _strange()
    return said


def _strange() -> NetworkDown:
    return NetworkDown(
        "The exchange's answer is not what a Hash Exchange says.", code="network.not_an_exchange"
    )
