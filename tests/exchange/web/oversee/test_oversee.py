"""Audit, system, search, keys and status: who sees what, found by what, exported how."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.audit.record import record
from accounts.identity.roles import Role
from accounts.membership.register import create_organisation
from exchange.sharing.models import Endpoint
from exchange.web.sheet import harmless, lines
from hashsets.releases.models import Release
from tests import cast
from tests.exchange.web.stage import HOSTILE_NAME, release_one, signed_in
from tests.exchange.world import endpoint_of
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return harbor_world(now=NOW)


@pytest.fixture
def staff() -> Client:
    """One of the exchange's admins."""
    return signed_in(
        cast.person(cast.operator(now=NOW).organisation, "Exi Admin", (Role.EXCHANGE_ADMIN,), now=NOW).user
    )


def said(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return " ".join(body.decode().split())


def shown(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, said(answer)[-800:]
    return said(answer)


# Audit


def test_an_auditor_sees_their_own_organisation_and_staff_see_all(world: World, staff: Client) -> None:
    lumen = cast.lumen(now=NOW)
    auditor = signed_in(cast.person(lumen.organisation, "Aud Itor", (Role.AUDITOR,), now=NOW).user)
    theirs = AuditEvent.objects.filter(organisation=world.crew.organisation).order_by("number")[0]
    own = AuditEvent.objects.filter(organisation=lumen.organisation).order_by("number")[0]
    page = shown(auditor, "/audit")
    assert f'href="/audit/{own.number}"' in page
    assert f'href="/audit/{theirs.number}"' not in page
    shown(auditor, f"/audit/{own.number}")
    shown(auditor, f"/audit/{theirs.number}", 404)
    shown(auditor, "/audit/chain", 403)
    assert world.crew.organisation.name not in said(auditor.get("/audit.csv"))
    assert f'href="/audit/{theirs.number}"' in shown(
        staff, f"/audit?organisation={world.crew.organisation.name}"
    )
    shown(staff, f"/audit/{theirs.number}")


@pytest.mark.parametrize(
    ("asked", "finds"),
    [
        ("who=Connie", True), ("who=nobody-of-this-name", False), ("action=submission.received", True),
        ("action=list.closed", False), ("from=2020-01-01", True), ("until=2020-01-01", False),
        ("from=2020-01-01&until=2999-01-01&action=submission.received", True), ("subject=%00", True),
    ],
)  # fmt: skip
def test_each_filter_narrows_what_is_found(world: World, staff: Client, asked: str, finds: bool) -> None:
    submission = world.stage(csv_of(range(3)))
    event = AuditEvent.objects.get(action="submission.received")
    name = event.actor_label.split()[0]
    asked = asked.replace("Connie", name)
    assert (f'href="/audit/{event.number}"' in shown(staff, f"/audit?{asked}")) is finds
    assert f'href="/audit/{event.number}"' in shown(staff, f"/audit?subject={submission.id}")


def test_a_day_that_is_none_is_said_at_its_field(staff: Client) -> None:
    page = shown(staff, "/audit?from=yesterday", 400)
    assert 'href="#from"' in page
    assert 'value="yesterday"' in page
    assert "<title>Error: " in page


def test_pages_keep_the_filter_and_cost_the_same_whatever_they_show(world: World, staff: Client) -> None:
    for _ in range(60):
        record(
            Action.LIST_CHANGED, actor=world.crew.admin.actor, subject_type="list",
            subject_id=world.hash_list.id,
            organisation_id=world.crew.organisation.id, now=NOW,
        )  # fmt: skip
    few, many = (queries(staff, f"/audit?action={one}") for one in ("list.created", "list.changed"))
    assert few == many
    page = shown(staff, "/audit?action=list.changed")
    following = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert following.startswith("?action=list.changed&")
    assert shown(staff, f"/audit{following}").count("list.changed</code>") == 10


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as taken:
        assert client.get(address).status_code == 200
    return len(taken)


def test_no_digest_of_a_file_is_shown_in_full(world: World, staff: Client) -> None:
    submission = world.stage(csv_of(range(3)))
    for event in AuditEvent.objects.all():
        page = shown(staff, f"/audit/{event.number}").replace("<wbr>", "")
        assert submission.upload_sha256 not in page
        assert event.digest in page
    assert submission.upload_sha256 not in said(staff.get("/audit.csv"))


def test_the_export_runs_no_formula_and_keeps_hostile_names_readable(staff: Client) -> None:
    create_organisation(name="=HYPERLINK(1)", kind="ngo", jurisdiction="NL", actor=cast.HOST, now=NOW)
    create_organisation(name=HOSTILE_NAME, kind="ngo", jurisdiction="NL", actor=cast.HOST, now=NOW)
    answer = staff.get("/audit.csv?action=organisation.created")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    body = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(body)))
    names = {row["Organisation"] for row in rows}
    assert {"'=HYPERLINK(1)", HOSTILE_NAME} <= names
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t" and cell]


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", " =1", "\ufeff=1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert list(lines(["a"], [[cell, -5]]))[1].endswith(",-5\r\n")


def test_the_chain_is_recomputed_on_request_and_a_change_is_seen(world: World, staff: Client) -> None:
    world.stage(csv_of(range(3)))
    assert "The chain holds." in said(staff.post("/audit/chain"))
    AuditEvent.objects.filter(action="submission.received").update(actor_label="Somebody Else")
    told = said(staff.post("/audit/chain"))
    assert "The chain does not hold" in told
    assert 'role="alert"' in told


# System


def test_the_system_page_says_what_fails_and_expires(world: World, staff: Client) -> None:
    release_one(world)
    lumen = cast.lumen(now=NOW)
    endpoint_of(
        lumen, "https://hooks.example.org/x", failing_since=NOW, failures=7, last_error="503 <b>busy</b>"
    )
    page = shown(staff, "/system")
    assert "hooks.example.org" in page
    assert "503 &lt;b&gt;busy&lt;/b&gt;" in page
    assert "https://hooks.example.org/x" not in page
    assert "Validate" in page
    assert "<dt>Active</dt>" in page
    few = queries(staff, "/system")
    for n in range(30):
        endpoint_of(lumen, f"https://h{n}.example.org/", failing_since=NOW + timedelta(hours=1))
    assert queries(staff, "/system") == few
    assert Endpoint.objects.count() == 31
    assert "There are more." in shown(staff, "/system")
    staff.post("/language", {"language": "fr", "next": "/system"})
    assert "<dt>Actif</dt>" in shown(staff, "/system")


@pytest.mark.parametrize("address", ["/system", "/audit/chain"])
def test_members_do_not_see_how_the_exchange_is_run(address: str) -> None:
    shown(signed_in(cast.harbor(now=NOW).admin.user), address, 403)


def test_everybody_sees_the_status_and_the_keys(world: World) -> None:
    release = release_one(world)
    page = shown(Client(), "/status")
    assert "The exchange is working" in page or "Something does not work" in page
    keys = shown(Client(), "/keys")
    assert world.crew.organisation.name not in keys  # its list is for members: strangers do not see the key
    assert world.crew.organisation.name in shown(signed_in(cast.lumen(now=NOW).viewer.user), "/keys")
    assert release.number == 1


# Search


def test_search_finds_by_name_and_reference_what_the_reader_may_see(world: World) -> None:
    release = release_one(world)
    submission = world.stage(csv_of(range(50, 53)))
    own = signed_in(world.crew.viewer.user)
    title = world.hash_list.title
    for asked, address in (
        (title[2:8].upper(), f"/lists/{world.hash_list.id}"),
        (world.hash_list.id, f"/lists/{world.hash_list.id}"),
        (f"{title} {release.number}", f"/lists/{world.hash_list.id}/releases/1"),
        (submission.reference, f"/submissions/{submission.id}"),
        (submission.reference.lower(), f"/submissions/{submission.id}"),
        (str(submission.id), f"/submissions/{submission.id}"),
    ):
        assert f'href="{address}"' in shown(own, f"/search?q={asked}"), asked
    stranger = signed_in(cast.northland(now=NOW).viewer.user)
    assert str(submission.id) not in shown(stranger, f"/search?q={submission.id}").replace(
        f"“<bdi>{submission.id}</bdi>”", ""
    ).replace(f"q%3D{submission.id}", "").replace(f"q={submission.id}", "")


def test_a_private_list_and_its_publisher_are_not_found_by_strangers(world: World) -> None:
    type(world.hash_list).objects.update(audience="named")
    stranger = signed_in(cast.northland(now=NOW).viewer.user)
    for asked in (world.hash_list.title[:6], world.hash_list.id, world.crew.organisation.name):
        assert "Nothing that you may see" in shown(stranger, f"/search?q={asked}")


@pytest.mark.parametrize(
    "asked", ["", "%00", "%25", "_", "'; DROP TABLE", "\u202e" * 5, "x" * 5_000, "9" * 40]
)
def test_search_takes_any_text(asked: str, staff: Client) -> None:
    shown(staff, f"/search?q={asked}")


def test_nobody_searches_without_signing_in() -> None:
    assert Client().get("/search?q=x").headers["Location"].startswith("/sign-in")
    assert Release.objects.count() == 0
