"""What keeps this member from being up to date, and what to do about it: one finding per thing looked at.

Nothing is changed: trust is updated on a working copy that is thrown away. A finding that stops others (no
settings, no network) is said once instead of once per consequence.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tuf.api.metadata import Metadata, Timestamp

from accounts.errors import Refusal
from exchange.client import api
from exchange.client.addresses import is_loopback
from exchange.client.fetch import Session
from exchange.client.home import Home, KnownEndpoint
from exchange.client.output import size_of
from exchange.client.refusals import BadSignature, Exit, exit_for
from exchange.client.store import ListStore, stores_in
from exchange.client.trust import DIRECTORY, MAX_ROOT, ListTrust
from exchange.client.verify import check_quickly
from hashsets.core.anchor import fingerprint, is_demo

__all__ = ["Finding", "examine", "worst"]

CLOCK_TOLERANCE: Final = timedelta(seconds=60)  # notices are refused at five minutes; this is in time to act
NEEDED: Final = {"list.view": "see lists", "release.confirm": "confirm what you applied"}
ROOM_TO_WORK: Final = 256 * 1024 * 1024
PROBE_PATIENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `exit` is DONE when it is well."""

    subject: str
    says: str
    advice: str = ""
    code: str = ""
    exit: Exit = Exit.DONE

    @property
    def well(self) -> bool:
        return self.exit is Exit.DONE


def worst(findings: list[Finding]) -> Exit:
    """The exit code of the whole: broken trust and damage (10 and up) before a refused key before the
    network."""
    return max((finding.exit for finding in findings), default=Exit.DONE)


def examine(home: Home, environment: Mapping[str, str], into: Path | None, *, now: datetime) -> list[Finding]:
    """Everything that `hashx` relies on; `into` is the folder of synced lists, if there is one."""
    findings = list(_local(into))
    settings = _looked_at("settings", lambda: _settings(home, environment))
    findings.insert(0, settings)
    if not settings.well:
        return findings
    with home.session(environment) as session:
        reached = _looked_at("exchange", lambda: _exchange(session))
        findings.append(reached)
        if reached.well:
            findings += _remote(home, environment, session, into, now)
    return findings


def _remote(
    home: Home, environment: Mapping[str, str], session: Session, into: Path | None, now: datetime
) -> Iterator[Finding]:
    yield _looked_at("clock", lambda: _clock(session, now))
    if home.key(environment) is not None:
        yield _looked_at("key", lambda: _key(session))
    root = _looked_at("root", lambda: _root(home, session))
    yield root
    if root.well:
        for store in stores_in(into) if into is not None else ():
            yield _looked_at(f"list {store.list_id}", partial(_freshness, home, session, store))
    for known in home.endpoints():
        yield _looked_at(f"endpoint {known.url}", partial(_endpoint, session, known))


def _local(into: Path | None) -> Iterator[Finding]:
    if into is None:
        return
    yield _looked_at("disk", lambda: _disk(into))
    for store in stores_in(into):
        yield _looked_at(f"store {store.list_id}", partial(_store, store))


def _looked_at(subject: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except (Refusal, OSError) as error:
        advice = (error.advice if isinstance(error, Refusal) else None) or _ADVICE.get(exit_for(error), "")
        code = error.code if isinstance(error, Refusal) else type(error).__name__
        return Finding(subject, str(error), advice, code, exit_for(error))


_ADVICE: Final = {
    Exit.NETWORK: "Check the address, your proxy and your firewall; then try again.",
    Exit.NOT_AUTHORISED: "Have a new key issued, or ask the publisher for access.",
    Exit.EXPIRED: "Check your clock; if it is right, the exchange is not re-signing: tell its operator.",
    Exit.BAD_SIGNATURE: "Do not sync. Ask the operator by another way than this connection.",
    Exit.CORRUPT_STORE: "Move the list's folder away and run `hashx sync`.",
}


def _settings(home: Home, environment: Mapping[str, str]) -> Finding:
    key = "with a key" if home.key(environment) else "without a key: public lists only"
    return Finding("settings", f"{home.folder}: {home.url}, {key}")


def _exchange(session: Session) -> Finding:
    session.their_clock()
    return Finding("exchange", f"{session.url} answers")


def _clock(session: Session, now: datetime) -> Finding:
    theirs = session.their_clock()
    if theirs is None:
        return Finding("clock", "the exchange does not tell its time")
    apart = now - theirs
    if abs(apart) <= CLOCK_TOLERANCE:
        return Finding("clock", f"within {int(CLOCK_TOLERANCE.total_seconds())} s of the exchange's")
    direction = "ahead of" if apart > timedelta() else "behind"
    return Finding(
        "clock",
        f"{abs(apart).total_seconds():.0f} s {direction} the exchange's",
        "Set it by NTP: notices are refused and signatures expire by it.",
        "doctor.clock",
        Exit.USAGE,
    )


def _key(session: Session) -> Finding:
    member = api.who_am_i(session)
    lacking = {right: what for right, what in NEEDED.items() if right not in member.permissions}
    if lacking and not member.mirror:
        return Finding(
            "key",
            f"accepted for {member.organisation}, but it may not {' or '.join(lacking.values())}",
            f"Have one issued with {', '.join(lacking)}.",
            "doctor.scopes",
            Exit.NOT_AUTHORISED,
        )
    return Finding("key", f"accepted for {member.organisation}")


def _root(home: Home, session: Session) -> Finding:
    """The root that is pinned here is the first one that is served, and leads to the current one."""
    pinned = home.pinned_root()
    served = session.file_bytes(f"tuf/{DIRECTORY}/metadata/1.root.json", limit=MAX_ROOT)
    if served != pinned:
        raise BadSignature(
            "The exchange shows another first root than the one that is pinned here.",
            code="root.not_pinned",
        )
    home.directory(session).newest_root()
    demo = "; a demonstration: do not rely on it" if is_demo(pinned) else ""
    return Finding("root", f"the pinned one ({fingerprint(pinned)[:16]}…) leads to the current one{demo}")


def _freshness(home: Home, session: Session, store: ListStore) -> Finding:
    """What the exchange shows of a list verifies, and has not expired; what is in force here is the
    newest."""
    with store.locked():
        trust = ListTrust(session, store.list_id, store.trust, home.directory(session))
        try:
            vouched = trust.update()
            timestamp = Metadata[Timestamp].from_bytes((trust.work / "timestamp.json").read_bytes())
        finally:
            trust.discard()
        current = store.current()
    subject = f"list {store.list_id}"
    says = f"vouched for until {timestamp.signed.expires:%Y-%m-%d %H:%M} UTC"
    if vouched is not None and current is not None and vouched.sha256 != current.manifest_sha256:
        return Finding(subject, f"{says}; newer than release {current.release} here", "Run `hashx sync`.")
    return Finding(subject, says)


def _endpoint(session: Session, known: KnownEndpoint) -> Finding:
    """How the exchange sees the endpoint, and whether anything listens when it is on this machine."""
    subject = f"endpoint {known.url}"
    seen = api.one_endpoint(session, known.id)
    if seen.state != "active" or seen.failures:
        reason = f": {seen.last_error}" if seen.last_error else ""
        return Finding(
            subject,
            f"the exchange has it as {seen.state}, {seen.failures} tries failed in a row{reason}",
            "Run `hashx listen`, then have it proven or resumed.",
            "doctor.endpoint",
            Exit.NETWORK,
        )
    if is_loopback(known.url) and not _listens(known.url):
        return Finding(
            subject, "nothing listens there", "Run `hashx listen`.", "doctor.endpoint", Exit.NETWORK
        )
    return Finding(subject, "active, and nothing has failed")


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=PROBE_PATIENCE):
            return True
    except OSError:
        return False


def _disk(into: Path) -> Finding:
    """A sync builds the new release beside the old one."""
    there = next(folder for folder in (into, *into.resolve().parents) if folder.is_dir())
    held = [store.current() for store in stores_in(into)]
    sizes = [
        sum(part.facts.length for one in current.types for part in one.parts) for current in held if current
    ]
    needed = 2 * max(sizes, default=0) + ROOM_TO_WORK
    free = shutil.disk_usage(there).free
    if free < needed:
        return Finding(
            "disk",
            f"{size_of(free)} free in {there}, a sync may need {size_of(needed)}",
            "Make room, or move the folder.",
            "doctor.disk",
            Exit.USAGE,
        )
    return Finding("disk", f"{size_of(free)} free in {there}")


def _store(store: ListStore) -> Finding:
    current = check_quickly(store)
    return Finding(
        f"store {store.list_id}",
        f"release {current.release}: signatures hold, {sum(len(one.parts) for one in current.types)} files "
        "are there in full length (hashx verify reads them all)",
    )
