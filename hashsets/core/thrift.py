"""A reader of Thrift's compact protocol for hostile bytes: what Parquet's footer and page headers are written
in.

pyarrow 26 aborts the whole process when some fields of a footer are asked for that hold an unknown code (seen
with a changed compression codec), so a foreign footer is read and checked here before pyarrow sees it.
"""

from __future__ import annotations

from typing import Final

from accounts.errors import Invalid

__all__ = ["CompactReader", "Struct", "Value", "malformed"]

Value = int | bytes | dict[int, "Value"] | list["Value"]
Struct = dict[int, Value]

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
DEEPEST: Final = 10  # Parquet nests 6 deep


def malformed() -> Invalid:
    return Invalid("This is not a segment: its description is malformed.", code="segment.corrupt")


class CompactReader:
    """Structs as {field number: value}; never reads past its bytes nor makes more values than it has
    bytes."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.at = 0

    def struct(self, depth: int = 0) -> Struct:
        if depth > DEEPEST:
            raise malformed()
        fields: Struct = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._signed()
            if number in fields:
                raise malformed()
            fields[number] = int(kind == TRUE) if kind in (TRUE, FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Value:
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind in (I16, I32, I64):
            return self._signed()
        if kind == DOUBLE:
            return self._take(8)
        if kind == BINARY:
            return self._take(self._varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            return self._list(depth + 1)
        raise malformed()  # Parquet has no maps

    def _list(self, depth: int) -> list[Value]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        if size == 15:
            size = self._varint()
        if size > len(self._octets) - self.at or depth > DEEPEST:
            raise malformed()
        return [self._value(kind, depth) for _ in range(size)]

    def _byte(self) -> int:
        if self.at >= len(self._octets):
            raise malformed()
        self.at += 1
        return self._octets[self.at - 1]

    def _varint(self) -> int:
        number = shift = 0
        while True:
            octet = self._byte()
            number |= (octet & 127) << shift
            if octet < 128:
                return number
            shift += 7
            if shift > 63:
                raise malformed()

    def _signed(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _take(self, size: int) -> bytes:
        if size > len(self._octets) - self.at:
            raise malformed()
        self.at += size
        return self._octets[self.at - size : self.at]
