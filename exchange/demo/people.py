"""People at their browsers and phones, engineers at their terminals: real pages, real forms, real `hashx`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any, ClassVar, Final, Self
from urllib.parse import urljoin

import httpx

from accounts.factors import totp

_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_FORM: Final = re.compile(r'<form[^>]*\baction="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


# An earlier code is taken for half a minute more; this much of it is left for the way.
_ON_ITS_WAY: Final = timedelta(seconds=18)


class Unexpected(Exception):
    """The exchange answered otherwise than the story expects; the message says what came."""


class Phone:
    """The app that shows one person's codes. It gives out each code once, because each is taken once: whoever
    signs in often waits for the next half minute, as people do.
    """

    _given: ClassVar[dict[str, int]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def shows(self, now: datetime) -> str:
        """The code of `now`, taken or not."""
        return totp.code_at(bytes.fromhex(self._seed), totp.step_at(now))

    def code(self) -> str:
        """The next code nobody was given: the one before the present unless it runs out on its way."""
        with self._lock:
            step = max(self._given.get(self._seed, 0) + 1, totp.step_at(datetime.now(UTC) - _ON_ITS_WAY))
            self._given[self._seed] = step
        while totp.step_at(datetime.now(UTC)) + totp.DRIFT_STEPS < step:
            time.sleep(0.2)
        return totp.code_at(bytes.fromhex(self._seed), step)


class Person:
    """Somebody signed in through the sign-in page; every act is a form of a page, with its CSRF token."""

    def __init__(self, base_url: str, *, email: str, password: str, phone: Phone) -> None:
        self._base = base_url
        self._http = httpx.Client(base_url=base_url, follow_redirects=True, timeout=30)
        self._submit("/sign-in", "/sign-in", {"email": email, "password": password})
        self._submit("/sign-in/code", "/sign-in/code", {"code": phone.code()})
        if 'class="who"' not in self.get("/lists"):
            raise Unexpected(f"{email} could not sign in")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def press(self, page: str, action: str, **fields: str) -> None:
        """Open `page` and send its form that goes to `action`."""
        self._submit(page, action, fields)

    def get(self, page: str) -> str:
        """The text of a page."""
        answer = self._http.get(page)
        if answer.status_code != 200:
            raise Unexpected(f"GET {page} answered {answer.status_code}")
        return answer.text

    def _submit(self, page: str, action: str, fields: dict[str, str]) -> None:
        shown = self.get(page)
        token = _TOKEN.search(shown)
        if token is None:
            raise Unexpected(f"{page} has no form for this person")
        answer = self._http.post(
            action,
            data={**_hidden(shown, action), **fields, "csrfmiddlewaretoken": token.group(1)},
            headers={"Referer": urljoin(self._base, page)},
        )
        if answer.status_code != 200:
            raise Unexpected(f"POST {action} answered {answer.status_code}")


def _hidden(page: str, action: str) -> dict[str, str]:
    """What the page's form that goes to `action` says by itself; nothing when it has no such form."""
    for where, inside in _FORM.findall(page):
        if unescape(where) == action:
            return {name: unescape(value) for name, value in _HIDDEN.findall(inside)}
    return {}


class Machine:
    """An engineer's machine with `hashx` set up for one exchange."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)

    @property
    def lists(self) -> Path:
        """Where this machine keeps its lists."""
        return self.home / "lists"

    def argv(self, *arguments: str) -> list[str]:
        """The command line of `hashx` with these arguments."""
        return [sys.executable, "-m", "exchange.client.cli", *arguments]

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "HASHX_HOME": str(self.home)}

    def hashx(self, *arguments: str, timeout: float = 120) -> dict[str, Any]:
        """Run `hashx --json`; raises Unexpected with what it said when it does not end well."""
        done = subprocess.run(
            self.argv(*arguments, "--json"),
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode != 0:
            raise Unexpected(f"hashx {arguments[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
        told = json.loads(done.stdout)
        return told if isinstance(told, dict) else {"items": told}
