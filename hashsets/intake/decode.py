"""From columns of text to entries: every cell read, every bad one a problem with its line. Pure.

A line is used as a whole or not at all where its facts are concerned: a hash with an unreadable
classification is not entered as unclassified. Its hashes stand for themselves: one bad hash does not keep the
others of its line out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from accounts.errors import Invalid
from hashsets.core import cells, guards, items
from hashsets.core.arrays import ArrowArray, numbers_array, numbers_of
from hashsets.core.benign import BenignCorpus
from hashsets.core.columns import NO_QUALITY, Rows
from hashsets.core.diff import Mode
from hashsets.core.entries import Entries
from hashsets.core.hashtypes import HASH_TYPES, HashType
from hashsets.core.reasons import Problems, reason_index
from hashsets.intake.problem_log import ProblemLog
from hashsets.intake.readers.batches import Batch, Form, Layout
from hashsets.intake.readers.header import Bare

_WHITE_SPACE: Final = " \t\r\n"
_LONGEST_BLANK: Final = 8  # longer runs of blanks are taken for an unreadable hash
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the list allows and the submission asks for. `classifications`: label -> code."""

    list_id: str
    mode: Mode
    hash_types: tuple[str, ...]
    classifications: Mapping[str, int]
    stated_type: str = ""  # what the hashes are in a file that does not say
    benign: BenignCorpus = field(default_factory=BenignCorpus)
    accepted: frozenset[str] = frozenset()  # rules of the gate whose rows a person has let in

    @property
    def bare(self) -> Bare:
        return Bare(self.hash_types, self.stated_type)

    def check(self, layout: Layout) -> None:
        """Refuse an upload whose columns cannot be meant for this list and mode.

        Errors: Invalid `csv.type_not_in_list`, `csv.labels_not_configured`, `csv.no_hash_column`.
        """
        for slug in layout.hash_types:
            if slug not in self.hash_types:
                raise Invalid(
                    f"The file has a column '{slug}', and this list takes {', '.join(self.hash_types)}.",
                    code="csv.type_not_in_list",
                    field=slug,
                    advice="Remove the column, or send the file to a list that takes this type.",
                )
        # The manifest states no meaning for labels yet; codes that nobody can read must not be published.
        if "labels" in layout.columns and self.mode is not Mode.REMOVE:
            raise Invalid(
                "This list has no labels, so the column 'labels' cannot be read.",
                code="csv.labels_not_configured",
                field="labels",
                advice="Remove the column; use 'classification' for what the list classifies.",
            )
        if not layout.has_hashes and self.mode is not Mode.REMOVE:
            raise Invalid(
                "The file has no column with hashes; items alone can only be removed.",
                code="csv.no_hash_column",
                advice="Add a column per hash type, or send the file as a removal.",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Hashes of one type in a batch: `raw` at the rows `where`, `ok` where they could be read."""

    kind: HashType
    where: NDArray[np.intp]
    raw: NDArray[np.uint8]
    ok: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What the lines say beside hashes, one value per row of the batch."""

    item: NDArray[np.int64]
    classification: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    source_ref: ArrowArray | None
    ok: Mask


@dataclass(frozen=True, slots=True, eq=False)
class DecodedBatch:
    """Entries by hash type, and the items that lines without a hash want removed, with their lines."""

    entries: tuple[Entries, ...]
    items: NDArray[np.int64]
    item_lines: NDArray[np.uint32]


class Decoder:
    """Decodes the batches of one upload; problems go to `log`."""

    def __init__(self, layout: Layout, terms: Terms, log: ProblemLog) -> None:
        terms.check(layout)
        self._layout = layout
        self._terms = terms
        self._log = log
        self._removes = terms.mode is Mode.REMOVE
        self._limits = guards.QuarantineLimits().without(terms.accepted)
        self._by_key = terms.mode in (Mode.ADD, Mode.REPLACE) or "item" in layout.given

    def hash_field(self, slug: str) -> str:
        """What the upload calls the column with hashes of this type."""
        return slug if self._layout.form is Form.WIDE else "hash"

    def decode(self, batch: Batch) -> DecodedBatch:
        for fault in batch.faults:
            self._log.add(fault.code, fault.lines)
        facts = self._facts(batch)
        found, untyped = self._wide(batch) if self._layout.form is Form.WIDE else self._long(batch)
        bare = facts.ok & ~untyped
        for piece in found:
            bare[piece.where] = False
        by_item = bare & (facts.item != items.NO_ITEM) if self._removes else np.zeros(len(bare), bool)
        self._log.add("hash.missing", batch.lines[bare & ~by_item], field=self._missing_field())
        item = self._with_derived_items(facts.item, found) if self._by_key else np.zeros_like(facts.item)
        entries = [self._entries(batch, piece, facts, item) for piece in found]
        return DecodedBatch(
            tuple(piece for piece in entries if len(piece)), facts.item[by_item], batch.lines[by_item]
        )

    def _missing_field(self) -> str:
        return self._layout.hash_types[0] if len(self._layout.hash_types) == 1 else "hash"

    # --- facts

    def _facts(self, batch: Batch) -> Facts:
        n = len(batch.lines)
        ok = np.ones(n, bool)
        item = np.zeros(n, np.int64)
        classification = np.zeros(n, np.uint8)
        quality = np.full(n, NO_QUALITY, np.uint8)
        source_ref = None
        columns = batch.columns
        if "item" in columns:
            keys = cells.item_keys(columns["item"])
            item = items.key_numbers(self._terms.list_id, keys.values)
            ok &= self._read(batch, "item.unreadable", keys.ok)
        # A removal needs no facts: those of an entry that is to go may be as wrong as the entry itself.
        if "classification" in columns and not self._removes:
            codes = cells.classifications(columns["classification"], self._terms.classifications)
            classification = codes.values
            ok &= self._read(batch, "classification.unknown", codes.ok)
        if "quality" in columns and not self._removes:
            numbers = cells.qualities(columns["quality"])
            quality = numbers.values
            ok &= self._read(batch, "quality.unreadable", numbers.ok)
        if "source_ref" in columns and not self._removes:
            texts = cells.source_refs(columns["source_ref"])
            source_ref = texts.values
            ok &= self._read(batch, "source_ref.unreadable", texts.ok)
        return Facts(item, classification, quality, source_ref, ok)

    def _read(self, batch: Batch, code: str, ok: Mask) -> Mask:
        if not ok.all():
            self._log.add(code, batch.lines[~ok])
        return ok

    # --- hashes

    def _wide(self, batch: Batch) -> tuple[list[Found], Mask]:
        """Hashes by type; the rows whose type is a problem (none: here the columns are the types)."""
        columns = [(HASH_TYPES[slug], batch.columns[slug]) for slug in self._layout.hash_types]
        found = [
            self._found(kind, column, np.flatnonzero(_filled(column)), batch) for kind, column in columns
        ]
        return found, np.zeros(len(batch.lines), bool)

    def _long(self, batch: Batch) -> tuple[list[Found], Mask]:
        names = pc.utf8_lower(pc.utf8_trim(batch.columns["type"], _WHITE_SPACE)).dictionary_encode()
        distinct = [str(name) for name in names.dictionary.to_pylist()]
        index = numbers_of(names.indices)
        column = batch.columns["hash"]
        filled = _filled(column)
        taken, known, blank = (
            np.array([test(name) for name in distinct], bool)[index]
            for test in (self._terms.hash_types.__contains__, HASH_TYPES.__contains__, "".__eq__)
        )
        # A row that removes by item has neither hash nor type.
        untyped = ~taken & ~(self._removes & blank & ~filled)
        self._log.add("hash_type.unknown", batch.lines[untyped & ~known])
        self._log.add("hash_type.not_in_list", batch.lines[untyped & known])
        found = [
            self._found(HASH_TYPES[name], column, np.flatnonzero((index == number) & filled), batch)
            for number, name in enumerate(distinct)
            if name in self._terms.hash_types
        ]
        return found, untyped

    def _found(self, kind: HashType, column: ArrowArray, where: NDArray[np.intp], batch: Batch) -> Found:
        if len(where) < len(column):
            column = column.take(numbers_array(where))
        decoded = kind.decode(column)
        if not decoded.ok.all():
            self._log.add(
                "hash.unreadable", batch.lines[where[~decoded.ok]], field=self.hash_field(kind.slug)
            )
        return Found(kind, where, decoded.raw, decoded.ok)

    def _with_derived_items(self, item: NDArray[np.int64], found: list[Found]) -> NDArray[np.int64]:
        """Lines with several hashes and no item key get one from the strongest: they stay together."""
        if len(found) < 2:
            return item
        readable = np.zeros(len(item), np.int8)
        for piece in found:
            readable[piece.where[piece.ok]] += 1
        lacking = (readable >= 2) & (item == items.NO_ITEM)
        if not lacking.any():
            return item
        item = item.copy()
        for piece in sorted(found, key=lambda piece: -piece.kind.strength):
            mine = piece.ok & lacking[piece.where]
            rows = piece.where[mine]
            if len(rows):
                values = (raw.tobytes() for raw in piece.raw[mine])
                item[rows] = items.item_numbers(self._terms.list_id, piece.kind.slug, values)
                lacking[rows] = False
        return item

    def _entries(self, batch: Batch, found: Found, facts: Facts, item: NDArray[np.int64]) -> Entries:
        """Those that may be entered: read, with readable facts, and let through by the gate."""
        field = self.hash_field(found.kind.slug)
        usable = found.ok & facts.ok[found.where]
        quality = facts.quality[found.where]
        if not self._removes:  # whatever slipped in must be able to leave
            refused = np.where(usable, guards.refuse(found.kind, found.raw), 0).astype(np.uint8)
            doubtful = np.where(usable, self._doubt(found, quality), 0).astype(np.uint8)
            verdict = np.where(refused, refused, doubtful)
            if verdict.any():
                self._log.add_all(Problems.each(batch.lines[found.where], verdict), hash_field=field)
                usable &= verdict == 0
        everything = bool(usable.all())
        where = found.where if everything else found.where[usable]
        text = facts.source_ref
        rows = Rows.keyed(
            found.raw if everything else found.raw[usable],
            item[where],
            classification=facts.classification[where],
            quality=facts.quality[where],
            source_ref=None if text is None else text.take(numbers_array(where)),
        )
        given = self._layout.given
        return Entries(found.kind, rows, batch.lines[where], frozenset(given))

    def _doubt(self, found: Found, quality: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Why rows are set aside; being known as innocent says more than any rule of thumb."""
        verdict = guards.quarantine(found.kind, found.raw, quality, self._limits)
        if "hash.benign" not in self._terms.accepted:
            verdict[self._terms.benign.hits(found.kind, found.raw)] = reason_index("hash.benign")
        return verdict


def _filled(column: ArrowArray) -> Mask:
    """Cells that are not blank."""
    lengths = numbers_of(pc.binary_length(column))
    filled: Mask = lengths > 0
    # Most columns have no cell that is short enough to be looked at twice.
    if (filled & (lengths <= _LONGEST_BLANK)).any():
        filled &= numbers_of(pc.binary_length(pc.utf8_trim(column, _WHITE_SPACE))) > 0
    return filled
