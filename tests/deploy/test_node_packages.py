"""What members have in their Node projects: the stock Standard Webhooks library, and Express itself.

The packages are installed from a lock with digests, by npm, into a folder of the test run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from exchange.push.notice import Notice
from tests.deploy.test_receivers import (
    ENDPOINT,
    OLD_SECRET,
    SECRET,
    Running,
    environment_of,
    free_port,
    fresh,
    only,
    shown,
    signed,
    started,
    without,
)

PROJECT = Path(__file__).with_name("node")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("node")]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`node_modules` as locked; what the lock does not name by digest is not installed."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            without(program, "stock Node packages")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(PROJECT / name, folder / name)
    done = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        without("an npm registry", f"stock Node packages ({done.stderr.strip()[-300:]})")
    return folder / "node_modules"


@pytest.fixture(scope="module")
def express(modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, port = tmp_path_factory.mktemp("express"), free_port()
    environment = environment_of(folder) | {"NODE_PATH": str(modules)}
    yield from started(["node", "express-app.js"], PROJECT, environment, folder, port)


def verdict(modules: Path, notice: Notice, headers: dict[str, str], secret: bytes) -> str:
    asked = {"secret": shown(secret), "body": notice.body.decode(), "headers": headers}
    return subprocess.run(
        ["node", "verify.js"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(modules)},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_stock_library_verifies_a_notice_by_its_hmac_in_the_mixed_header(modules: Path) -> None:
    notice = fresh()
    headers = signed(notice)
    versions = [one.partition(",")[0] for one in headers["webhook-signature"].split(" ")]
    assert versions == ["v1", "v1a"]
    assert verdict(modules, notice, headers, SECRET) == "release.published"
    assert verdict(modules, notice, headers, OLD_SECRET) == "refused"
    assert verdict(modules, notice, only("v1a", headers), SECRET) == "refused"
    other = Notice(notice.id, notice.kind, notice.body.replace(b'"release":7', b'"release":8'), {})
    assert verdict(modules, other, headers, SECRET) == "refused"


def test_the_stock_library_verifies_with_either_secret_during_a_rotation(modules: Path) -> None:
    notice = fresh()
    headers = signed(notice, secrets=(SECRET, OLD_SECRET))
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, OLD_SECRET):
        assert verdict(modules, notice, headers, secret) == "release.published"


def test_express_itself_runs_our_receiver(express: Running) -> None:
    notice, before = fresh(), len(express.acts())
    for _ in range(2):
        assert express.post(notice, signed(notice)).status_code == 204
    (told,) = express.acts()[before:]
    assert told == [{"list_id": next(iter(notice.releases)), "release": 7}]
    forged = fresh()
    assert express.post(forged, signed(forged, secrets=(b"x" * 32,))).status_code == 401
    assert express.post(forged, only("v1", signed(forged))).status_code == 401
    assert len(express.acts()) == before + 1
    assert str(ENDPOINT) not in httpx.get(express.url).text


def test_behind_a_parser_of_bodies_it_refuses_and_the_parser_works(express: Running) -> None:
    """What is signed are the bytes that came: a parsed body cannot be verified, so nothing is believed."""
    base = express.url.removesuffix("/hooks/hash-exchange")
    assert httpx.post(f"{base}/parsed", json={"a": 1}).json() == {"got": {"a": 1}}
    notice = fresh()
    headers = signed(notice) | {"content-type": "application/json"}
    assert httpx.post(f"{base}/too-late", content=notice.body, headers=headers).status_code == 500
