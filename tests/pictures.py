"""`make pictures`: the pages that the README shows, photographed in the real demo by a real Chromium.

The demo runs in a folder of its own on free ports; when its journey is over, people of the sample world sign
in as people do, with a password and a code, and look at their pages.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, StorageState, ViewportSize, sync_playwright

from accounts.factors import totp
from accounts.identity.roles import Role

ROOT = Path(__file__).resolve().parents[1]
INTO = ROOT / "deploy" / "pictures"
CHROMIUM = "/usr/bin/chromium"
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class World:
    """What the demo wrote down for its visitors."""

    password: str
    list_id: str
    people: tuple[dict[str, str], ...]

    def person(self, organisation: str, role: Role) -> dict[str, str]:
        """The first person of `organisation` with `role`."""
        return next(p for p in self.people if p["organisation"] == organisation and role.value in p["role"])


@dataclass(frozen=True, slots=True)
class Picture:
    """`who` looks (None: anybody), at `address`."""

    name: str
    who: tuple[str, Role] | None
    address: str
    width: int = 1180
    height: int = 800


def pictures(world: World) -> list[Picture]:
    publisher, staff = ("Harbor", Role.CONTRIBUTOR), ("Exchange Operator", Role.EXCHANGE_ADMIN)
    a_list = f"/lists/{world.list_id}"
    return [
        Picture("welcome", None, "/"),
        Picture("list", publisher, a_list),
        Picture("coverage", publisher, f"{a_list}/releases/2"),
        Picture("catalogue", ("Pixelhaus", Role.INTEGRATOR), "/catalogue"),
        Picture("endpoints", ("Lumen", Role.INTEGRATOR), "/endpoints"),
        Picture("audit", staff, "/audit"),
        Picture("system", staff, "/system"),
        Picture("phone", publisher, a_list, width=390, height=780),
    ]


def main() -> int:
    INTO.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as url, sync_playwright() as playwright:
        told = json.loads((Path(folder) / "demo" / "world.json").read_text())
        world = World(told["password"], told["list_id"], tuple(told["people"]))
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        keys: dict[str, StorageState] = {}
        for picture in pictures(world):
            _take(browser, url, world, picture, keys)
        browser.close()
    return 0


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[str]:
    """The demo with its journey behind it."""
    port, member_port = _free_port(), _free_port()
    env = {**os.environ, "HX_DEMO": "1", "HX_VAR": str(folder), "HX_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    argv = (
        sys.executable,
        "manage.py",
        "demo",
        "--bind",
        f"127.0.0.1:{port}",
        "--member-port",
        str(member_port),
    )
    process = subprocess.Popen(
        argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _wait_for_the_end_of_the_journey(process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)


def _wait_for_the_end_of_the_journey(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    until = time.monotonic() + PATIENCE
    for line in process.stdout:
        sys.stderr.write(line)
        if "travelled as a delta" in line:
            time.sleep(3)  # the last confirmation is on its way to the page
            return
        if time.monotonic() > until:
            break
    raise SystemExit("The demo's journey did not end well; see its output above.")


def _take(browser: Browser, url: str, world: World, picture: Picture, known: dict[str, StorageState]) -> None:
    person = world.person(*picture.who) if picture.who else None
    key = person["email"] if person else ""
    context = browser.new_context(
        viewport=ViewportSize(width=picture.width, height=picture.height),
        locale="en-GB",
        color_scheme="light",
        storage_state=known.get(key),
    )
    page = context.new_page()
    if person and key not in known:
        _sign_in(page, url, person, world.password)
        known[key] = context.storage_state()
    answer = page.goto(url + picture.address)
    if answer is None or answer.status != 200:
        raise SystemExit(f"{picture.address} does not answer 200")
    page.screenshot(path=INTO / f"{picture.name}.png")
    context.close()


def _sign_in(page: Page, url: str, person: dict[str, str], password: str) -> None:
    page.goto(f"{url}/sign-in")
    page.fill("#email", person["email"])
    page.fill("#password", password)
    page.locator("main form").filter(has=page.locator("#password")).locator("button[type=submit]").click()
    page.fill("#code", totp.code_at(bytes.fromhex(person["seed"]), totp.step_at(datetime.now(UTC))))
    page.locator("main form").filter(has=page.locator("#code")).locator("button[type=submit]").click()
    page.locator(".who").wait_for()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
