"""From an upload to staged operations, step by step. No database, no clock.

(1) Read blocks of the file and decode them; what cannot be used goes to the problem log. (2) Turn items that
are to be removed into the entries that they have. (3) Sort each hash type, compare it with what the list
holds, and write the operations that remain as one delta file. (4) Digest the operations: what an approval is
bound to.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from accounts.errors import Corrupt, Invalid
from hashsets.core.columns import Rows
from hashsets.core.diff import DiffCounts, Mode, compare, entries_of_items
from hashsets.core.digest import operations_digest
from hashsets.core.entries import Entries
from hashsets.core.guards import QUARANTINE_CODES
from hashsets.core.hashtypes import hash_type
from hashsets.core.runs import Runs
from hashsets.core.segment_writer import Written, write_delta
from hashsets.intake.decode import DecodedBatch, Decoder, Terms
from hashsets.intake.problem_log import ProblemLog
from hashsets.intake.readers.opening import open_reader
from hashsets.intake.sampling import SampledOperation, Sampler
from hashsets.lists.current import ListState

Heartbeat = Callable[[int, int], None]  # rows read, bytes read: called often, may raise to stop the work


@dataclass(frozen=True, slots=True)
class Staged:
    """What a submission would do. `files` has one entry per hash type that changes."""

    rows: int
    per_type: Mapping[str, DiffCounts]
    unchanged: int  # rows that say what the list says already: identical, absent removals, repetitions
    log: ProblemLog
    files: Mapping[str, Written]
    digest: str
    sample: list[SampledOperation]

    @property
    def operations(self) -> int:
        return sum(counts.operations for counts in self.per_type.values())

    def check(self) -> None:
        """Refuse what would change nothing, unless rows wait for a person's word. Errors: Invalid
        `submission.nothing_usable`, `submission.no_change`.
        """
        if self.operations or any(code in self.log.counts for code in QUARANTINE_CODES):
            return
        if self.unchanged or not self.log.total:
            raise Invalid(
                "The list says all of this already, so there is nothing to release.",
                code="submission.no_change",
            )
        raise Invalid(
            "None of the rows can be used.",
            code="submission.nothing_usable",
            advice="Look at the first problems: most often a column or the mode is not the one meant.",
        )


class Staging:
    """One upload on its way. Files go into `folder`, which the caller removes."""

    def __init__(self, terms: Terms, base: ListState, *, folder: Path, heartbeat: Heartbeat) -> None:
        self._terms = terms
        self._base = base
        self._folder = folder
        self._heartbeat = heartbeat
        self._runs: dict[str, Runs] = {}
        self._rows = self._bytes = 0
        self._unchanged = 0
        self.log = ProblemLog()

    def stage(self, file: BinaryIO, *, sha256: str) -> Staged:
        """Stage the upload `file`, whose bytes must have the digest `sha256`.

        Errors: Invalid and TooLarge of the reader and of `Terms.check`; Invalid `csv.no_rows`; Corrupt
        `upload.damaged`. That nothing would change is for `Staged.check` to say, so that its counts are
        known.
        """
        hash_field = self._read(file, sha256)  # (1), (2)
        sampler = Sampler({code: label for label, code in self._terms.classifications.items()})
        per_type: dict[str, DiffCounts] = {}
        files: dict[str, Written] = {}
        for slug in self._slugs():  # (3)
            per_type[slug], written = self._compare(slug, sampler, hash_field(slug))
            if written.facts.rows:
                files[slug] = written
        digest = operations_digest(
            {slug: written.segment.batches() for slug, written in files.items()}
        )  # (4)
        asked_for_nothing = sum(counts.unchanged + counts.absent for counts in per_type.values())
        return Staged(
            rows=self._rows,
            per_type=per_type,
            unchanged=self._unchanged + asked_for_nothing,
            log=self.log,
            files=files,
            digest=digest,
            sample=sampler.sample(),
        )

    def _read(self, file: BinaryIO, sha256: str) -> Callable[[str], str]:
        digesting = _Digesting(file)
        reader = open_reader(cast(BinaryIO, digesting), self._terms.bare, scratch=self._folder)
        decoder = Decoder(reader.layout, self._terms, self.log)
        item_removals: list[DecodedBatch] = []
        for batch in reader.batches():
            decoded = decoder.decode(batch)
            for entries in decoded.entries:
                self._collect(entries)
            if len(decoded.items):
                item_removals.append(decoded)
            self._rows += batch.rows
            # What a gzip file unpacks to is no measure of how far its reading has come.
            self._bytes = min(batch.bytes_read, digesting.length)
            self._beat()
        digesting.drain()
        if digesting.hexdigest() != sha256:
            raise Corrupt("The stored upload is not the file that was received.", code="upload.damaged")
        if not self._rows:
            raise Invalid("The file names columns and has no rows.", code="csv.no_rows")
        if item_removals:
            self._remove_items(item_removals, reader.layout.given)
        return decoder.hash_field

    def _remove_items(self, batches: Iterable[DecodedBatch], given: frozenset[str]) -> None:
        """Every entry of the named items, of every type, as if its own line had asked for it."""
        items = np.concatenate([batch.items for batch in batches])
        lines = np.concatenate([batch.item_lines for batch in batches])
        wanted, first = np.unique(items, return_index=True)
        met = np.zeros(len(wanted), bool)
        self._unchanged += len(items) - len(wanted)
        for slug in sorted(self._base.states):
            found, _ = entries_of_items(self._base.of(slug), wanted)
            at = np.searchsorted(wanted, found.rows.item)
            met[at] = True
            if len(found):
                # Without the facts, so that a line that names the hash itself does not contradict this one.
                rows = Rows.keyed(found.rows.hash, found.rows.item)
                self._collect(Entries(found.hash_type, rows, lines[first[at]], given))
        self._unchanged += int(np.count_nonzero(~met))

    def _slugs(self) -> list[str]:
        """The hash types to compare. A replacement also speaks of those that it does not mention."""
        silent = self._base.states if self._terms.mode is Mode.REPLACE else ()
        return sorted({*self._runs, *silent})

    def _compare(self, slug: str, sampler: Sampler, hash_field: str) -> tuple[DiffCounts, Written]:
        kind = hash_type(slug)
        incoming = self._sorted(slug, hash_field)
        comparison = compare(self._base.of(slug), incoming, self._terms.mode, release=0)
        batches = sampler.watch(kind, self._beating(comparison.batches()))
        written = write_delta(kind, batches, self._folder / f"{slug}.staged.parquet")
        self.log.add_all(comparison.problems, hash_field=hash_field)
        return comparison.counts, written

    def _collect(self, entries: Entries) -> None:
        slug = entries.hash_type.slug
        if slug not in self._runs:
            scratch = self._folder / slug
            scratch.mkdir()
            self._runs[slug] = Runs(scratch)
        self._runs[slug].add(entries)

    def _sorted(self, slug: str, hash_field: str) -> Iterator[Entries]:
        runs = self._runs.get(slug)
        if runs is None:
            return
        for piece in runs.sorted():
            self._unchanged += piece.repeated
            self.log.add_all(piece.problems, hash_field=hash_field)
            self._beat()
            yield piece.entries
        runs.close()

    def _beating(self, batches: Iterable[Rows]) -> Iterator[Rows]:
        for rows in batches:
            self._beat()
            yield rows

    def _beat(self) -> None:
        self._heartbeat(self._rows, self._bytes)


class _Digesting(io.RawIOBase):
    """Reads on from a file and digests what passes: an approval names the file, so it must be that file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.length = 0  # bytes that have passed

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._digest.update(piece)
        self.length += len(piece)
        return piece

    def drain(self) -> None:
        """Read what a reader had no need of, such as the padding of an archive."""
        while self.read(1 << 20):
            pass

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
