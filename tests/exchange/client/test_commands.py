"""The commands around syncing, as a person or a script meets them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from exchange.client import cli
from tests.exchange.client.conftest import Hashx
from tests.exchange.client.exchange_server import KEY, Answer, ExchangeServer
from tests.exchange.client.publisher import (
    Directory,
    Officers,
    Publisher,
    hashes,
    operations,
    root_bytes,
    rows,
)


def test_init_refuses_a_root_that_is_not_the_pinned_one(
    exchange: ExchangeServer, directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Hashx(tmp_path / "fresh", tmp_path / "lists", monkeypatch)
    ran = member.run("init", "--url", exchange.url, "--key", KEY, "--fingerprint", "ab" * 32)
    assert (ran.exit, ran.document["error"]["code"]) == (10, "root.not_pinned")
    assert not (member.home / "config.json").exists()


def test_init_takes_the_root_itself_as_well(
    exchange: ExchangeServer, directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Hashx(tmp_path / "fresh", tmp_path / "lists", monkeypatch)
    (tmp_path / "root.json").write_bytes(directory.root)
    ran = member.run("init", "--url", exchange.url, "--key", KEY, "--root", str(tmp_path / "root.json"))
    assert (ran.exit, ran.document["organisation"]) == (0, "Lumen"), ran.err


def test_init_refuses_an_exchange_whose_directory_is_not_that_of_the_given_root(
    exchange: ExchangeServer, directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Hashx(tmp_path / "fresh", tmp_path / "lists", monkeypatch)
    (tmp_path / "root.json").write_bytes(root_bytes("directory", Officers(), directory.online))
    ran = member.run("init", "--url", exchange.url, "--key", KEY, "--root", str(tmp_path / "root.json"))
    assert ran.exit == 10
    assert not (member.home / "config.json").exists()


def test_init_asks_for_nothing_when_nobody_is_there(
    exchange: ExchangeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Hashx(tmp_path / "fresh", tmp_path / "lists", monkeypatch)
    ran = member.run("init", "--url", exchange.url, "--key", KEY)
    assert (ran.exit, ran.document["error"]["field"]) == (1, "--fingerprint")


def test_init_with_a_key_that_is_not_known(
    exchange: ExchangeServer, directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = Hashx(tmp_path / "fresh", tmp_path / "lists", monkeypatch)
    (tmp_path / "root.json").write_bytes(directory.root)
    ran = member.run("init", "--url", exchange.url, "--key", "wrong", "--root", str(tmp_path / "root.json"))
    assert (ran.exit, ran.document["error"]["code"]) == (3, "credential.unknown")


@pytest.mark.parametrize(
    "url", ["http://exchange.example", "ftp://127.0.0.1", "exchange.example", "https://a:b@c"]
)
def test_a_key_is_not_sent_where_it_could_be_read(hashx: Hashx, url: str) -> None:
    ran = hashx.run("init", "--url", url, "--key", KEY, "--fingerprint", "ab" * 32)
    assert (ran.exit, ran.document["error"]["code"]) == (1, "usage.url")


def test_the_key_is_readable_by_its_owner_only(hashx: Hashx) -> None:
    key = hashx.home / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    ran = hashx.run("lists")
    assert (ran.exit, ran.document["error"]["code"]) == (1, "home.key_readable")


def test_a_second_exchange_needs_a_second_home(hashx: Hashx, directory: Directory, tmp_path: Path) -> None:
    other = ExchangeServer(tmp_path / "served")
    other.start()
    (tmp_path / "root.json").write_bytes(directory.root)
    ran = hashx.run("init", "--url", other.url, "--key", KEY, "--root", str(tmp_path / "root.json"))
    other.stop()
    assert (ran.exit, ran.document["error"]["code"]) == (1, "home.other_exchange")


def test_a_command_before_init_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Hashx(tmp_path / "nowhere", tmp_path, monkeypatch).run("lists")
    assert (ran.exit, ran.document["error"]["code"]) == (1, "home.not_initialised")


def test_wrong_options_are_exit_1_and_not_the_networks_2(hashx: Hashx) -> None:
    assert hashx.run("sync", "--nonsense").exit == 1
    assert hashx.run("nonsense").exit == 1


def test_lists_walks_every_page(
    hashx: Hashx, exchange: ExchangeServer, publisher: Publisher, tmp_path: Path
) -> None:
    exchange.lists.append({**exchange.lists[0], "id": "b" * 26, "title": "Another"})
    ran = hashx.run("lists")
    assert [(one["title"], one["subscribed"]) for one in ran.document["lists"]] == [
        ("Known files", True),
        ("Another", False),
    ]


def test_subscribe_makes_sync_fetch_the_list(
    hashx: Hashx, exchange: ExchangeServer, publisher: Publisher
) -> None:
    publisher.release({"sha256": operations(rows(hashes(10, seed=1), 1))})
    exchange.subscribed.clear()
    assert hashx.sync().document["lists"] == []
    assert hashx.run("subscribe", publisher.list_id).exit == 0
    assert hashx.sync().synced["release"] == 1


def test_one_refused_list_does_not_keep_the_others_back(hashx: Hashx, publisher: Publisher) -> None:
    publisher.release({"sha256": operations(rows(hashes(10, seed=1), 1))})
    ran = hashx.sync("c" * 26, publisher.list_id)
    assert ran.exit == 3
    assert [one.get("release") for one in ran.document["lists"]] == [None, 1]


@pytest.mark.parametrize("list_id", ["../../etc", "directory", "", "A" * 26])
def test_a_list_id_never_leads_out_of_the_folder(hashx: Hashx, list_id: str) -> None:
    ran = hashx.sync(list_id)
    assert ran.exit in (1, 3)
    assert not hashx.into.exists()


def test_confirm_says_it_again(hashx: Hashx, exchange: ExchangeServer, publisher: Publisher) -> None:
    manifest = publisher.release({"sha256": operations(rows(hashes(10, seed=1), 1))})
    hashx.sync()
    ran = hashx.run("confirm", "--into", str(hashx.into))
    assert ran.document["confirmed"] == [
        {"list_id": publisher.list_id, "release": 1, "state_root": manifest.root}
    ]
    assert len(exchange.confirmations) == 2


def submission(state: str, **facts: object) -> dict[str, object]:
    counts = {"rows": 3, "adds": 2, "updates": 0, "removals": 0, "unchanged": 0, "problems": 1}
    said = {"id": "5", "reference": "HX-2026-0001", "list_id": "b" * 26, "mode": "add", "state": state}
    return {**said, "rows_done": 3, "rows_expected": 3, "counts": counts, "refused": None, **facts}


def answers(*documents: dict[str, object]) -> Callable[[], Answer]:
    """One answer after the other, the last one for ever."""
    left = list(documents)
    return lambda: (200, json.dumps(left.pop(0) if len(left) > 1 else left[0]).encode())


PROBLEM = {
    "line": 3,
    "field": "sha256",
    "code": "hash.unreadable",
    "message": "Not hexadecimal.",
    "advice": "",
}


def test_submit_waits_until_the_file_is_read_and_shows_its_problems(
    hashx: Hashx, exchange: ExchangeServer, tmp_path: Path
) -> None:
    file = tmp_path / "new.csv"
    file.write_bytes(b"sha256\r\n" + b"ab" * 32 + b"\r\n")
    exchange.submission = submission("received")
    exchange.answers["api/v1/submissions/5"] = answers(submission("validating"), submission("staged"))
    exchange.answers["api/v1/submissions/5/problems"] = (200, json.dumps({"items": [PROBLEM]}).encode())
    exchange.answers["api/v1/submissions/5/problems.csv"] = (200, b"line,code\n")
    ran = hashx.run(
        "submit", "b" * 26, str(file), "--mode", "add", "--urgent", "--note", "Märchen & Co", "--problems",
        str(tmp_path / "problems.csv"),
    )  # fmt: skip
    assert ran.exit == 0, ran.err
    assert (ran.document["submission"]["state"], ran.document["problems"]) == ("staged", [PROBLEM])
    assert (tmp_path / "problems.csv").read_bytes() == b"line,code\n"
    query, body = exchange.uploads[0]
    assert body == file.read_bytes()
    assert parse_qs(query) == {"mode": ["add"], "urgent": ["true"], "note": ["Märchen & Co"]}
    headers = next(headers for method, _, headers in exchange.requests if method == "POST")
    assert headers["Content-Type"] == "text/csv"
    assert headers["Content-Length"] == str(file.stat().st_size)


def test_a_submission_that_is_refused_is_exit_1(
    hashx: Hashx, exchange: ExchangeServer, tmp_path: Path
) -> None:
    file = tmp_path / "new.csv"
    file.write_bytes(b"sha256\n")
    why = {"code": "submission.no_change", "message": "Nothing would change."}
    exchange.submission = submission("refused", counts={}, refused=why)
    ran = hashx.run("submit", "b" * 26, str(file))
    assert (ran.exit, ran.document["submission"]["refused_code"]) == (1, "submission.no_change")


def test_what_the_exchange_refuses_keeps_its_code_and_advice(
    hashx: Hashx, exchange: ExchangeServer, tmp_path: Path
) -> None:
    file = tmp_path / "new.csv"
    file.write_bytes(b"sha256\n")
    problem = {
        "status": 409,
        "code": "list.closed",
        "detail": "This list is closed.",
        "advice": "Open another.",
    }
    exchange.answers[f"api/v1/lists/{'b' * 26}/submissions"] = (409, json.dumps(problem).encode())
    ran = hashx.run("submit", "b" * 26, str(file))
    assert ran.document["error"] == {
        "code": "list.closed",
        "message": "This list is closed.",
        "advice": "Open another.",
        "exit": 1,
    }


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"%PDF", b"\xff\xd8\xff"])
def test_what_is_no_list_is_not_uploaded(
    hashx: Hashx, exchange: ExchangeServer, tmp_path: Path, start: bytes
) -> None:
    (tmp_path / "file").write_bytes(start + b"rest")
    ran = hashx.run("submit", "b" * 26, str(tmp_path / "file"))
    assert (ran.exit, exchange.uploads) == (18, [])


def test_an_exchange_that_asks_for_patience_is_given_it(hashx: Hashx, exchange: ExchangeServer) -> None:
    who = exchange.lists
    busy = [(503, b""), (429, b"")]
    page = json.dumps({"items": who, "next": None}).encode()
    exchange.answers["api/v1/lists"] = lambda: busy.pop(0) if busy else (200, page)
    assert hashx.run("lists").exit == 0
    assert busy == []


def test_something_else_at_that_address_is_named(hashx: Hashx, exchange: ExchangeServer) -> None:
    exchange.answers["api/v1/lists"] = (200, b"<html>Welcome</html>")
    ran = hashx.run("lists")
    assert (ran.exit, ran.document["error"]["code"]) == (2, "network.not_an_exchange")


def test_titles_cannot_command_the_terminal(
    hashx: Hashx, exchange: ExchangeServer, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.lists[0]["title"] = "\x1b[2JInnocent"
    out = io.StringIO()
    monkeypatch.setenv("HASHX_HOME", str(hashx.home))
    monkeypatch.setattr(sys, "argv", ["hashx", "lists"])
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit):
        cli.main()
    assert "Innocent" in out.getvalue()
    assert "\x1b" not in out.getvalue()
