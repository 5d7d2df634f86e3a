"""`web.pages`: the slowest page of the exchange and its queries, on a large sample.

1,000 organisations, 5,000 lists with a release each, 100,000 attempts and as many audit events, as rows.
Every page that the table of addresses names is asked, by somebody of a member with every role and by the
exchange's staff: CPU of the process per answer, the median of five after a first one. The bar is 100 ms.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.benchmarks.push_world import new_members, own_exchange

if TYPE_CHECKING:
    from django.test import Client

    from accounts.identity.models import Organisation, User

ORGANISATIONS, LISTS, ATTEMPTS, EVENTS = 1_000, 5_000, 100_000, 100_000
ROUNDS = 5
LIMIT_MS = 100
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Who asks, and identifiers that addresses may name."""

    member: User
    staff: User
    known: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    page: str
    milliseconds: float
    queries: int


def sample(scale: float) -> Sample:
    from accounts.identity.roles import OPERATOR_ROLES, Role
    from tests import cast

    crew, host = cast.harbor(now=cast.NOW), cast.operator(now=cast.NOW)
    roles = [role for role in Role if role not in OPERATOR_ROLES]
    member = cast.person(crew.organisation, "Ann All", roles, now=cast.NOW).user
    staff = cast.person(host.organisation, "Sam Staff", list(OPERATOR_ROLES), now=cast.NOW).user
    others = new_members(int(ORGANISATIONS * scale))
    known = _lists([crew.organisation, *others], crew.organisation, member, int(LISTS * scale))
    known |= _attempts(crew.organisation, int(ATTEMPTS * scale))
    known |= _events(crew.organisation, int(EVENTS * scale))
    return Sample(member, staff, known | {"organisation_id": others[0].id})


def _lists(owners: list[Organisation], ours: Organisation, submitter: User, n: int) -> dict[str, Any]:
    """`n` lists, every tenth of them `ours`, each with a published release; we follow 200 of the others."""
    from exchange.sharing.models import Subscription
    from hashsets.intake.models import Submission
    from hashsets.lists.models import HashList
    from hashsets.releases.models import Draft, Release
    from tests.cast import NOW

    lists, submissions, drafts, releases = [], [], [], []
    for number in range(n):
        owner = ours if number % 10 == 0 else owners[number % len(owners)]
        at = NOW + timedelta(seconds=number)
        row = HashList(
            organisation=owner, title=f"List {number} of known files", jurisdiction="NL", legal_basis="Act 1",
            purpose="Bench", audience="members", hash_types=["sha256"], created_at=at, latest_release=1,
            released_at=at,
        )  # fmt: skip
        submission = Submission(
            organisation=owner, hash_list=row, mode="add", upload_sha256=f"{number:064x}", upload_length=10,
            received_at=at, submitted_by=submitter, state="published", rows=9, adds=9,
        )  # fmt: skip
        draft = Draft(
            id=uuid.uuid4(), organisation=owner, hash_list=row, submission=submission, state="published",
            base_release=0, created_at=at,
        )  # fmt: skip
        releases.append(
            Release(
                organisation=owner, hash_list=row, number=1, draft=draft, submission=submission, urgent=False,
                manifest_sha256=f"{number:064x}", manifest_length=900, state_root=f"{number:064x}", entries=9,
                counts={"sha256": 9}, adds=9, updates=0, removals=0, delta_length=0, snapshot_length=1_000,
                list_version=1, snapshot_version=1, timestamp_version=1, published_at=at, exported_at=at,
            )
        )  # fmt: skip
        lists.append(row)
        submissions.append(submission)
        drafts.append(draft)
    HashList.objects.bulk_create(lists, batch_size=BATCH)
    Submission.objects.bulk_create(submissions, batch_size=BATCH)
    Draft.objects.bulk_create(drafts, batch_size=BATCH)
    Release.objects.bulk_create(releases, batch_size=BATCH)
    followed = [row for row in lists if row.organisation_id != ours.id][:200]
    Subscription.objects.bulk_create(
        Subscription(organisation=ours, hash_list=row, created_at=NOW) for row in followed
    )
    return {"list_id": lists[0].id, "submission_id": submissions[0].id}


def _attempts(ours: Organisation, n: int) -> dict[str, Any]:
    from exchange.push.models import Attempt
    from exchange.sharing.models import Endpoint
    from tests.cast import NOW

    endpoints = Endpoint.objects.bulk_create(
        Endpoint(
            id=uuid.uuid4(), organisation=ours, url=f"https://h{number}.example.org/", created_at=NOW,
            host=f"h{number}.example.org", state="active", due_at=NOW, verified_at=NOW, sealed_secret="",
        )
        for number in range(20)
    )  # fmt: skip
    rows = Attempt.objects.bulk_create(
        (
            Attempt(
                endpoint=endpoints[number % 20], organisation=ours, notice_id=f"msg_{number}", kind="release",
                started_at=NOW + timedelta(seconds=number), duration_ms=9, outcome="delivered", status=204,
            )
            for number in range(n)
        ),
        batch_size=BATCH,
    )  # fmt: skip
    return {"endpoint_id": endpoints[0].id, "attempt_id": rows[-1].id}


def _events(ours: Organisation, n: int) -> dict[str, Any]:
    """Rows as they are shown; that they form no chain is nothing to a page."""
    from accounts.audit.models import AuditEvent, AuditHead
    from tests.cast import NOW

    first = AuditHead.objects.get(id=1).number + 1
    AuditEvent.objects.bulk_create(
        (
            AuditEvent(
                number=number, at=NOW + timedelta(seconds=number), action="list.changed", actor_kind="person",
                actor_label="Ann All", organisation=ours, subject_type="list", subject_id="a" * 26,
                previous_digest=f"{number:064x}", digest=f"{number + 1:064x}",
            )
            for number in range(first, first + n)
        ),
        batch_size=BATCH,
    )  # fmt: skip
    return {"number": 1}


def figures(asked: Sample) -> Iterator[Figure]:
    """Every page that can be asked, by each of the two."""
    from tests.exchange.web.matrix import MATRIX, pages

    for who, user in (("member", asked.member), ("staff", asked.staff)):
        client = _client(user)
        for name, route, _page in pages():
            names = re.findall(r"<(?:\w+:)?(\w+)>", route)
            if "GET" not in MATRIX.get(name, {"GET": ""}) or not all(one in asked.known for one in names):
                continue
            path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(asked.known[match[1]]), route)
            if (figure := _measured(client, path, f"{name} ({who})")) is not None:
                yield figure


def _client(user: User) -> Client:
    from django.test import Client

    from exchange.http.acting import PRESENT_KEY

    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user)
    session = client.session
    session[PRESENT_KEY] = time.time()
    session.save()
    return client


def _measured(client: Client, path: str, name: str) -> Figure | None:
    """None for a page that is not for this reader."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as taken:
        if client.get(path).status_code != 200:
            return None
    queries = len(taken)  # now: the next request forgets them
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        answer = client.get(path)
        _read(answer)
        spent.append((time.process_time() - started) * 1_000)
    return Figure(name, statistics.median(spent), queries)


def _read(answer: Any) -> bytes:
    """The whole answer, written as it is read by whoever asked."""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def main(arguments: list[str]) -> None:
    scale = float(arguments[0]) if arguments else 1.0
    with own_exchange():
        found = list(figures(sample(scale)))
        pages = [figure for figure in found if not figure.page.startswith("audit-sheet")]
        pages.sort(key=lambda figure: -figure.milliseconds)
        slowest = pages[0]
        print(
            json.dumps(
                {
                    "name": "web.pages", "n": len(pages), "value": round(slowest.milliseconds, 1),
                    "unit": "ms",
                    "limit": LIMIT_MS, "page": slowest.page, "queries": slowest.queries,
                    "most_queries": max(figure.queries for figure in pages),
                    "next": {figure.page: round(figure.milliseconds, 1) for figure in pages[1:6]},
                }
            )
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
