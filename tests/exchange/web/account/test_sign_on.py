"""Single sign-on against a real provider process: it speaks for its own people, and for nobody else's."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client

from accounts.arrangements.confirm import confirm_proposal
from accounts.audit.models import AuditEvent
from accounts.domains.models import DomainProof, ProofState
from accounts.dual_control.models import Proposal, SecondStepReset
from accounts.errors import NotAllowed, Refusal
from accounts.identity.models import Organisation
from accounts.membership.members import add_member, end_membership
from accounts.sign_on.arrange import Wish, agree_on_second_factor, propose_sign_on, secret_of
from accounts.sign_on.models import SignOn, SignOnBinding
from accounts.vetting.models import Case
from exchange.sign_on.fetch import Unanswered, checked_issuer, fetch_json
from tests import cast
from tests.exchange.web.account.provider import CLIENT, SECRET
from tests.exchange.web.account.test_account import text_of
from tests.exchange.web.stage import signed_in
from tests.services import ROOT, free_port

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Provider:
    issuer: str

    def be(self, *, lie: str = "", **claims: Any) -> None:
        said = json.dumps({"lie": lie, "claims": claims})
        httpx.post(f"{self.issuer}/be", content=said).raise_for_status()


@pytest.fixture(scope="module")
def process() -> Iterator[Provider]:
    port = free_port()
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.exchange.web.account.provider", str(port)], cwd=ROOT
    )
    provider = Provider(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{provider.issuer}/keys")
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield provider
    running.terminate()
    running.wait()


@pytest.fixture
def provider(process: Provider) -> Provider:
    process.be(email="vera.of.harbor@example.org")
    return process


def prove(organisation: Organisation, domain: str = "example.org") -> None:
    """As an application with a look at the domain would have left it."""
    case = Case.objects.create(
        id=f"T-{organisation.id.hex[:8]}",
        purpose="application",
        organisation=organisation,
        email="x@example.org",
        code_digest=organisation.id.hex,
        code_sent_at=cast.NOW,
        created_at=cast.NOW,
        changed_at=cast.NOW,
    )
    DomainProof.objects.create(
        case=case, organisation=organisation, domain=domain, state=ProofState.PROVEN, created_at=cast.NOW
    )


def arranged(crew: cast.Crew, provider: Provider, *, mfa_acr: str = "") -> SignOn:
    prove(crew.organisation)
    wish = Wish(provider.issuer, CLIENT, SECRET, ("example.org",), mfa_acr)
    return set_by_two(crew, wish)


def set_by_two(crew: cast.Crew, wish: Wish, *, now: datetime = cast.NOW) -> SignOn:
    """One admin proposes, the other one makes it."""
    proposal = propose_sign_on(crew.organisation, wish, actor=crew.admin.actor, now=now)
    confirm_proposal(proposal.id, actor=crew.second_admin.actor, now=now)
    return SignOn.objects.get(organisation=crew.organisation)


def leave(client: Client, email: str = "vera.of.harbor@example.org", *, then: str = "/lists") -> str:
    """The address at the provider that the page leads to."""
    page = client.post("/sign-in/organisation", {"email": email, "next": then})
    assert page.status_code == HTTPStatus.OK, text_of(page)
    address: str = page.context["address"]
    return address


def go(client: Client, address: str) -> Any:
    """Through the provider and back, as a browser goes."""
    sent_back = httpx.get(address).headers["Location"]
    parts = urlsplit(sent_back)
    return client.get(f"{parts.path}?{parts.query}")


def test_a_person_signs_in_through_their_organisation_and_still_gives_the_second_step(
    provider: Provider,
) -> None:
    harbor = cast.harbor()
    arranged(harbor, provider)
    code = cast.fresh_code(harbor.viewer.user)
    client = Client()
    back = go(client, leave(client))
    assert back.headers["Location"] == "/sign-in/code?next=%2Flists"
    assert "_auth_user_id" not in client.session
    assert client.post("/sign-in/code", {"code": code, "next": "/lists"}).headers["Location"] == "/lists"
    assert "Vera of Harbor" in text_of(client.get("/account"))
    binding = SignOnBinding.objects.get()
    assert (binding.user, binding.subject) == (harbor.viewer.user, "subject-1")


def test_the_person_is_the_subject_and_not_the_address(provider: Provider) -> None:
    harbor = cast.harbor()
    arranged(harbor, provider)
    first = Client()
    go(first, leave(first))
    provider.be(email="sofia.of.harbor@example.org")  # the same subject, with a colleague's address
    second = Client()
    go(second, leave(second))
    assert second.session["hx_halfway"]["user"] == str(harbor.viewer.user.id)
    provider.be(email="vera.of.harbor@example.org", sub="subject-2")  # the address, given to somebody new
    third = Client()
    assert "did not say who you are" in text_of(go(third, leave(third)))


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "vera.of.harbor@example.org", "email_verified": False},
        {"email": "vera.of.harbor@example.org", "email_verified": "true"},
        {"email": "nobody@example.org"},
        {"email": "lea@lumen.example"},
        {"email": ""},
        {"email": "vera.of.lumen@example.org"},
        {"email": "olive.admin@example.org"},
    ],
)
def test_a_provider_signs_in_people_of_its_organisation_only(
    provider: Provider, claims: dict[str, Any]
) -> None:
    cast.lumen()
    cast.operator()
    arranged(cast.harbor(), provider)
    provider.be(**claims)
    client = Client()
    answer = go(client, leave(client))
    assert "did not say who you are" in text_of(answer)
    assert "hx_halfway" not in client.session
    assert SignOnBinding.objects.count() == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "subject-1\x00"},
        {"sub": "\x00"},
        {"sub": "subject\n1"},
        {"sub": "\ud800"},
        {"sub": "s" * 256},
        {"sub": ["subject-1"]},
        {"email": "vera.of.harbor@example.org\x00"},
        {"email": ["vera.of.harbor@example.org"]},
        {"email": "v" * 255},
        {"acr": "urn:two\x00"},
        {"acr": 2},
    ],
)
def test_a_claim_that_cannot_be_kept_as_it_stands_is_refused(
    provider: Provider, claims: dict[str, Any]
) -> None:
    arranged(cast.harbor(), provider)
    provider.be(**({"email": "vera.of.harbor@example.org"} | claims))
    client = Client()
    answer = go(client, leave(client))
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "is not valid" in text_of(answer)
    assert "hx_halfway" not in client.session
    assert SignOnBinding.objects.count() == 0


def test_two_long_subjects_that_begin_alike_are_two_people(provider: Provider) -> None:
    arranged(cast.harbor(), provider)
    provider.be(email="vera.of.harbor@example.org", sub="s" * 255)
    first = Client()
    assert go(first, leave(first)).status_code == HTTPStatus.FOUND
    provider.be(email="", sub="s" * 255 + "t")
    second = Client()
    assert go(second, leave(second)).status_code == HTTPStatus.UNAUTHORIZED


def test_it_signs_in_nobody_who_left_or_also_acts_elsewhere(provider: Provider) -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    arranged(harbor, provider)
    someone = harbor.viewer.user
    first = Client()
    assert go(first, leave(first)).status_code == HTTPStatus.FOUND
    place = add_member(someone, lumen.organisation, roles=["viewer"], actor=cast.HOST, now=cast.NOW)
    second = Client()
    assert "did not say who you are" in text_of(go(second, leave(second)))
    end_membership(place.id, actor=cast.HOST, now=cast.NOW)
    own = someone.memberships.get(organisation=harbor.organisation)
    end_membership(own.id, actor=harbor.admin.actor, now=cast.NOW)
    third = Client()
    assert "did not say who you are" in text_of(go(third, leave(third)))


@pytest.mark.parametrize(
    "lie",
    ["issuer", "audience", "several", "nonce", "old", "none", "hmac", "key", "own key", "configuration"],
)
def test_a_token_that_breaks_a_rule_is_refused(provider: Provider, lie: str) -> None:
    arranged(cast.harbor(), provider)
    client = Client()
    address = leave(client)
    provider.be(lie=lie, email="vera.of.harbor@example.org")
    answer = go(client, address)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert "hx_halfway" not in client.session


def test_an_answer_is_for_the_browser_that_left_and_for_once(provider: Provider) -> None:
    arranged(cast.harbor(), provider)
    client, other = Client(), Client()
    address = leave(client)
    leave(other)
    assert go(other, address).status_code == HTTPStatus.UNAUTHORIZED, "another browser's state"
    sent_back = urlsplit(httpx.get(address).headers["Location"])
    once = f"{sent_back.path}?{sent_back.query}"
    assert client.get(once).status_code == HTTPStatus.FOUND
    assert client.get(once).status_code == HTTPStatus.UNAUTHORIZED
    assert Client().get("/sign-in/organisation/back?code=x&state=").status_code == HTTPStatus.UNAUTHORIZED


def test_the_provider_replaces_our_second_step_only_when_both_sides_agreed(provider: Provider) -> None:
    harbor, operator = cast.harbor(), cast.operator()
    row = arranged(harbor, provider, mfa_acr="urn:two")
    provider.be(email="vera.of.harbor@example.org", acr="urn:two")
    asked = Client()
    assert go(asked, leave(asked)).headers["Location"].startswith("/sign-in/set-up")
    admin = signed_in(operator.admin.user)
    assert "urn:two" in text_of(admin.get("/organisation/sign-on"))
    assert signed_in(harbor.admin.user).post(f"/organisation/sign-on/{row.id}/agree").status_code == 403
    shown = {"issuer": row.issuer, "acr": row.mfa_acr}
    assert 'name="issuer" value="' + row.issuer in text_of(admin.get("/organisation/sign-on"))
    assert admin.post(f"/organisation/sign-on/{row.id}/agree", shown).status_code == HTTPStatus.FOUND
    client = Client()
    address = leave(client)
    assert "acr_values=urn%3Atwo" in address
    assert go(client, address).headers["Location"] == "/lists"
    assert "Vera of Harbor" in text_of(client.get("/account"))
    provider.be(email="vera.of.harbor@example.org", acr="urn:one")
    weaker = Client()
    assert go(weaker, leave(weaker)).headers["Location"].startswith("/sign-in/set-up")
    wish = Wish(provider.issuer, CLIENT, "", ("example.org",), "urn:other")
    set_by_two(harbor, wish)
    row.refresh_from_db()
    assert row.mfa_agreed_by is None, "agreed was to something else"
    assert secret_of(row) == SECRET, "an empty field keeps the secret"
    assert SECRET not in str(SignOn.objects.values())
    with pytest.raises(Refusal):
        agree_on_second_factor(
            row.id, issuer=row.issuer, acr=row.mfa_acr, actor=cast.stranger().actor, now=cast.NOW
        )


def test_the_exchange_agrees_to_the_provider_that_it_was_shown(provider: Provider) -> None:
    harbor, operator = cast.harbor(), cast.operator()
    row = arranged(harbor, provider, mfa_acr="urn:two")
    SignOn.objects.update(issuer="https://evil.example")
    staff = signed_in(operator.admin.user)
    for shown in ({"issuer": row.issuer, "acr": "urn:two"}, {"issuer": "https://evil.example"}, {}):
        answer = staff.post(f"/organisation/sign-on/{row.id}/agree", shown)
        assert answer.status_code == HTTPStatus.CONFLICT
    row.refresh_from_db()
    assert row.mfa_agreed_by is None


def test_whoever_arranged_it_does_not_agree_for_the_exchange(provider: Provider) -> None:
    harbor, operator = cast.harbor(), cast.operator()
    for person in (harbor.admin, harbor.second_admin):
        add_member(
            person.user, operator.organisation, roles=["exchange-admin"], actor=cast.HOST, now=cast.NOW
        )
    row = arranged(harbor, provider, mfa_acr="urn:two")
    for person in (harbor.admin, harbor.second_admin):
        staff = cast.acting(person.user, operator.organisation)
        with pytest.raises(NotAllowed) as refusal:
            agree_on_second_factor(row.id, issuer=row.issuer, acr=row.mfa_acr, actor=staff, now=cast.NOW)
        assert refusal.value.code == "sign_on.own_agreement"
    agree_on_second_factor(
        row.id, issuer=row.issuer, acr=row.mfa_acr, actor=operator.admin.actor, now=cast.NOW
    )


def test_another_domain_ends_what_the_exchange_agreed_to(provider: Provider) -> None:
    harbor, operator = cast.harbor(), cast.operator()
    row = arranged(harbor, provider, mfa_acr="urn:two")
    agree_on_second_factor(
        row.id, issuer=row.issuer, acr=row.mfa_acr, actor=operator.admin.actor, now=cast.NOW
    )
    set_by_two(harbor, Wish(provider.issuer, CLIENT, "", ("example.org",), "urn:two"))
    row.refresh_from_db()
    assert row.mfa_agreed_by == operator.admin.user, "the same as before"
    DomainProof.objects.update(domain="example.org")
    case = Case.objects.create(
        id="T-more", purpose="application", organisation=harbor.organisation, email="y@example.org",
        code_digest="more", code_sent_at=cast.NOW, created_at=cast.NOW, changed_at=cast.NOW,
    )  # fmt: skip
    DomainProof.objects.create(
        case=case, organisation=harbor.organisation, domain="more.example", state=ProofState.PROVEN,
        created_at=cast.NOW,
    )  # fmt: skip
    set_by_two(harbor, Wish(provider.issuer, CLIENT, "", ("example.org", "more.example"), "urn:two"))
    row.refresh_from_db()
    assert row.mfa_agreed_by is None


def test_a_provider_does_not_speak_for_somebody_whose_second_step_was_taken_away(provider: Provider) -> None:
    harbor, operator = cast.harbor(), cast.operator()
    row = arranged(harbor, provider, mfa_acr="urn:two")
    agree_on_second_factor(
        row.id, issuer=row.issuer, acr=row.mfa_acr, actor=operator.admin.actor, now=cast.NOW
    )
    provider.be(email="vera.of.harbor@example.org", acr="urn:two")
    SecondStepReset.objects.create(user=harbor.viewer.user, at=cast.NOW)
    client = Client()
    assert go(client, leave(client)).headers["Location"].startswith("/sign-in/set-up")
    assert client.get("/sign-in/set-up").headers["Location"].startswith("/sign-in/prove")
    refused = client.get("/sign-in/prove")
    assert refused.status_code == HTTPStatus.FORBIDDEN
    assert "only your password and your mailbox together prove you" in text_of(refused)
    assert "_auth_user_id" not in client.session


def test_the_record_says_who_arranged_the_sign_on_of_a_session(provider: Provider) -> None:
    harbor = cast.harbor()
    row = arranged(harbor, provider)
    code = cast.fresh_code(harbor.viewer.user)
    client = Client()
    go(client, leave(client))
    client.post("/sign-in/code", {"code": code})
    facts = AuditEvent.objects.filter(action="sign_in.succeeded").latest("number").facts
    assert facts["sign_on"] == str(row.id)
    assert facts["issuer"] == provider.issuer
    assert facts["arranged_by"] == str(harbor.admin.user.id)
    assert facts["confirmed_by"] == str(harbor.second_admin.user.id)


def test_an_admin_sets_it_for_proven_domains_alone(provider: Provider) -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    admin = signed_in(harbor.admin.user)
    wish = {"issuer": provider.issuer, "client_id": CLIENT, "secret": SECRET, "domains": ["example.org"]}
    refused = admin.post("/organisation/sign-on", wish)
    assert "has not proven" in text_of(refused)
    prove(harbor.organisation)
    assert admin.post("/organisation/sign-on", wish).headers["Location"] == "/organisation/sign-on"
    page = text_of(admin.get("/organisation/sign-on"))
    assert "waits for a second person" in page
    assert not SignOn.objects.exists(), "nothing changes until another admin confirms it"
    waiting = Proposal.objects.get()
    assert SECRET not in str(Proposal.objects.values())
    own = admin.post(f"/organisation/proposals/{waiting.id}/confirm")
    assert own.status_code == HTTPStatus.FORBIDDEN
    assert AuditEvent.objects.latest("number").facts["code"] == "proposal.second_person"
    other = signed_in(harbor.second_admin.user)
    assert provider.issuer in text_of(other.get("/organisation/proposals"))
    assert other.post(f"/organisation/proposals/{waiting.id}/confirm").status_code == HTTPStatus.FOUND
    assert Proposal.objects.get().sealed_secret == ""
    page = text_of(admin.get("/organisation/sign-on"))
    assert SECRET not in page
    assert provider.issuer in page
    prove(lumen.organisation)
    taken = signed_in(lumen.admin.user).post("/organisation/sign-on", wish)
    assert taken.status_code == HTTPStatus.CONFLICT
    assert signed_in(harbor.viewer.user).get("/organisation/sign-on").status_code == HTTPStatus.FORBIDDEN
    DomainProof.objects.update(state=ProofState.LAPSED)
    gone = Client().post("/sign-in/organisation", {"email": "vera.of.harbor@example.org"})
    assert "No single sign-on covers" in text_of(gone), "a proof that lapsed covers nothing"
    assert admin.post("/organisation/sign-on/remove").status_code == HTTPStatus.FOUND
    assert SignOn.objects.count() == 0


@pytest.mark.parametrize(
    "issuer",
    [
        "http://192.0.2.1/", "https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/",
        "https://2130706433/", "https://0x7f.1/", "ftp://example.org", "https://user:pw@example.org/",
        "https://example.org/?a=b", "https://example.org:22/", "javascript:alert(1)", "", "https://a b.org/",
        "https://①②⑦.0.0.1/", "https://168.63.129.16/", "https://[fd00:ec2::254]/", "https://100.100.100.200/",
    ],
)  # fmt: skip
def test_an_issuer_inside_our_walls_is_refused_and_never_asked(issuer: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked_issuer(issuer)
    assert refusal.value.code == "sign_on.issuer"
    if "?" not in issuer:
        with pytest.raises(Unanswered):
            fetch_json(issuer)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_provider_that_answers_drop_by_drop_is_cut_off(
    scheme: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.sign_on.fetch.SECONDS", 1.0)
    settings.HX_LOOPBACK_ENDPOINTS = True
    # The head of a TLS record of 16 KiB, or of an answer: neither ever ends.
    head, drops = b"\x16\x03\x03\x40\x00" if scheme == "https" else b"HTTP/1.1 200 OK\r\nX: ", 0
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip() -> None:
            nonlocal drops
            line, _ = door.accept()
            with line, suppress(OSError):
                for _ in range(200):  # ten seconds, each wait far below the socket's own time-out
                    line.sendall(head[drops : drops + 1] or b"0")
                    drops += 1
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(Unanswered):
            fetch_json(f"{scheme}://localhost:{door.getsockname()[1]}/keys")
        thread.join()
    assert 0 < drops < 100


@pytest.mark.parametrize("answering", [False, True], ids=["all silent", "the last one answers"])
def test_many_silent_addresses_have_one_time_together(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch, answering: bool
) -> None:
    """Eleven addresses that take no connection, or never answer one, were five seconds each."""
    monkeypatch.setattr("exchange.sign_on.fetch.SECONDS", 1.0)
    settings.HX_LOOPBACK_ENDPOINTS = True
    waited: list[float] = []
    dial, look_up = socket.create_connection, socket.getaddrinfo

    def dialled(address: tuple[str, int], timeout: float) -> socket.socket:
        waited.append(timeout)
        return dial(address, timeout=timeout)

    with ExitStack() as kept:
        silent = socket.create_server(("127.0.0.1", 0), backlog=0)
        kept.enter_context(silent)
        for _ in range(3):  # its queue is full: to whoever dials next it says nothing at all
            filler = kept.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        nowhere, port = silent.getsockname(), urlsplit(provider.issuer).port
        last = ("127.0.0.1", port) if answering else nowhere
        addresses: list[Any] = [(2, 1, 6, "", where) for where in [nowhere] * 11 + [last]]

        def looked_up(host: str, *rest: Any, **more: Any) -> Any:
            return addresses if host == "localhost" else look_up(host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", looked_up)
        monkeypatch.setattr(socket, "create_connection", dialled)
        if answering:
            assert fetch_json(f"http://localhost:{port}/keys")["keys"]
        else:
            with pytest.raises(Unanswered):
                fetch_json(f"http://localhost:{port}/keys")
    assert len(waited) == 12
    assert sum(waited) <= 1.0


def test_a_name_server_that_is_silent_does_not_hold_the_asker(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.sign_on.fetch.SECONDS", 0.2)
    settings.HX_LOOPBACK_ENDPOINTS = True
    until = threading.Event()

    def looked_up(*_: Any, **__: Any) -> Any:
        until.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with pytest.raises(Unanswered):
        fetch_json("http://localhost:1/keys")
    until.set()


def test_outside_the_demo_not_even_loopback_is_asked(provider: Provider, settings: Any) -> None:
    settings.HX_LOOPBACK_ENDPOINTS = False
    with pytest.raises(Unanswered):
        fetch_json(f"{provider.issuer}/keys")


@pytest.mark.parametrize("email", ["", "x", "a@b\x00.org", "@", "x@" + "a" * 300, "vera@example.com"])
def test_strange_addresses_have_no_sign_on(email: str) -> None:
    answer = Client().post("/sign-in/organisation", {"email": email})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
