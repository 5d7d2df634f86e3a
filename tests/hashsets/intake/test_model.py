"""Any sequence of files, in any mode and form, leaves the list that a plain dict would be."""

from __future__ import annotations

import hashlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hashsets.core.diff import Mode
from hashsets.core.hashtypes import hash_type
from hashsets.core.items import item_number
from hashsets.core.state import State, apply_delta
from hashsets.intake.decode import Terms
from hashsets.intake.stage import Staged, Staging
from hashsets.lists.current import ListState
from tests.hashsets.intake.given import md5, sha256, sheet

LIST_ID = "a" * 26
CODES = {"A1": 1, "A2": 2}
Key = tuple[str, str, int]  # type, hash, item
Facts = tuple[int, str | None]  # classification, source_ref
Model = dict[Key, Facts]


@dataclass(frozen=True)
class Line:
    kind: str
    number: int
    item: str
    classification: str
    source_ref: str

    @property
    def value(self) -> str:
        return md5(self.number) if self.kind == "md5" else sha256(self.number)


lines = st.builds(
    Line,
    kind=st.sampled_from(["md5", "sha256"]),
    number=st.integers(0, 4),
    item=st.sampled_from(["", "k1", "k2"]),
    classification=st.sampled_from(["", "A1", "A2", "Z"]),
    source_ref=st.sampled_from(["", "one", "two"]),
)
files = st.tuples(
    st.sampled_from(list(Mode)),
    st.sets(st.sampled_from(["item", "classification", "source_ref"])),
    st.booleans(),
    st.lists(lines, min_size=1, max_size=10),
)


def written(columns: set[str], wide: bool, rows: list[Line]) -> str:
    facts = sorted(columns)
    if wide:
        header = ["md5", "sha256", *facts]
        cells = [[line.value if line.kind == kind else "" for kind in ("md5", "sha256")] for line in rows]
    else:
        header = ["type", "hash", *facts]
        cells = [[line.kind, line.value] for line in rows]
    return sheet(
        ",".join(header),
        *([*cell, *(getattr(line, fact) for fact in facts)] for cell, line in zip(cells, rows, strict=True)),
    )


def expected(model: Model, mode: Mode, columns: set[str], rows: list[Line]) -> tuple[Model, int, int]:
    """The list afterwards, and how many rows asked for nothing or were problems."""
    asked: dict[Key, Facts] = {}
    nothing = problems = 0
    for line in rows:
        classification = line.classification if "classification" in columns else ""
        if classification == "Z" and mode is not Mode.REMOVE:
            problems += 1
            continue
        item = item_number(LIST_ID, line.item) if line.item and "item" in columns else 0
        facts = (CODES.get(classification, 0), (line.source_ref if "source_ref" in columns else "") or None)
        facts = (0, None) if mode is Mode.REMOVE else facts
        earlier = asked.get((line.kind, line.value, item))
        if earlier is None:
            asked[line.kind, line.value, item] = facts
        nothing += earlier == facts
        problems += earlier not in (None, facts)
    after = {} if mode is Mode.REPLACE else dict(model)
    for key, facts in asked.items():
        every_item = "item" not in columns and mode in (Mode.UPDATE, Mode.REMOVE)
        there = [known for known in model if (known[:2] == key[:2] if every_item else known == key)]
        if mode is Mode.REMOVE:
            nothing += not there
            for known in there:
                del after[known]
        elif not there and mode is Mode.UPDATE:
            problems += 1
        elif not there or mode is Mode.REPLACE:
            nothing += model.get(key) == facts
            after[key] = facts
        for known in there if mode in (Mode.ADD, Mode.UPDATE) else ():
            old = model[known]
            new = (
                facts[0] if "classification" in columns else old[0],
                facts[1] if "source_ref" in columns else old[1],
            )
            nothing += new == old
            if mode is Mode.UPDATE:
                after[known] = new
            else:
                problems += new != old
    return after, nothing, problems


def held(states: dict[str, State]) -> Model:
    model: Model = {}
    for slug, state in states.items():
        for rows in state.iter_batches():
            for row in rows.to_arrow().to_pylist():
                model[slug, row["hash"].hex(), row["item"]] = (row["classification"], row["source_ref"])
    return model


def run(content: str, mode: Mode, states: dict[str, State], folder: Path) -> Staged:
    folder.mkdir()
    terms = Terms(LIST_ID, mode, ("md5", "sha256"), CODES)
    staging = Staging(terms, ListState(states=states), folder=folder, heartbeat=lambda rows, read: None)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return staging.stage(io.BytesIO(content.encode()), sha256=digest)


@settings(max_examples=120)
@given(steps=st.lists(files, min_size=1, max_size=4))
def test_files_leave_the_list_that_a_dict_would_be(
    steps: list[tuple[Mode, set[str], bool, list[Line]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        model: Model = {}
        states = {slug: State(hash_type(slug)) for slug in ("md5", "sha256")}
        for number, (mode, columns, wide, rows) in enumerate(steps):
            staged = run(written(columns, wide, rows), mode, states, Path(name) / str(number))
            model, nothing, problems = expected(model, mode, columns, rows)
            for slug, file in staged.files.items():
                states[slug] = apply_delta(states[slug], file.segment)
            assert held(states) == model
            assert (staged.unchanged, staged.log.total, staged.rows) == (nothing, problems, len(rows))
