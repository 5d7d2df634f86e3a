"""Looking for a domain's proof: found where it should be, never inside our own walls, and lost after three
nights.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest

from accounts.audit.models import AuditEvent
from accounts.domains.models import DomainProof
from accounts.domains.prove import Look, claim_look, looks_due
from exchange.domains import look
from exchange.domains.look import Seen, look_for
from tests.accounts import cases as given
from tests.cast import NOW
from tests.exchange.push.canary import Canary

TOKEN = "AbCdEfGhIjKlMnOpQrSt"


class NameServer:
    """A name server on loopback that knows a few TXT records and says NXDOMAIN to all else."""

    def __init__(self, records: dict[str, list[str]]) -> None:
        self._records = records
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1#{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                asked, who = self._socket.recvfrom(4_096)
            except OSError:
                return
            query = dns.message.from_wire(asked)
            answer = dns.message.make_response(query)
            name = query.question[0].name.to_text(omit_final_dot=True)
            if name in self._records:
                texts = [f'"{text}"' for text in self._records[name]]
                answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *texts))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), who)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def name_server(settings: Any) -> Iterator[NameServer]:
    records = {
        "_hash-exchange.good.example": ["v=spf1 -all", f"hash-exchange={TOKEN}"],
        "_hash-exchange.other.example": ["hash-exchange=SomebodyElse"],
    }
    server = NameServer(records)
    settings.HX_DNS_SERVERS = [server.address]
    yield server
    server.close()


def no_page(_domain: str) -> Seen:
    return Seen()


def test_a_record_in_the_name_server_proves(name_server: NameServer) -> None:
    assert look_for("good.example", TOKEN, page=no_page) == Look("found", "dns")
    assert look_for("other.example", TOKEN, page=no_page).answer == "other_token"
    assert look_for("none.example", TOKEN, page=no_page).answer == "absent"


def test_a_file_on_the_website_proves() -> None:
    lines = ("", f"  hash-exchange={TOKEN}  ")
    found = look_for("x.example", TOKEN, records=lambda _: Seen(), page=lambda _: Seen(lines))
    assert found == Look("found", "file")


def test_a_name_server_that_does_not_answer_says_nothing(settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(look, "DNS_SECONDS", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        settings.HX_DNS_SERVERS = [f"127.0.0.1#{silent.getsockname()[1]}"]
        assert look_for("good.example", TOKEN, page=no_page).answer == "absent"
        assert look.txt_records("good.example").trouble == "unreachable"


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "64:ff9b::7f00:1"])
def test_a_domain_that_points_inwards_is_not_visited(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = Canary()
    family = socket.AF_INET6 if ":" in inside else socket.AF_INET
    where = (inside, canary.port, 0, 0) if ":" in inside else (inside, canary.port)

    def resolved(*_: Any, **__: Any) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 6, "", where)]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    try:
        assert look.web_file("inside.example") == Seen(trouble="refused_address")
        assert canary.visits == 0
    finally:
        canary.close()


@pytest.mark.django_db
def test_a_proof_is_looked_at_again_every_night_and_lapses_at_the_third_miss() -> None:
    case = given.submitted()
    proof = given.proven(case)
    assert (proof.state, proof.due_at) == ("proven", NOW + timedelta(days=1))
    for night, state in ((1, "proven"), (2, "proven"), (3, "lapsed")):
        proof = given.proven(case, answer="absent", now=NOW + timedelta(days=night))
        assert proof.state == state
    assert given.proven(case, now=NOW + timedelta(days=4)).state == "proven"
    told = AuditEvent.objects.filter(action__startswith="domain.").order_by("number")
    assert [one.action for one in told] == [
        "domain.claimed",
        "domain.proven",
        "domain.lapsed",
        "domain.proven",
    ]
    assert proof.token not in str([one.facts for one in told])


@pytest.mark.django_db
def test_one_worker_looks_at_a_proof_and_one_that_died_holds_it_for_two_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = given.submitted()
    waiting = list(looks_due(NOW, 10))
    assert waiting == [case.domain_proof.id]
    assert claim_look(waiting[0], now=NOW) is not None
    assert claim_look(waiting[0], now=NOW) is None
    assert look.look_at(waiting[0], now=NOW) is None
    later = NOW + timedelta(minutes=2)
    monkeypatch.setattr(look, "look_for", lambda domain, token: Look("found", "dns"))
    found = look.look_at(waiting[0], now=later)
    assert found is not None
    assert found.state == "proven"
    assert not looks_due(later, 10)


@pytest.mark.django_db
def test_a_proof_that_never_comes_is_given_up_after_sixty_days() -> None:
    case = given.submitted()
    late = NOW + timedelta(days=61)
    assert given.proven(case, answer="absent", now=NOW).due_at is not None
    given.proven(case, answer="absent", now=late)
    assert DomainProof.objects.get().due_at is None


def test_it_may_be_asked_from_within_a_loop() -> None:
    async def ask() -> str:
        return look.web_file("127.0.0.1").trouble

    # In a thread, because the browser tests leave a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as own:
        assert own.submit(lambda: asyncio.run(ask())).result() == "refused_address"
