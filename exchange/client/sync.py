"""Bring one list up to the newest release that its publisher signed; all of it, or nothing.

(1) lock the list's folder, (2) update trust on a working copy down to the manifest's digest, (3) read the
manifest and hold it against the release in force, (4) fetch deltas or snapshot, whichever is fewer bytes, (5)
build the new state beside the old one and prove its root, (6) replace the pointer, (7) tell the exchange. A
refusal or a crash before (6) leaves the old release in force, after it the new one; what was downloaded
before a broken connection is used again. When the publisher withdrew what is in force here (a legal erasure),
the old release and everything made of it leave this machine with (6).
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from accounts.errors import Refusal
from exchange.client.apply import build_type
from exchange.client.confirm import confirm_in_force
from exchange.client.durable import write_durably
from exchange.client.fetch import HttpStatus, Session
from exchange.client.plan import Needed, Transport, TypePlan, plan_type
from exchange.client.refusals import (
    CorruptStore,
    MixAndMatch,
    RolledBack,
    RootMismatch,
    UnsupportedFormat,
    WrongList,
)
from exchange.client.store import ListStore, LocalRelease, LocalType
from exchange.client.trust import Directory, ListTrust, Target, refusal_for_status
from exchange.client.watch import Watch
from exchange.client.withdrawn import verified_notice
from hashsets.core.manifest import MAX_MANIFEST_BYTES, Manifest, TypeState
from hashsets.core.withdrawal import Notice

__all__ = ["Synced", "TypeSynced", "sync_list"]

PROOF = ("root.json", "targets.json", "list.json")


@dataclass(frozen=True, slots=True)
class TypeSynced:
    """What came of one hash type."""

    slug: str
    count: int
    root: str
    transport: Transport
    operations: int


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync came to. `release` is None when the publisher has released nothing yet."""

    list_id: str
    title: str
    release: int | None
    from_release: int | None
    changed: bool
    downloaded: int
    state_root: str | None
    folder: Path | None
    types: tuple[TypeSynced, ...] = ()
    repaired: bool = False
    withdrawn: Notice | None = None
    """Set when releases up to the one that was in force here have been withdrawn by law; nothing of them is
    left on this machine."""
    confirmed: bool = False
    trouble: Refusal | None = None

    @property
    def transport(self) -> Transport:
        used = {held.transport for held in self.types}
        return next((kind for kind in (Transport.SNAPSHOT, Transport.DELTAS) if kind in used), Transport.KEEP)

    @property
    def count(self) -> int:
        return sum(held.count for held in self.types)


def sync_list(
    session: Session,
    store: ListStore,
    directory: Directory,
    *,
    watch: Watch,
    now: datetime,
    confirm: bool = True,
    brought: bytes | None = None,
) -> Synced:
    """See above. `trouble` is set when the release is in force but the exchange could not be told.

    `brought` came with a notice: it stands for the file that the verified metadata name by its digest, in
    place of a download, and for nothing otherwise.
    """
    with store.locked():
        synced = _Sync(session, store, directory, watch, now, brought).run()
        if synced.release is None or not confirm:
            return synced
        try:
            confirm_in_force(session, store, now=now)
        except Refusal as refusal:
            return replace(synced, trouble=refusal)
        return replace(synced, confirmed=True)


class _Sync:
    """One run over one list."""

    def __init__(
        self,
        session: Session,
        store: ListStore,
        directory: Directory,
        watch: Watch,
        now: datetime,
        brought: bytes | None,
    ) -> None:
        self._session = session
        self._store = store
        self._watch = watch
        self._now = now
        self._brought = brought
        self._trust = ListTrust(session, store.list_id, store.trust, directory)
        self._downloaded = 0
        self._repaired = False
        self._withdrawn: Notice | None = None

    def run(self) -> Synced:
        current = self._store.current()
        self._store.tidy()
        try:
            vouched = self._trust.update()
            if vouched is None:
                return self._nothing_released(current)
            if current is not None and vouched.sha256 == current.manifest_sha256 and current.folder.is_dir():
                self._trust.keep()
                shutil.rmtree(
                    self._store.downloads, ignore_errors=True
                )  # of a run that was killed at its end
                return _unchanged(current)
            document = self._trust.manifest_bytes(vouched, limit=MAX_MANIFEST_BYTES)
            manifest = self._checked_manifest(document, current)
            proof = {name: (self._trust.work / name).read_bytes() for name in PROOF}
            self._targets = {needed: self._trust.target(needed) for needed in _all_names(manifest)}
            self._withdrawn = self._news_of_withdrawal(manifest, current)
            self._trust.keep()
        finally:
            self._trust.discard()
        return self._apply(manifest, document, vouched, proof, current)

    def _nothing_released(self, current: LocalRelease | None) -> Synced:
        if current is not None:
            raise RolledBack("The exchange shows this list without any release, but one is in force here.")
        return Synced(self._store.list_id, "", None, None, False, 0, None, None)

    def _checked_manifest(self, document: bytes, current: LocalRelease | None) -> Manifest:
        """The manifest, if it can follow the release in force."""
        try:
            manifest = Manifest.parse(document)
        except Refusal as error:
            raise UnsupportedFormat(
                f"The signed manifest is not one that hashx can read: {error.message}", code="format.manifest"
            ) from error
        if manifest.list_id != self._store.list_id:
            raise WrongList("The signed manifest is about another list.")
        if current is None:
            return manifest
        if manifest.release < current.release:
            raise RolledBack(
                f"The exchange shows release {manifest.release}; release {current.release} is in force here.",
                advice="What you have applied stays in place.",
            )
        digest = hashlib.sha256(document).hexdigest()
        rewritten = (manifest.release == current.release and digest != current.manifest_sha256) or (
            manifest.release == current.release + 1 and manifest.previous != current.manifest_sha256
        )
        if rewritten:
            raise MixAndMatch(
                f"Release {current.release} as applied here is not part of the history that is shown now.",
                code="trust.history_rewritten",
            )
        return manifest

    def _news_of_withdrawal(self, manifest: Manifest, current: LocalRelease | None) -> Notice | None:
        """The publisher's notice, when it concerns what is in force here."""
        facts = manifest.withdrawn
        if facts is None or current is None or current.release >= facts.before:
            return None
        return verified_notice(self._trust, manifest, facts)

    def _apply(
        self,
        manifest: Manifest,
        document: bytes,
        vouched: Target,
        proof: dict[str, bytes],
        current: LocalRelease | None,
    ) -> Synced:
        held = self._held_manifest(current)
        plans = [self._plan(manifest, state, held) for state in manifest.types]
        incoming = self._store.incoming(manifest.release)
        try:
            self._fetch(plans)
            types, used = self._build_all(manifest, plans, current, incoming)
            (incoming / "manifest.json").write_bytes(document)
            (incoming / "proof").mkdir()
            for name, content in proof.items():
                (incoming / "proof" / name).write_bytes(content)
            built = LocalRelease(
                list_id=manifest.list_id,
                title=manifest.title,
                release=manifest.release,
                manifest_sha256=vouched.sha256,
                state_root=manifest.root,
                applied_at="",
                folder=incoming,
                # Who still reads the release before has it open; it goes when it held what had to vanish.
                previous="" if current is None or self._withdrawn else current.folder.name,
                types=types,
            )
            if self._withdrawn is not None:
                (incoming / "withdrawn.json").write_bytes(self._withdrawn.to_bytes())
                # Before the pointer moves: a crash must not leave them beside a release that is clean.
                self._store.forget_exports()
            applied = self._store.put_in_force(incoming, built, now=self._now)
        except BaseException:
            shutil.rmtree(incoming, ignore_errors=True)
            raise
        self._store.tidy()
        shutil.rmtree(self._store.downloads, ignore_errors=True)
        synced = _applied(applied, current, used, self._downloaded, self._repaired)
        return replace(synced, withdrawn=self._withdrawn)

    def _held_manifest(self, current: LocalRelease | None) -> Manifest | None:
        """The manifest of the release in force; None, and a repair, when it is damaged."""
        if current is None:
            return None
        try:
            document = (current.folder / "manifest.json").read_bytes()
            if hashlib.sha256(document).hexdigest() == current.manifest_sha256:
                return Manifest.parse(document)
        except (OSError, Refusal):
            pass
        self._note_repair()
        return None

    def _plan(self, manifest: Manifest, state: TypeState, held: Manifest | None) -> TypePlan:
        return plan_type(manifest, state, None if held is None else held.type_state(state.slug))

    def _fetch(self, plans: list[TypePlan]) -> None:
        """Everything that is not here yet, each file verified before it gets its name."""
        wanted = [needed for plan in plans for needed in (*plan.parts, *plan.deltas)]
        for needed in wanted:  # also of what is here already: the metadata may be others than then
            target = self._targets[needed.name]
            if (target.length, target.sha256) != (needed.facts.length, needed.facts.sha256):
                raise MixAndMatch("The manifest and the signed metadata disagree about a file.")
        missing = [needed for needed in wanted if not self._place(needed).exists()]
        self._watch.begin("Downloading", sum(needed.facts.length for needed in missing))
        self._store.downloads.mkdir(parents=True, exist_ok=True)
        for needed in missing:
            target = self._targets[needed.name]
            if self._brought is not None and hashlib.sha256(self._brought).hexdigest() == target.sha256:
                write_durably(self._place(needed), self._brought)
                self._watch.advance(target.length)
                continue
            try:
                self._session.download(
                    target.path(self._store.list_id),
                    self._place(needed),
                    length=target.length,
                    sha256=target.sha256,
                    advance=self._watch.advance,
                )
            except HttpStatus as answer:
                raise refusal_for_status(answer) from answer
            self._downloaded += target.length

    def _place(self, needed: Needed) -> Path:
        return self._store.downloads / f"{needed.facts.sha256}.parquet"

    def _build_all(
        self, manifest: Manifest, plans: list[TypePlan], current: LocalRelease | None, incoming: Path
    ) -> tuple[tuple[LocalType, ...], list[TypePlan]]:
        self._watch.begin("Applying", len(plans))
        types, used = [], []
        for plan in plans:
            try:
                types.append(self._build(plan, current, incoming))
                used.append(plan)
            except (Refusal, OSError) as damage:
                if plan.transport is Transport.SNAPSHOT:
                    raise
                self._note_repair(damage)
                shutil.rmtree(incoming / plan.state.slug, ignore_errors=True)
                (incoming / "leaves" / plan.state.slug).unlink(missing_ok=True)
                whole = plan_type(manifest, plan.state, None)
                self._fetch([whole])
                types.append(self._build(whole, None, incoming))
                used.append(whole)
            self._watch.advance(1)
        return tuple(types), used

    def _build(self, plan: TypePlan, current: LocalRelease | None, incoming: Path) -> LocalType:
        files = {needed.name: self._place(needed) for needed in (*plan.parts, *plan.deltas)}
        try:
            return build_type(plan, files, current, incoming)
        except (RootMismatch, CorruptStore, UnsupportedFormat):
            raise
        except Refusal as refusal:
            if plan.transport is not Transport.SNAPSHOT:
                raise
            # Deltas that do not fit their own snapshot: signed, but not the state that the root was taken of.
            raise RootMismatch(f"The signed files do not fit together: {refusal.message}") from refusal

    def _note_repair(self, damage: Exception | None = None) -> None:
        self._repaired = True
        reason = f" ({damage})" if isinstance(damage, Refusal) else ""
        self._watch.say(f"The local copy is damaged{reason}; fetching the snapshot again.")


def _all_names(manifest: Manifest) -> list[str]:
    plans = [plan_type(manifest, state, None) for state in manifest.types]
    return [needed.name for plan in plans for needed in (*plan.parts, *plan.deltas)]


def _unchanged(current: LocalRelease) -> Synced:
    types = tuple(TypeSynced(held.slug, held.count, held.root, Transport.KEEP, 0) for held in current.types)
    return Synced(
        current.list_id,
        current.title,
        current.release,
        current.release,
        False,
        0,
        current.state_root,
        current.folder,
        types,
    )


def _applied(
    applied: LocalRelease, before: LocalRelease | None, used: list[TypePlan], downloaded: int, repaired: bool
) -> Synced:
    types = tuple(
        TypeSynced(
            plan.state.slug,
            plan.state.count,
            plan.state.root,
            plan.transport,
            sum(needed.facts.rows for needed in plan.deltas),
        )
        for plan in used
    )
    return Synced(
        list_id=applied.list_id,
        title=applied.title,
        release=applied.release,
        from_release=None if before is None else before.release,
        changed=True,
        downloaded=downloaded,
        state_root=applied.state_root,
        folder=applied.folder,
        types=types,
        repaired=repaired,
    )
