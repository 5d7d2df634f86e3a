"""One writer per format: each takes rendered batches in order and keeps none of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from exchange.client.formats import Format
from exchange.client.rendering import safe_cells

__all__ = ["WRITERS", "Writer"]


class Writer(Protocol):
    """Opened with a path, the schema and facts about the list; `close` finishes the file."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


class _Csv:
    """RFC 4180 with a header; cells that a spreadsheet would run are made harmless."""

    def __init__(self, path: Path, schema: pa.Schema, facts: Mapping[str, str]) -> None:
        self._writer = pa_csv.CSVWriter(str(path), schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(safe_cells(batch))

    def close(self) -> None:
        self._writer.close()


class _Txt:
    """One hash a line, each once, ascending: what grep, sort and comm want. One hash type per file."""

    def __init__(self, path: Path, schema: pa.Schema, facts: Mapping[str, str]) -> None:
        self._file = path.open("w", encoding="ascii", newline="\n")

    def write(self, batch: pa.RecordBatch) -> None:
        # Entries of one hash (with several items) stand together and are never in two batches.
        lines = dict.fromkeys(batch.column("hash").to_pylist())
        if lines:
            self._file.write("\n".join(str(line) for line in lines) + "\n")

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """The exported columns as Parquet, for whoever wants a filtered list rather than the signed segments."""

    def __init__(self, path: Path, schema: pa.Schema, facts: Mapping[str, str]) -> None:
        described: Any = schema.with_metadata({f"hash-exchange.{name}": said for name, said in facts.items()})
        self._writer = pq.ParquetWriter(str(path), described, compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


_SQL_TYPES: Final[Mapping[bool, str]] = {True: "TEXT", False: "INTEGER"}


class _Sqlite:
    """A table `entries` whose primary key answers "is this hash listed?", and a table `list` that says of
    what."""

    def __init__(self, path: Path, schema: pa.Schema, facts: Mapping[str, str]) -> None:
        # Nothing reads this file before it has its name, and a crash leaves it without one: no journal.
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE list (fact TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        self._database.executemany("INSERT INTO list VALUES (?, ?)", facts.items())
        columns = ", ".join(_sql_column(field) for field in schema)
        key = "PRIMARY KEY (hash_type, hash, item)"
        self._database.execute(f"CREATE TABLE entries ({columns}, {key}) WITHOUT ROWID")
        marks = ", ".join("?" * len(schema))
        self._insert = f"INSERT INTO entries VALUES ({marks})"  # noqa: S608 - question marks alone
        self._database.execute("BEGIN")

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [
            column.fill_null(0) if field.name == "item" else column
            for field, column in zip(batch.schema, batch.columns, strict=True)
        ]
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        self._database.executemany(self._insert, rows)

    def close(self) -> None:
        try:
            if self._database.in_transaction:
                self._database.execute("COMMIT")
        finally:
            self._database.close()


def _sql_column(field: pa.Field[Any]) -> str:
    needed = "" if field.nullable and field.name != "item" else " NOT NULL"
    return f"{field.name} {_SQL_TYPES[pa.types.is_string(field.type)]}{needed}"


WRITERS: Final[Mapping[Format, Callable[[Path, pa.Schema, Mapping[str, str]], Writer]]] = {
    Format.CSV: _Csv,
    Format.TXT: _Txt,
    Format.PARQUET: _Parquet,
    Format.SQLITE: _Sqlite,
}
