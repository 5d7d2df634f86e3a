"""Slow strangers before the shipped nginx file hold connections of nginx, and nothing of the exchange."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from hashsets.intake.models import Submission
from tests import cast
from tests.deploy.proxied import NGINX, Proxy, nginx, proxied
from tests.deploy.test_receivers import free_port, wait_for
from tests.exchange.api.conftest import PUBLISHER_SCOPES, key_of
from tests.exchange.world import new_list
from tests.hashsets.releases.world import NOW

LIST = "a" * 26
WHOLE_FILES = (f"/api/v1/lists/{LIST}/submissions?mode=add", f"/lists/{LIST}/submissions/new/file")
PARTS = (
    f"/api/v1/uploads/{uuid.UUID(int=7)}",
    "/api/v1/benign",
    "/organisation/benign",
    "/ceremonies/import",
)
CSV = b"sha256\n" + b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() + b"\n" for n in range(5_000))


class Upstream:
    """Stands for the exchange and counts who comes; answers each whole head with 204."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with sock, sock.makefile("rb") as sent:
                    head = b"".join(iter(sent.readline, b"\r\n"))
                    self.heads.append(head)
                    length = re.search(rb"(?i)content-length: (\d+)", head)
                    sent.read(int(length[1]) if length else 0)
                    sock.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=20)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


@pytest.fixture
def stub(upstream: Upstream, tmp_path: Path) -> Iterator[Proxy]:
    with proxied(upstream.address, "", tmp_path) as made:
        yield made


@pytest.fixture
def proxy(live_server: LiveServer, tmp_path: Path) -> Iterator[Proxy]:
    with proxied(live_server.url.removeprefix("http://"), "", tmp_path) as made:
        yield made


def connect(proxy: Proxy, first: bytes, *, address: str = "127.0.0.1") -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=20, source_address=(address, 0))
    made = proxy.trust.wrap_socket(plain, server_hostname="127.0.0.1")
    made.sendall(first)
    return made


def head(path: str, length: int, *fields: str, method: str = "POST") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *fields)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_a_slow_body_does_not_reach_the_exchange_until_it_is_whole(stub: Proxy, upstream: Upstream) -> None:
    with contextlib.ExitStack() as dripping:
        slow = [
            dripping.enter_context(connect(stub, head("/sign-in", 3, "Cookie: hx_csrf=a") + b"a"))
            for _ in range(40)
        ]
        assert stub.get("/healthz").status_code == 204
        assert [one for one in upstream.heads if one.startswith(b"POST")] == []
        slow[0].sendall(b"bc")
        assert slow[0].recv(4_096).startswith(b"HTTP/1.1 204")
        assert [one for one in upstream.heads if one.startswith(b"POST")] != []


def test_one_address_has_so_many_requests_at_once_and_another_is_not_touched(stub: Proxy) -> None:
    with contextlib.ExitStack() as dripping:
        for _ in range(64):
            dripping.enter_context(connect(stub, head("/sign-in", 900) + b"a"))
        assert stub.get("/healthz").status_code == 429
        answer = stub.get("/healthz")
        assert (answer.headers["retry-after"], answer.headers["content-type"]) == (
            "5",
            "text/plain; charset=utf-8",
        )
        assert "Try again in a few seconds.\n\nTrop de requêtes" in answer.text
        with connect(stub, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", address="127.0.0.9") as other:
            assert other.recv(4_096).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("path", ["/sign-in", "/api/v1/lists", "/apply/begin", f"/lists/{LIST}/settings"])
def test_elsewhere_bodies_are_small(stub: Proxy, upstream: Upstream, path: str) -> None:
    assert stub.client.post(stub.url + path, content=b"x" * 1_048_577).status_code == 204
    upstream.heads.clear()
    with connect(stub, head(path, 2_000_000)) as large:
        assert large.recv(4_096).startswith(b"HTTP/1.1 413")
    assert upstream.heads == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [*WHOLE_FILES, *PARTS])
def test_a_stranger_s_upload_is_refused_before_its_body(proxy: Proxy, path: str) -> None:
    for field in (
        "X-A: b",
        f"Authorization: Bearer hx_live_{'a' * 38}",
        "Cookie: hx_session=abc; __Host-hx_session=abc",
    ):
        method = "PATCH" if "uploads/" in path else "POST"
        length = 8_000_000_000 if path in WHOLE_FILES else 16_000_000
        with connect(proxy, head(path, length, field, method=method)) as stranger:
            answer = stranger.recv(65_536).decode()
        if path.startswith("/api/"):
            assert answer.startswith("HTTP/1.1 401"), answer
            assert re.search(r'"code":"(unauthenticated|credential\.[a-z_]+)"', answer), answer
            assert 'WWW-Authenticate: Bearer realm="hash-exchange"' in answer
        else:
            assert answer.startswith("HTTP/1.1 303"), answer
            assert f"Location: /sign-in?next={path}\r\n" in answer


@pytest.mark.django_db(transaction=True)
def test_who_is_known_uploads_as_without_nginx(proxy: Proxy) -> None:
    # Larger than what is taken anywhere else.
    content = CSV * 4
    assert len(content) > 1_200_000
    crew = cast.harbor(now=NOW)
    made, headers = new_list(crew), {"Authorization": f"Bearer {key_of(crew, PUBLISHER_SCOPES).key}"}
    api = f"{proxy.url}/api/v1"

    def ask(method: str, path: str, **more: Any) -> httpx.Response:
        headers_ = {**headers, "Host": "localhost", **more.pop("headers", {})}
        return proxy.client.request(method, api + path, headers=headers_, **more)

    whole = ask(
        "POST",
        f"/lists/{made.id}/submissions?mode=add",
        content=content,
        headers={"Content-Type": "text/csv"},
    )
    assert whole.status_code == 202, whole.text
    facts = {"list_id": made.id, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    upload = ask("POST", "/uploads", json=facts)
    assert upload.status_code == 201, upload.text
    part = {
        "Upload-Offset": "0",
        "Upload-Checksum": f"sha256 {facts['sha256']}",
        "Content-Type": "application/octet-stream",
    }
    sent = ask("PATCH", f"/uploads/{upload.json()['id']}", content=content, headers=part)
    assert (sent.status_code, sent.json()["offset"]) == (200, len(content))
    assert ask("GET", f"/lists/{made.id}/submissions").status_code == 200
    assert Submission.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_question_of_the_proxy_is_asked_by_nobody_else(proxy: Proxy) -> None:
    for path in ("/admission", "/_admission", "/%61dmission"):
        assert proxy.get(path).status_code == 404, path


@pytest.mark.django_db
def test_admission_is_for_keys_and_for_people_who_are_signed_in() -> None:
    crew = cast.harbor(now=NOW)
    client = Client()
    assert client.get("/admission")["X-Refusal-Code"] == "unauthenticated"
    wrong = client.get("/admission", headers={"Authorization": "Bearer nonsense"})
    assert (wrong.status_code, wrong["X-Refusal-Code"]) == (401, "credential.unknown")
    key = key_of(crew, PUBLISHER_SCOPES).key
    assert client.get("/admission", headers={"Authorization": f"Bearer {key}"}).status_code == 204
    assert client.post("/admission").status_code == 405
    client.force_login(crew.contributor.user)
    assert client.get("/admission").status_code == 204


def test_no_address_writes_a_header(stub: Proxy) -> None:
    for path in (
        "/lists/a%0d%0aX-Own:%20b/submissions/new/file",
        f"/lists/{LIST}/submissions/new/file?%0d%0aX-Own: b",
    ):
        with connect(stub, head(path.replace(" ", "%20"), 5_000)) as sock:
            assert "\r\nX-Own" not in sock.recv(65_536).decode()


ADDRESSES = {
    "192.0.2.7": "192.0.2.7",
    "::ffff:192.0.2.7": "192.0.2.7",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1:2:",
    "2001:db8:1:2::6": "2001:db8:1:2:",
    "2001:db8:1:3::6": "2001:db8:1:3:",
    "2001:db8:1::6": "2001:db8:1::",
    "2001:db8::6": "2001:db8::",
    "2001:db8:0:1:0:0:0:6": "2001:db8:0:1:",
    "::1": "::",
}


def test_an_ipv6_customer_is_one_address(tmp_path: Path) -> None:
    """The shipped map, asked by a real nginx that believes what it is told of addresses."""
    found = re.search(
        r"(?s)map \$remote_addr \$exchange_client \{.*?\n\}", (NGINX / "exchange.conf").read_text()
    )
    assert found is not None
    port = free_port()
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} "
        f"http {{ access_log off; {found[0]} server {{ listen 127.0.0.1:{port}; set_real_ip_from 127.0.0.1; "
        'real_ip_header X-Real-IP; location / { default_type text/plain; return 200 "$exchange_client"; } } }'
    )
    process = subprocess.Popen([nginx(), "-p", tmp_path, "-c", tmp_path / "nginx.conf"])
    try:
        wait_for(port)
        said = {
            one: httpx.get(f"http://127.0.0.1:{port}/", headers={"X-Real-IP": one}, trust_env=False).text
            for one in ADDRESSES
        }
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert said == ADDRESSES
