"""The exchange refuses to start on a missing or malformed value, with a sentence that names it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from exchange.env import fresh_secrets_key, secret_or_demo, secrets_keys

_ROOT = Path(__file__).resolve().parents[2]
_KEY = base64.b64encode(bytes(range(32))).decode()


def start(var: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Load the settings and run the web server's checks, in a process with just this environment."""
    program = (
        "import django; django.setup()\n"
        "from exchange.checks import production_is_closed, demo_stays_at_home, blob_store_is_known\n"
        "found = production_is_closed() + demo_stays_at_home() + blob_store_is_known()\n"
        "print('started', *sorted(message.id for message in found))"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=_ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "exchange.settings",
            "HX_VAR": str(var),
            "PYTHONPATH": str(_ROOT),
            **env,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def production(var: Path, **env: str) -> dict[str, str]:
    secret = var / "secret-key"
    secret.write_text("a-long-Secret-0123456789-for-this-one-test-only-xyz\n")
    return {
        "SECRET_KEY_FILE": str(secret),
        "HX_SECRETS_KEYS": f"k1:{_KEY}",
        "HX_PUBLIC_URL": "https://exchange.example",
        "EMAIL_HOST": "mail.example",
        **env,
    }


def test_it_starts_with_every_secret_given_one_of_them_as_a_file(tmp_path: Path) -> None:
    done = start(tmp_path, **production(tmp_path))
    assert done.stdout == "started\n", done.stderr


@pytest.mark.parametrize("name", ["HX_PUBLIC_URL", "SECRET_KEY_FILE", "HX_SECRETS_KEYS"])
def test_it_refuses_to_start_without_a_secret_and_says_which(tmp_path: Path, name: str) -> None:
    env = production(tmp_path)
    del env[name]
    done = start(tmp_path, **env)
    assert done.returncode != 0
    assert f"{name.removesuffix('_FILE')} is not set." in done.stderr


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({"HX_DEBUG": "1"}, "hx.E001"),
        ({"ALLOWED_HOSTS": "*"}, "hx.E003"),
        ({"HX_PUBLIC_URL": "http://exchange.example"}, "hx.E004"),
        ({"SECRET_KEY_FILE": "", "SECRET_KEY": "short"}, "hx.E005"),
        ({"EMAIL_HOST": ""}, "hx.W010"),
        ({"BLOB_URL": "s4://bucket"}, "hx.E011"),
    ],
)
def test_a_check_finds_what_production_must_not_do(tmp_path: Path, env: dict[str, str], found: str) -> None:
    done = start(tmp_path, **production(tmp_path, **env))
    assert done.stdout == f"started {found}\n", done.stderr


def test_the_demo_answers_to_loopback_names_only(tmp_path: Path) -> None:
    assert start(tmp_path, HX_DEMO="1").stdout == "started\n"
    assert start(tmp_path, HX_DEMO="1", ALLOWED_HOSTS="exchange.example").stdout == "started hx.E002\n"


def test_the_demo_keeps_the_secrets_that_it_made_even_when_many_start_at_once(tmp_path: Path) -> None:
    seen: list[str] = []

    def ask(number: int) -> None:
        seen.append(
            secret_or_demo("HX_NO_SUCH_SECRET", why="", demo=True, folder=tmp_path, fresh=f"fresh-{number}")
        )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    kept = tmp_path / "hx-no-such-secret.txt"
    assert kept.read_text() == seen[0]
    assert kept.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


def test_keys_for_secrets_at_rest_are_parsed_current_first() -> None:
    older = base64.b64encode(bytes(32)).decode()
    assert secrets_keys(f"k2:{_KEY}, k1:{older}") == (("k2", bytes(range(32))), ("k1", bytes(32)))
    assert len(secrets_keys(fresh_secrets_key())[0][1]) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        _KEY,
        f":{_KEY}",
        f"K1:{_KEY}",
        f"k1:{_KEY[:-4]}",
        "k1:not base64!",
        f"k1:{_KEY},k1:{_KEY}",
        "k1:",
    ],
)
def test_a_malformed_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="HX_SECRETS_KEYS") as refused:
        secrets_keys(text)
    assert _KEY[:-4] not in str(refused.value)
