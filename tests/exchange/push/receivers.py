"""A thousand members' servers in one: the path of a URL says how its endpoint behaves. Real HTTP on loopback.

Every address in 127.0.0.0/8 is served, so that each endpoint can have its own host. As a module it is a
process of its own (`python -m tests.exchange.push.receivers`): it prints its port, then serves until its
standard input closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import queue
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aiohttp import web

SLOW = 0.25


@dataclass
class Arrival:
    """One request as it came in; `at` is this machine's monotonic clock."""

    at: float
    host: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Members:
    """What arrived, and how the endpoints behave; `secret` answers challenges."""

    secret: bytes = b"s" * 32
    port: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    failures_left: int = 0
    sent_whole: int = 0  # answers that took their time, and that somebody waited for to their end
    most_at_once: Counter[str] = field(default_factory=Counter)
    _at_once: Counter[str] = field(default_factory=Counter)

    def url(self, behaviour: str, *, address: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{address}:{self.port}/{behaviour}"

    def of(self, behaviour: str) -> list[Arrival]:
        return [one for one in self.arrivals if one.path == f"/{behaviour}"]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        arrival = Arrival(
            at=time.monotonic(),
            host=request.host,
            path=request.path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        self.arrivals.append(arrival)
        self._at_once[request.host] += 1
        self.most_at_once[request.host] = max(self.most_at_once[request.host], self._at_once[request.host])
        try:
            return await self._behave(request, arrival)
        finally:
            self._at_once[request.host] -= 1

    async def _behave(self, request: web.BaseRequest, arrival: Arrival) -> web.StreamResponse:
        behaviour, _, rest = request.path.strip("/").partition("/")
        match behaviour:
            case "hang":
                await asyncio.sleep(60)
                self.sent_whole += 1
            case "slow":
                await asyncio.sleep(SLOW)
            case "delay":
                await asyncio.sleep(float(rest))
            case "status":
                return web.Response(status=int(rest), text="no\x00t today")
            case "busy":
                return web.Response(status=429, headers={"Retry-After": rest})
            case "redirect":
                return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{rest}/canary"})
            case "flaky" if self.failures_left > 0:
                self.failures_left -= 1
                return web.Response(status=500)
            case "drip" | "endless":
                return await self._never_ending(request, fast=behaviour == "endless")
            case "challenge" if nonce := json.loads(arrival.body)["data"].get("nonce"):
                answer = hmac.new(self.secret, nonce.encode(), hashlib.sha256).hexdigest()
                return web.json_response({"answer": answer if rest != "wrong" else "0" * 64})
            case "echo":
                return web.Response(body=arrival.body)
        return web.Response(status=204)

    async def _never_ending(self, request: web.BaseRequest, *, fast: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if fast else {})
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for _ in range(4_000):
                await response.write(b"x" * 65_536 if fast else b"x")
                await asyncio.sleep(0 if fast else 0.05)
            self.sent_whole += 1
        return response


async def _serve(members: Members, ready: queue.SimpleQueue[Callable[[], object]]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    runner = web.ServerRunner(web.Server(members.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", members.port, backlog=4_096).start()
    members.port = runner.addresses[0][1]
    ready.put(lambda: loop.call_soon_threadsafe(stop.set))
    await stop.wait()
    await runner.cleanup()


@contextlib.contextmanager
def running_members() -> Iterator[Members]:
    """Serve in a thread for the length of a block."""
    members, ready = Members(), queue.SimpleQueue[Callable[[], object]]()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(members, ready)))
    thread.start()
    stop = ready.get(timeout=10)
    try:
        yield members
    finally:
        stop()
        thread.join()


def main() -> None:
    """Serve as a process. At the end of input print when each host last got a notice, as JSON."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with running_members() as members:
        print(members.port, flush=True)  # noqa: T201
        sys.stdin.read()
        last = {one.host: one.at for one in members.arrivals}
        print(json.dumps(last), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
