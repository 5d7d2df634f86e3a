"""`hashx listen`: receive notices, verify them, sync, confirm; until it is stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from accounts.errors import Refusal
from exchange.client import api
from exchange.client.addresses import is_loopback
from exchange.client.commands.run import HomeOption, IntoOption, JsonOption, Run, clock
from exchange.client.commands.syncing import ListsArgument, sync_each
from exchange.client.fetch import Session
from exchange.client.home import KnownEndpoint
from exchange.client.listen import Receiver, Worker
from exchange.client.output import refusal_document
from exchange.client.push_key import push_key
from exchange.client.receive import ListNews, Trust
from exchange.client.refusals import Exit, Forbidden, Usage


def listen(
    into: IntoOption,
    port: Annotated[int, typer.Option("--port", help="The port to listen on.", min=0, max=65535)],
    lists: ListsArgument = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    url: Annotated[
        str, typer.Option("--url", help="Where the exchange reaches this: https://… through your proxy.")
    ] = "",
    poll: Annotated[float, typer.Option(help="Seconds between looks of its own.", min=1)] = 60.0,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Run a receiver: register its address once, then verify notices, sync and confirm. --json prints a
    line per event."""
    run = Run.of(home, as_json)
    with run.session() as session:
        Listening(run, session, into, lists or [], poll).serve(host, port, url)


class Listening:
    """The receiver and the worker of one process."""

    def __init__(self, run: Run, session: Session, into: Path, lists: list[str], poll: float) -> None:
        self._run = run
        self._session = session
        self._into = into
        self._lists = lists
        self._worker = Worker(self.sync, self._everything, poll=poll)
        self._brought: dict[str, bytes] = {}
        self._bringing = threading.Lock()

    def serve(self, host: str, port: int, url: str) -> None:
        """(1) Listen, (2) be known to the exchange, which challenges the address at once, (3) work until
        stopped."""
        receiver = Receiver(host, port, on_news=self.hear, tell=self._tell)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: self._worker.stop())
        receiver.start()
        try:
            endpoint = self._known_endpoint(url or self._usual_url(receiver.port), receiver)
            self._tell("listening", {"port": receiver.port, "url": endpoint.url, "endpoint": endpoint.id})
            self._worker.run()
        finally:
            receiver.stop()
        self._tell("stopped", {})

    def _usual_url(self, port: int) -> str:
        if not is_loopback(self._session.url):
            raise Usage(
                "Say where the exchange reaches this receiver.",
                code="usage.missing",
                field="--url",
                advice="--url https://… : the public address that your proxy passes on to --port.",
            )
        return f"http://127.0.0.1:{port}/"

    def _known_endpoint(self, url: str, receiver: Receiver) -> KnownEndpoint:
        """The endpoint of this address, registered and proven now if it was not before."""
        given = self._given_endpoint(url)
        known = given or self._run.home.endpoint(url) or self._registered(url)
        public_key = push_key(self._run.home.directory(self._session))
        receiver.trust = Trust(secrets=[known.secret], public_key=public_key, endpoint=known.id)
        if given is not None or known.verified:
            return known
        try:
            api.verify_endpoint(self._session, known.id)
        except Forbidden as refusal:
            if refusal.code != "endpoint.not_found":
                raise
            # It was closed at the exchange: the address is ours to register again.
            known = self._registered(url)
            receiver.trust = Trust(secrets=[known.secret], public_key=public_key, endpoint=known.id)
            api.verify_endpoint(self._session, known.id)
        proven = KnownEndpoint(known.id, known.url, known.secret, verified=True)
        self._run.home.remember(proven)
        return proven

    def _given_endpoint(self, url: str) -> KnownEndpoint | None:
        """An endpoint that somebody else registered, from the environment: its id and its secret."""
        environment = self._run.environment
        endpoint_id, secret = environment.get("HASHX_ENDPOINT"), environment.get("HASHX_ENDPOINT_SECRET")
        if not endpoint_id or not secret:
            return None
        return KnownEndpoint(endpoint_id, url, secret, verified=True)

    def _registered(self, url: str) -> KnownEndpoint:
        made = api.register_endpoint(self._session, url, description="hashx listen")
        known = KnownEndpoint(made.id, url, made.secret, verified=False)
        self._run.home.remember(known)
        return known

    def _everything(self) -> Iterable[str]:
        if self._lists:
            return self._lists
        try:
            return [one.id for one in api.all_lists(self._session) if one.subscribed]
        except Refusal as refusal:
            self._tell("refused", refusal_document(refusal))
            return []

    def hear(self, news: Sequence[ListNews]) -> None:
        """Note what moved, and the deltas that came along: the last one of each list, whoever syncs next."""
        with self._bringing:
            for one in news:
                if one.delta is not None and one.delta.inline is not None:
                    self._brought[one.list_id] = one.delta.inline
        self._worker.want([one.list_id for one in news])

    def sync(self, list_ids: list[str]) -> list[str]:
        """Sync, tell, and name what is worth another try: what failed for reasons of the network."""
        began = time.monotonic()
        with self._bringing:
            brought, self._brought = self._brought, {}
        documents, _ = sync_each(self._run, self._session, self._into, list_ids, brought=brought)
        again = []
        for document in documents:
            trouble = document.get("error") or document.get("trouble")
            if trouble is not None and trouble["exit"] == Exit.NETWORK:
                again.append(document["list_id"])
            if trouble is not None or document["changed"]:
                self._tell("synced", {**document, "since_wake": round(time.monotonic() - began, 3)})
        return again

    def _tell(self, event: str, facts: Mapping[str, Any]) -> None:
        self._run.output.event({"event": event, "at": clock().isoformat(), **facts})
        if event != "synced":
            said = "  ".join(f"{name} {value}" for name, value in facts.items())
            self._run.output.say(f"{clock():%H:%M:%S}  {event}  {said}")
