"""The receivers that members copy: run as programs, and asked by the exchange's own transport."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exchange.push.challenge import ask
from exchange.push.notice import Notice, challenge, compose
from exchange.push.schedule import Outcome
from exchange.push.signature import NoticeSigner, signed_content, signed_headers
from exchange.push.transport import Post
from tests.cast import NOW
from tests.exchange.push.test_notice import news
from tests.exchange.world import PUSH_KEY, SIGNER

RECEIVERS = Path(__file__).resolve().parents[2] / "deploy" / "receivers"
ENDPOINT = uuid.UUID("6b1f5d1e-0000-4000-8000-000000000001")
SECRET, OLD_SECRET = b"n" * 32, b"o" * 32
STRANGER = Ed25519PrivateKey.generate()


def without(program: str, what: str) -> NoReturn:
    """Nothing is left out in CI, which installs it."""
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing: {what} was not tried")
    pytest.skip(f"{program} is missing: {what} is not tried here")


def without_node(what: str) -> None:
    if shutil.which("node") is None:
        without("node", what)


@dataclass(frozen=True, slots=True)
class Running:
    """A receiver in a process of its own. `failing`: while this file exists it cannot act."""

    url: str
    told: Path
    failing: Path

    def post(self, notice: Notice, headers: dict[str, str]) -> httpx.Response:
        return httpx.post(self.url, content=notice.body, headers=headers, timeout=20)

    def acts(self) -> list[Any]:
        return [json.loads(line) for line in self.told.read_text().splitlines()]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module", params=["django", "express"])
def receiver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    kind, port = str(request.param), free_port()
    if kind == "express":
        without_node("the Express receiver")
    program = {"django": [sys.executable, "example.py"], "express": ["node", "example.js"]}[kind]
    folder = tmp_path_factory.mktemp(kind)
    yield from started(program, RECEIVERS / kind, environment_of(folder), folder, port)


def environment_of(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HASH_EXCHANGE_SECRETS": " ".join(shown(one) for one in (SECRET, OLD_SECRET)),
        "HASH_EXCHANGE_PUSH_KEY": "whpk_"
        + base64.b64encode(PUSH_KEY.public_key().public_bytes_raw()).decode(),
        "HASH_EXCHANGE_ENDPOINT": str(ENDPOINT),
        "HASH_EXCHANGE_FAIL": str(folder / "failing"),
    }


def started(
    program: Sequence[str], cwd: Path, environment: Mapping[str, str], folder: Path, port: int
) -> Iterator[Running]:
    """The program as long as the fixture lives; it is told its port as the last argument."""
    told = folder / "told.jsonl"
    with told.open("w") as out:
        process = subprocess.Popen(
            [*program, str(port)], cwd=cwd, env=environment, stdout=out, stderr=subprocess.DEVNULL
        )
    try:
        wait_for(port)
        yield Running(f"http://127.0.0.1:{port}/hooks/hash-exchange", told, folder / "failing")
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, "the receiver did not start"
        time.sleep(0.1)


def shown(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


_numbers = iter(range(1, 1_000))


def fresh(endpoint: uuid.UUID = ENDPOINT) -> Notice:
    """A notice that no receiver has seen."""
    return compose(endpoint, [news(next(_numbers))])


def signed(
    notice: Notice,
    *,
    secrets: Sequence[bytes] = (SECRET,),
    signer: NoticeSigner = SIGNER,
    late: int = 0,
) -> dict[str, str]:
    at = int(time.time()) - late
    return signed_headers(notice.id, at, notice.body, secrets=secrets, signer=signer)


def test_it_acts_once_on_a_notice_that_comes_again_and_again(receiver: Running) -> None:
    notice, before = fresh(), len(receiver.acts())
    for _ in range(3):
        assert receiver.post(notice, signed(notice)).status_code == 204
    (told,) = receiver.acts()[before:]
    assert told == [{"list_id": next(iter(notice.releases)), "release": 7}]


def test_during_a_rotation_either_secret_will_do(receiver: Running) -> None:
    for secrets in ((SECRET, OLD_SECRET), (OLD_SECRET,), (b"x" * 32, SECRET)):
        notice = fresh()
        assert receiver.post(notice, signed(notice, secrets=secrets)).status_code == 204


def only(version: str, headers: dict[str, str]) -> dict[str, str]:
    kept = [one for one in headers["webhook-signature"].split(" ") if one.startswith(version + ",")]
    return {**headers, "webhook-signature": " ".join(kept)}


def saying(notice: Notice, kind: str, **data: Any) -> Notice:
    """Another body under the id of `notice`."""
    body = json.dumps({"type": kind, "data": {"endpoint": str(ENDPOINT), **data}})
    return Notice(notice.id, notice.kind, body.encode(), {})


def refused() -> dict[str, tuple[Notice, dict[str, str], int]]:
    """Everything that is to be refused, and with which status."""
    notice, other = fresh(), fresh(uuid.uuid4())
    changed = Notice(notice.id, notice.kind, notice.body.replace(b'"release":7', b'"release":8'), {})
    renamed = Notice(notice.id, notice.kind, other.body, {})
    long = Notice(notice.id, notice.kind, notice.body + b" " * 16_384, {})
    no_json = Notice(notice.id, notice.kind, b"\xff{", {})
    no_lists = saying(notice, "release.published", lists=[7])
    sign_this = saying(notice, "endpoint.challenge", nonce="1.2.{}")
    good = signed(notice)
    return {
        "no signature": (notice, {**good, "webhook-signature": ""}, 401),
        "v1 alone": (notice, only("v1", good), 401),
        "v1a alone": (notice, only("v1a", good), 401),
        "another secret": (notice, signed(notice, secrets=[b"x" * 32]), 401),
        "another key": (notice, signed(notice, signer=STRANGER.sign), 401),
        "not base64": (notice, {**good, "webhook-signature": "v1,! v1a,! v9,AAAA"}, 401),
        "another body": (changed, good, 401),
        "another id": (notice, {**good, "webhook-id": fresh().id}, 401),
        "no id": (notice, {**good, "webhook-id": ""}, 401),
        "no time": (notice, {**good, "webhook-timestamp": "now"}, 401),
        "six minutes late": (notice, signed(notice, late=360), 401),
        "six minutes early": (notice, signed(notice, late=-360), 401),
        "another endpoint": (other, signed(other), 401),
        "another endpoint's body under this id": (renamed, signed(renamed), 401),
        "too long": (long, signed(long), 400),
        "no JSON": (no_json, signed(no_json), 400),
        "no lists": (no_lists, signed(no_lists), 400),
        "a nonce of another form": (sign_this, signed(sign_this), 400),
    }


def test_it_refuses_everything_that_is_not_the_exchange_now_to_this_endpoint(receiver: Running) -> None:
    before, cases = receiver.acts(), refused()
    answers = {
        name: receiver.post(notice, headers).status_code for name, (notice, headers, _) in cases.items()
    }
    assert answers == {name: status for name, (_, _, status) in cases.items()}
    assert receiver.acts() == before
    assert httpx.get(receiver.url).status_code == 405


def test_what_could_not_be_acted_upon_comes_again(receiver: Running) -> None:
    notice, before = fresh(), len(receiver.acts())
    receiver.failing.touch()
    assert receiver.post(notice, signed(notice)).status_code == 500
    receiver.failing.unlink()
    assert receiver.post(notice, signed(notice)).status_code == 204
    assert len(receiver.acts()) == before + 1


@pytest.mark.django_db
def test_the_exchange_s_own_transport_gets_the_right_answer_to_its_challenge(receiver: Running) -> None:
    nonce = "0a" * 32
    notice = challenge(ENDPOINT, nonce, now=NOW)
    answer = ask(Post(receiver.url, signed(notice), notice.body, connect=5, total=20))
    assert answer.outcome is Outcome.DELIVERED
    expected = hmac.new(SECRET, nonce.encode(), hashlib.sha256).hexdigest()
    assert json.loads(answer.body) == {"answer": expected}


def recorded(folder: Path) -> tuple[Path, Path, Path]:
    """What v1a signs, the signature and the public key, as files."""
    notice = fresh()
    headers = signed(notice)
    encoded = only("v1a", headers)["webhook-signature"].partition(",")[2]
    names = [folder / name for name in ("content", "signature", "key.pem")]
    names[0].write_bytes(signed_content(notice.id, int(headers["webhook-timestamp"]), notice.body))
    names[1].write_bytes(base64.b64decode(encoded))
    names[2].write_bytes(PUSH_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return names[0], names[1], names[2]


def test_openssl_verifies_the_ed25519_signature(tmp_path: Path) -> None:
    content, signature, key = recorded(tmp_path)
    asked: list[str | Path] = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        key,
        "-rawin",
        "-sigfile",
        signature,
        "-in",
    ]
    good = subprocess.run([*asked, content], capture_output=True, check=False)
    assert (good.returncode, good.stdout.strip()) == (0, b"Signature Verified Successfully")
    content.write_bytes(content.read_bytes() + b" ")
    assert subprocess.run([*asked, content], capture_output=True, check=False).returncode != 0


def test_node_s_own_crypto_verifies_the_ed25519_signature(tmp_path: Path) -> None:
    without_node("Node's crypto")
    program = (
        "const [c, s, k] = process.argv.slice(1).map((n) => require('node:fs').readFileSync(n));"
        "console.log(require('node:crypto').verify(null, c, k, s));"
    )
    content, signature, key = recorded(tmp_path)

    def verified() -> bytes:
        return subprocess.run(
            ["node", "-e", program, content, signature, key], capture_output=True, check=True
        ).stdout.strip()

    assert verified() == b"true"
    content.write_bytes(content.read_bytes() + b" ")
    assert verified() == b"false"
