"""Delivers what is owed on one lane: claim, tell, write down, until nothing is due.

(1) claim due endpoints, as many as the window has room for; (2) read what they are owed and compose their
notices; (3) start the posts; (4) when some have ended, claim for the room they made; (5) and only then write
down how they ended, while the others go on. A nudge that comes during a run makes it look at once, so there
is one run per lane and process, never a queue of them.

The caller's thread does everything that touches the database; the window's threads do nothing but HTTP. A
process that is killed at any step has lost nothing: its leases end and the same notices are sent again.
"""

from __future__ import annotations

import logging
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from accounts.errors import Corrupt
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import Keyring
from exchange.push.challenge import post_to
from exchange.push.claim import LIMITS, InFlight, claim_endpoints, release_unused
from exchange.push.clock import RunningClock, database_now
from exchange.push.fan_out import notices_for
from exchange.push.notice import Notice
from exchange.push.schedule import TIMING, Lane, Outcome
from exchange.push.settle import Tried, settle
from exchange.push.signature import NoticeSigner, signed_headers
from exchange.push.transport import Answer, Post
from exchange.push.window import Window
from exchange.sharing.endpoints import address_rules
from exchange.sharing.models import Endpoint
from exchange.sharing.secrets import valid_secrets
from hashsets.trust.push_key import notice_signer

logger = logging.getLogger(__name__)

LONGEST_RUN = 300.0
"""Seconds after which a run claims nothing new: the poller starts the next one, on fresh connections."""
_LOOK_EVERY = 2.0
_SLICE = 64
_OPEN_FILES = 8_192


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one run did: attempts by outcome. `joined` says that another run was going on and was told to
    look."""

    attempts: Counter[Outcome] = field(default_factory=Counter)
    joined: bool = False

    @property
    def delivered(self) -> int:
        return self.attempts[Outcome.DELIVERED]


class _Turn:
    """One lane's run in this process: held by one thread, and a flag for whoever finds it held."""

    def __init__(self) -> None:
        self.held = threading.Lock()
        self.look_again = threading.Event()


_TURNS = {lane: _Turn() for lane in Lane}


def deliver_due(
    *,
    lane: Lane | str,
    now: datetime | None = None,
    signer: NoticeSigner | None = None,
    draw: Callable[[], float] = random.random,
) -> Delivered:
    """Deliver until nothing is due on `lane`; returns at once when this process is at it already.

    `now` is the moment the run starts at, by default the database's; during the run time goes on from there.
    """
    turn = _TURNS[Lane(lane)]
    attempts: Counter[Outcome] = Counter()
    turn.look_again.set()
    while turn.look_again.is_set():
        if not turn.held.acquire(blocking=False):
            # The run that is going on sees the flag before it ends, or we see its end in the next round.
            return Delivered(attempts, joined=True)
        try:
            clock = RunningClock(now or database_now())
            attempts += _Run(Lane(lane), clock, signer or notice_signer(), draw, turn).work()
        finally:
            turn.held.release()
    return Delivered(attempts)


class _Run:
    def __init__(
        self, lane: Lane, clock: RunningClock, signer: NoticeSigner, draw: Callable[[], float], turn: _Turn
    ) -> None:
        self._lane, self._clock, self._signer, self._draw, self._turn = lane, clock, signer, draw, turn
        self._keyring: Keyring = current_keyring()
        self._limits = LIMITS[lane]
        self._in_flight = InFlight()
        self._attempts: Counter[Outcome] = Counter()
        self._pending: dict[UUID, tuple[Endpoint, Notice, datetime]] = {}
        self._held: dict[UUID, Endpoint] = {}  # from the claim until its end is written down

    def work(self) -> Counter[Outcome]:
        """Claim and settle until a look found nothing and nothing is in flight."""
        self._turn.look_again.clear()
        first = self._claim()
        if not first:
            return self._attempts
        _allow_open_files()
        until = time.monotonic() + LONGEST_RUN
        with Window[UUID](rules=address_rules()) as window:
            self._start(window, first)
            looked = float("-inf")
            while True:
                ended = self._ended(window.finished(wait=_LOOK_EVERY / 8))
                started = 0
                if time.monotonic() < until and self._should_look(looked):
                    if self._turn.look_again.is_set():
                        self._turn.look_again.clear()
                        self._in_flight.ahead.clear()
                    started = self._start(window, self._claim())
                    # After a look that found something the next one need not wait.
                    looked = float("-inf") if started else time.monotonic()
                # Written after the next posts have begun: who waits for a notice comes before our books.
                self._settle(ended)
                if not (ended or started or self._pending):
                    return self._attempts

    def _should_look(self, looked: float) -> bool:
        """When nudged, when idle, and otherwise every two seconds; never for a handful of free places."""
        room = self._limits.window - self._in_flight.total
        if not self._pending or self._turn.look_again.is_set():
            return room > 0
        if time.monotonic() - looked < _LOOK_EVERY:
            return False
        return room >= self._limits.window // 4 or (room > 0 and looked > float("-inf"))

    def _claim(self) -> list[Endpoint]:
        room = self._limits.window - self._in_flight.total
        claimed = claim_endpoints(
            lane=self._lane, now=self._clock.now(), in_flight=self._in_flight, room=room
        )
        return [endpoint for endpoint in claimed if not self._is_renewed(endpoint)]

    def _is_renewed(self, claimed: Endpoint) -> bool:
        """Whether this run is not done there yet: on a busy machine a lease can end before the post does.

        Then the claim was a renewal of the lease, and nothing is posted twice.
        """
        held = self._held.get(claimed.id)
        if held is None:
            self._held[claimed.id] = claimed
            return False
        held.lease_until, held.urgent_lease_until = claimed.lease_until, claimed.urgent_lease_until
        self._in_flight.remove(claimed)
        return True

    def _start(self, window: Window[UUID], claimed: Sequence[Endpoint]) -> int:
        """Post to each of `claimed` what it is owed; returns how many had anything owed."""
        notices = notices_for(claimed) if claimed else {}
        unused = [endpoint for endpoint in claimed if endpoint.id not in notices]
        release_unused(unused, lane=self._lane)
        for endpoint in unused:
            self._in_flight.remove(endpoint)
            del self._held[endpoint.id]
        posts: list[tuple[UUID, Post]] = []
        for endpoint in claimed:
            if (notice := notices.get(endpoint.id)) is None:
                continue
            started = self._clock.now()
            self._pending[endpoint.id] = (endpoint, notice, started)
            try:
                posts.append((endpoint.id, self._post(endpoint, notice, now=started)))
            except Corrupt:
                # One secret that cannot be opened must not stop the others.
                logger.exception(
                    "An endpoint's secret cannot be opened.", extra={"endpoint": str(endpoint.id)}
                )
                answer = Answer(Outcome.UNSEALED, error="The exchange cannot open this endpoint's secret.")
                self._settle(self._ended([(endpoint.id, answer)]))
            if len(posts) == _SLICE:  # the first are on their way while the others are being signed
                window.submit(posts)
                posts = []
        window.submit(posts)
        return len(claimed) - len(unused)

    def _post(self, endpoint: Endpoint, notice: Notice, *, now: datetime) -> Post:
        timing = TIMING[self._lane]
        secrets = valid_secrets(endpoint, now=now, keyring=self._keyring)
        headers = signed_headers(
            notice.id, int(now.timestamp()), notice.body, secrets=secrets, signer=self._signer
        )
        return post_to(endpoint, headers, notice.body, timing=timing)

    def _ended(self, answers: Sequence[tuple[UUID, Answer]]) -> list[Tried]:
        tried: list[Tried] = []
        for endpoint_id, answer in answers:
            endpoint, notice, started = self._pending.pop(endpoint_id)
            self._in_flight.remove(endpoint)
            self._attempts[answer.outcome] += 1
            tried.append(Tried(endpoint, notice, answer, started))
        return tried

    def _settle(self, tried: Sequence[Tried]) -> None:
        settle(tried, lane=self._lane, now=self._clock.now(), draw=self._draw)
        for one in tried:
            del self._held[one.endpoint.id]


def _allow_open_files() -> None:
    """Raise this process's soft limit: a thousand posts in flight need more than the usual 1,024
    descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wished:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
