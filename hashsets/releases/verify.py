"""Recomputes a release from its files: does what was published still say, byte for byte, what was signed?

(1) The manifest is the recorded one. (2) Every file that it names lies in the store, whole, and is a
proper segment. (3) Counts and state roots, from the entries themselves. (4) The deltas lead from the
release before to this one. (5) The list version that was signed for it names exactly these files, with
enough signatures. (6) For the newest release: a stock TUF client accepts it from its first root on. Every
step is done even if one before has failed. Of a release that was withdrawn by legal erasure little is left to
recompute: that is said, and is no failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from accounts.errors import Corrupt, NotFound, Refusal
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.foreign import check_segment
from hashsets.core.hashtypes import hash_type
from hashsets.core.manifest import TypeState, manifest_name
from hashsets.core.merkle import TypeRoot, leaves_of, list_root, type_root
from hashsets.core.segment import Kind
from hashsets.core.state import State, apply_delta
from hashsets.lists.current import ListState, state_of_manifest
from hashsets.lists.models import HashList
from hashsets.releases.compose import segments_of, targets_of
from hashsets.releases.models import Release
from hashsets.releases.stock_client import download_and_verify
from hashsets.releases.stored import check_stored, read_manifest
from hashsets.trust import list_role
from hashsets.trust.models import RoleName, SignedFile


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, and what is wrong ("" when nothing is)."""

    what: str
    problem: str = ""
    code: str = ""


@dataclass(slots=True)
class ReleaseReport:
    """What `verify_release` found, in the order of its steps."""

    list_id: str
    number: int
    findings: list[Finding] = field(default_factory=list)
    state_root: str = ""
    entries: int = 0
    withdrawn_by: int | None = None

    @property
    def ok(self) -> bool:
        return all(not finding.problem for finding in self.findings)

    def check(self, what: str, step: Callable[[], str | None]) -> None:
        """Run one step. It returns words to add to `what`, and refuses by raising."""
        try:
            found = step()
        except Refusal as refusal:
            self.findings.append(Finding(what, refusal.message, refusal.code))
        else:
            self.findings.append(Finding(f"{what}: {found}" if found else what))


def verify_release(hash_list: HashList, number: int) -> ReleaseReport:
    """Recompute one release of a list. Differences are findings, not exceptions.

    Errors: NotFound `release.not_found`.
    """
    release = Release.objects.filter(hash_list=hash_list, number=number).first()
    if release is None:
        raise NotFound(f"This list has no release {number}.", code="release.not_found")
    report = ReleaseReport(hash_list.id, number, withdrawn_by=release.withdrawn_by)
    if release.withdrawn_by is not None:
        report.findings.append(Finding(f"withdrawn by erasure with release {release.withdrawn_by}"))
        report.check("signed list", lambda: _named_manifest(release))
        return report
    try:
        work = _Verification(release)
    except Refusal as refusal:
        report.findings.append(Finding("manifest", refusal.message, refusal.code))
        return report
    report.findings.append(Finding("manifest: the recorded one"))
    report.check("files", work.files)
    report.check("segments", work.segments)
    report.check("state root", work.roots)
    report.check("deltas", work.deltas)
    report.check("signed list", work.signed_list)
    if hash_list.latest_release == number:
        report.check("stock client", work.stock_client)
    report.state_root, report.entries = work.manifest.root, work.manifest.count
    return report


class _Verification:
    """The steps over one release whose manifest could be read."""

    def __init__(self, release: Release) -> None:
        self.release, self.store = release, blob_store()
        self.list_id = release.hash_list_id
        self.manifest, length = read_manifest(self.store, self.list_id, release.manifest_sha256)
        if (self.manifest.list_id, self.manifest.release) != (self.list_id, release.number):
            raise Corrupt("The manifest is of another release.", code="manifest.damaged")
        self.targets = targets_of(self.manifest, release.manifest_sha256, length)

    def files(self) -> str:
        check_stored(self.store, self.list_id, self.targets)
        return f"{len(self.targets)} read back"

    def segments(self) -> str:
        """Every row of every segment: order, uniqueness, ranges, counts."""
        rows = 0
        for path, facts in segments_of(self.manifest):
            slug, _, kind = path.rpartition("/")[2].partition(".")
            check_segment(
                self.store.local_path(keys.target(self.list_id, path, facts.sha256)),
                hash_type(slug),
                Kind.FULL if kind.startswith("full-") else Kind.DELTA,
                expected=facts,
            )
            rows += facts.rows
        return f"{rows} rows"

    def roots(self) -> str:
        """From the entries: snapshot and deltas merged, every bucket hashed anew."""
        state = self._state()
        found = [self._type_root(typed, state.of(typed.slug)) for typed in self.manifest.types]
        root = list_root(found)
        stated = (self.release.state_root, self.release.entries, self.release.counts)
        if stated != (root, self.manifest.count, {typed.slug: typed.count for typed in found}):
            raise Corrupt("Root or counts differ from those recorded for the release.", code="root.recorded")
        return f"{root}, {self.manifest.count} entries"

    def deltas(self) -> str | None:
        """This release's deltas, applied to the release before, give this release."""
        previous = Release.objects.filter(hash_list_id=self.list_id, number=self.release.number - 1).first()
        if self.manifest.previous != (previous.manifest_sha256 if previous else ""):
            raise Corrupt("The manifest names another release before it.", code="manifest.previous")
        if previous is None:
            return None
        if previous.withdrawn_by is not None:
            return f"none: release {previous.number} is withdrawn by erasure"
        before = state_of_manifest(self.list_id, previous.number, previous.manifest_sha256)
        after = self._state()
        count = 0
        for typed in self.manifest.types:
            if typed.chain and typed.chain[-1].release == self.release.number:
                newest = after.of(typed.slug).deltas[-1]
                if _root(typed, apply_delta(before.of(typed.slug), newest)) != typed.root:
                    raise Corrupt("A delta does not lead to this release.", code="delta.other_result")
                count += 1
        return f"{count} lead from release {self.release.number - 1}"

    def signed_list(self) -> str:
        """The list version of this release, as clients were served it."""
        content = SignedFile.objects.get(
            repository_id=self.list_id, role=RoleName.LIST, version=self.release.list_version
        ).content
        named = list_role.read_targets(bytes(content))
        if named != self.targets:
            raise Corrupt("The signed list names other files than the manifest.", code="list.other_files")
        return f"version {self.release.list_version}"

    def stock_client(self) -> str:
        return f"{download_and_verify(self.store, self.list_id, self.targets)} bytes accepted"

    def _state(self) -> ListState:
        return state_of_manifest(self.list_id, self.release.number, self.release.manifest_sha256)

    @staticmethod
    def _type_root(typed: TypeState, state: State) -> TypeRoot:
        if state.count != typed.count:
            raise Corrupt(f"{typed.slug} has {state.count} entries, not {typed.count}.", code="root.count")
        root = _root(typed, state)
        if root != typed.root:
            raise Corrupt(f"The entries of {typed.slug} have another root.", code="root.entries")
        return TypeRoot(typed.slug, state.count, root)


def _named_manifest(release: Release) -> str:
    """What is left of a withdrawn release: the list version that was signed for it names its manifest.

    Errors: Corrupt `list.other_files`.
    """
    content = SignedFile.objects.get(
        repository_id=release.hash_list_id, role=RoleName.LIST, version=release.list_version
    ).content
    named = list_role.read_targets(bytes(content)).get(manifest_name(release.hash_list_id))
    if named is None or named.sha256 != release.manifest_sha256:
        raise Corrupt("The signed list names another manifest.", code="list.other_files")
    return f"version {release.list_version}, its files gone"


def _root(typed: TypeState, state: State) -> str:
    """A type's root from its entries, with the tree size that the manifest states."""
    leaves = leaves_of(state.iter_batches(), typed.bits, state.hash_type.bytes_wide)
    return type_root(leaves, state.count)
