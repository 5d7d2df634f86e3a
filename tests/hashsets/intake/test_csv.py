"""What CSV uploads may look like, and what is said about those that cannot be read."""

from __future__ import annotations

import csv
import io
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.errors import Invalid, Refusal
from hashsets.intake.readers.batches import Form, Limits
from hashsets.intake.readers.csv import CsvReader

ONE, TWO = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592", "ef" * 32
Row = tuple[int, dict[str, str]]


def opened(content: str | bytes, *, block: int = 8 << 20, limits: Limits | None = None) -> CsvReader:
    return CsvReader(
        io.BytesIO(content.encode() if isinstance(content, str) else content), block=block, limits=limits
    )


def read(content: str | bytes, *, block: int = 8 << 20) -> tuple[list[Row], dict[int, str]]:
    """Rows with their lines, and the code of every line that is no row."""
    rows: list[Row] = []
    faults: dict[int, str] = {}
    for batch in opened(content, block=block).batches():
        columns = {name: cast(list[str], column.to_pylist()) for name, column in batch.columns.items()}
        for position, line in enumerate(batch.lines.tolist()):
            rows.append((line, {name: values[position] for name, values in columns.items()}))
        for fault in batch.faults:
            faults |= dict.fromkeys(fault.lines.tolist(), fault.code)
    return rows, faults


def test_it_reads_one_item_a_line_with_a_column_per_hash_type() -> None:
    reader = opened(f"SHA256, Md5 ,item\n{ONE},9e10,k1\n")
    assert (reader.layout.form, reader.layout.hash_types) == (Form.WIDE, ("sha256", "md5"))
    assert reader.layout.given == {"item"}
    (batch,) = reader.batches()
    assert batch.columns["md5"].to_pylist() == ["9e10"]


def test_it_reads_one_hash_a_line_with_its_type() -> None:
    reader = opened(f"hash,type,quality\n{ONE},sha256,\n")
    assert (reader.layout.form, reader.layout.has_hashes, reader.layout.hash_types) == (Form.LONG, True, ())
    assert read(f"hash,type,quality\n{ONE},sha256,\n")[0] == [
        (2, {"hash": ONE, "type": "sha256", "quality": ""})
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["", "end"])
def test_delimiter_line_ends_and_byte_order_mark_do_not_matter(
    delimiter: str, line_end: str, mark: str, last: str
) -> None:
    lines = [["sha256", "classification"], [ONE, "A1"], ["", ""], [TWO, "é"]]
    text = mark + line_end.join(delimiter.join(cells) for cells in lines) + (line_end if last else "")
    rows, faults = read(text)
    assert rows == [
        (2, {"sha256": ONE, "classification": "A1"}),
        (4, {"sha256": TWO, "classification": "é"}),
    ]
    assert faults == {}


def test_a_spreadsheets_delimiter_line_is_passed_over() -> None:
    assert read(f"sep=;\r\nsha256;item\r\n{ONE};a\r\n")[0] == [(3, {"sha256": ONE, "item": "a"})]


def test_quoted_cells_may_hold_delimiters_and_doubled_marks() -> None:
    rows, faults = read(f'sha256,source_ref,item\n"{ONE}","a, ""b"";c",""\n{TWO},"",""""\n')
    assert [row["source_ref"] for _, row in rows] == ['a, "b";c', ""]
    assert rows[1][1]["item"] == '"'
    assert faults == {}


def test_lines_that_are_no_rows_are_named_by_their_physical_line_and_spoil_no_other() -> None:
    text = "\n".join(
        [
            "sha256,source_ref",  # 1
            f"{ONE},fine",
            "",
            f"{ONE}",  # 4: too few
            f"{ONE},a,b",  # 5: too many
            f'{ONE},"not closed',  # 6
            f"{TWO},still read",
            f'{ONE},in the "middle"',  # 8
            f'{ONE},"closed" late',  # 9
            f"{ONE},bell\x07",  # 10
            f"{ONE},lone\rreturn",  # 11
            ",",
            f'{TWO},"last"',  # 13
        ]
    )
    rows, faults = read(text)
    assert [line for line, _ in rows] == [2, 7, 13]
    assert faults == {
        4: "row.columns",
        5: "row.columns",
        6: "row.quotes",
        8: "row.quotes",
        9: "row.quotes",
        10: "row.control",
        11: "row.control",
    }


@pytest.mark.parametrize("block", [1, 7, 64, 1000, 1 << 20])
def test_line_numbers_do_not_depend_on_how_the_file_is_cut_into_blocks(block: int) -> None:
    text = "\n\nsha256,item\r\n" + "".join(
        f"{ONE},{number}\r\n" if number % 5 else f'{ONE},"open {number}\n' for number in range(1, 300)
    )
    rows, faults = read(text, block=block)
    assert [line for line, row in rows] == [number + 3 for number in range(1, 300) if number % 5]
    assert faults == {number + 3: "row.quotes" for number in range(5, 300, 5)}
    assert all(line == int(row["item"]) + 3 for line, row in rows)


cells = st.text(st.sampled_from("ab\",; \té\t'\\"), max_size=6)


@settings(max_examples=300)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=20), st.sampled_from([1, 16, 4096]))
def test_whatever_the_csv_module_writes_is_read_back(written: list[tuple[str, str]], block: int) -> None:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(["source_ref", "md5"])
    writer.writerows(written)
    rows, faults = read(sheet.getvalue(), block=block)
    kept = [
        (line, {"source_ref": first, "md5": second})
        for line, (first, second) in enumerate(written, start=2)
        if (first + second).strip(" \t,")
    ]
    # A cell of marks and blanks alone may be written as `","`, which is text, so nothing else may be dropped.
    assert [row for row in rows if (row[1]["source_ref"] + row[1]["md5"]).strip(" \t,")] == kept
    assert faults == {}


@settings(max_examples=300)
@given(
    st.lists(st.text(st.sampled_from('a",\r\x01é '), max_size=12), max_size=30),
    st.sampled_from([1, 32, 4096]),
)
def test_any_text_gives_each_line_one_fate(lines: list[str], block: int) -> None:
    rows, faults = read("\n".join(["md5,item", *lines, "aa,bb"]), block=block)
    fates = [line for line, _ in rows] + list(faults)
    assert len(fates) == len(set(fates))
    fateless = set(range(2, len(lines) + 3)) - set(fates)
    assert fateless == {number for number, line in enumerate(lines, start=2) if not line.strip(", \r")}
    assert rows[-1] == (len(lines) + 2, {"md5": "aa", "item": "bb"})


JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb")
HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "csv.empty"),
    "blank lines": (b"\n\n\r\n  \n", "csv.empty"),
    "a byte order mark": (b"\xef\xbb\xbf", "csv.empty"),
    "no header": (f"{ONE}\n{TWO}\n".encode(), "csv.no_header"),
    "no header, base64": (b"nhB9nTcrtoJr2B01QqQZ1g==\n", "csv.no_header"),
    "no header, with classification": (f"{ONE},A1\n".encode(), "csv.no_header"),
    "no header, quoted": (f'"{ONE}","A1"\n'.encode(), "csv.no_header"),
    "unknown column": (b"sha256,color\n", "csv.column_unknown"),
    "near miss": (b"SHA-256,quality\n", "csv.column_unknown"),
    "column without a name": (b"sha256,,item\n", "csv.column_unknown"),
    "same column twice": (b"sha256,item,SHA256\n", "csv.column_twice"),
    "wide and long": (b"sha256,type,hash\n", "csv.mixed_forms"),
    "hash without type": (b"hash,item\n", "csv.no_hash_column"),
    "type without hash": (b"type,item\n", "csv.no_hash_column"),
    "facts alone": (b"classification,quality\n", "csv.no_hash_column"),
    "unpaired marks in the header": (b'"sha256,item\n', "csv.header_quotes"),
    "very many columns": (",".join(["sha256"] * 200).encode() + b"\n", "csv.too_many_columns"),
    "an endless header": (b"sha256," + b"a" * 70_000, "csv.line_too_long"),
    "an endless line": (b"sha256\n" + b"a" * 70_000 + b"\n", "csv.line_too_long"),
    "an endless last line": (b"sha256\n" + b"a" * 70_000, "csv.line_too_long"),
    "zero bytes": (b"\0" * 100_000, "csv.nul"),
    "a zero byte in the middle": (b"sha256\naa\nb\0b\n", "csv.nul"),
    "UTF-16": ("sha256\n".encode("utf-16"), "csv.encoding"),
    "UTF-16 big endian": (b"\xfe\xff" + "sha256\n".encode("utf-16-be"), "csv.encoding"),
    "Latin-1": ("sha256,item\naa,caf\xe9\n".encode("latin-1"), "csv.encoding"),
    "cut UTF-8": ("sha256,item\naa,€".encode()[:-1], "csv.encoding"),
    "overlong UTF-8": (b"sha256,item\naa,\xc0\xaf\n", "csv.encoding"),
    "surrogate in UTF-8": (b"sha256,item\naa,\xed\xa0\x80\n", "csv.encoding"),
    "JPEG": (JPEG, "csv.nul"),
    "gzip": (bytes.fromhex("1f8b08080000aa"), "csv.nul"),
    "HTML": (b"<html><body>sha256</body></html>\n", "csv.column_unknown"),
    "JSON": (b'{"sha256": "aa"}\n', "csv.column_unknown"),
    "JSON Lines with a hash": (f'{{"sha256": "{ONE}"}}\n'.encode(), "csv.no_header"),
    "a formula": (b"=cmd|' /C calc'!A0\n", "csv.column_unknown"),
    "a header of marks": (b'"""",""\n', "csv.column_unknown"),
    "digits of other scripts": ("١٢٣,sha256\n".encode(), "csv.column_unknown"),
    "right-to-left override": ("sha256\u202e,item\n".encode(), "csv.column_unknown"),
    "a very large number": (b"9" * 5000 + b"\n", "csv.no_header"),
}


@pytest.mark.parametrize(("content", "code"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("block", [16, 4096, 8 << 20])
def test_it_says_what_is_wrong_with_a_file_that_it_cannot_read(content: bytes, code: str, block: int) -> None:
    with pytest.raises(Invalid) as refusal:
        read(content, block=block)
    assert refusal.value.code == code
    assert ONE[:16] not in refusal.value.message + str(refusal.value.advice) + str(refusal.value.facts)


def test_it_says_where_and_suggests_what_was_meant() -> None:
    with pytest.raises(Invalid, match="Column 2 in line 3 is 'SHA-1', which is not a column") as refusal:
        opened("\n\nmd5,SHA-1\n")
    assert refusal.value.advice == "Did you mean 'sha1'?"
    assert refusal.value.facts == {"line": 3, "column": 2, "suggestion": "sha1"}
    with pytest.raises(Invalid, match="Line 3 is not UTF-8 at byte 7") as refusal:
        read(b"md5,item\n1,2\n3,caf\xc3\xa9\xe9\n"[:-4] + b"x\xe9\n")
    assert refusal.value.facts == {"line": 3, "byte": 7}
    with pytest.raises(Invalid, match="Line 2 holds a zero byte"):
        read(b"md5\na\0\n")


def test_random_bytes_give_rows_or_our_refusals_and_nothing_else() -> None:
    chance = random.Random(1)
    seeds = [b"sha256,item\n", b"type,hash\n", b"", b'"md5"\n']
    for _ in range(1500):
        content = chance.choice(seeds) + bytes(
            chance.choice(b'ab,\n\r"\t;\x00\xff\xc3\xa9=') if chance.random() < 0.9 else chance.randrange(256)
            for _ in range(chance.randrange(80))
        )
        try:
            read(content, block=chance.choice([1, 8, 4096]))
        except Refusal as refusal:
            assert refusal.code.startswith("csv.")


class Endless(io.RawIOBase):
    """A file of one repeated piece, `size` bytes long, that is never in memory."""

    def __init__(self, piece: bytes, size: int) -> None:
        self._piece, self._left = piece, size

    def read(self, size: int = -1) -> bytes:
        taken = min(size, self._left)
        self._left -= taken
        return (self._piece * (taken // len(self._piece) + 1))[:taken]


@pytest.mark.parametrize(
    ("piece", "code"),
    [(b"\0", "csv.nul"), (b"a", "csv.line_too_long"), (b'"', "csv.line_too_long"), (b"\n", "csv.empty")],
)
def test_a_gigabyte_of_nothing_costs_little(piece: bytes, code: str) -> None:
    tracemalloc.start()
    with pytest.raises(Invalid) as refusal:
        list(
            CsvReader(cast(BinaryIO, Endless(piece, 1 << 30 if code != "csv.empty" else 64 << 20))).batches()
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refusal.value.code == code
    assert peak < 150 << 20


def test_a_file_with_too_many_rows_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        list(opened("md5\n" + "a\n" * 11, limits=Limits(rows=10)).batches())
    assert refusal.value.code == "csv.too_many_rows"
    assert len(list(opened("md5\n" + "a\n" * 10, limits=Limits(rows=10)).batches())) == 1


def test_it_reads_a_file_from_disk_as_it_reads_bytes(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"sha256\n{ONE}\n")

    def lines(file: IO[bytes]) -> Iterator[int]:
        for batch in CsvReader(cast(BinaryIO, file)).batches():
            yield from batch.lines.tolist()

    with path.open("rb") as file:
        assert list(lines(file)) == [2]
