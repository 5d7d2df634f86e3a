"""Slow strangers, each from an address of its own.

`python -m tests.faults.dripping PORT COUNT SECONDS BEGINNING…`: COUNT connections to 127.0.0.1:PORT from
127.0.16.1 on; each sends one of the beginnings (Python literals of bytes, in turn), then a byte a second.
Whoever is cut off comes again a second later. At the end one line of JSON says how often they came and how
they were answered. `--tls` speaks TLS and believes any certificate.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import json
import ssl
import sys
from collections import Counter

STREETS = 200  # addresses of one 127.0.x.0


async def drip(number: int, beginning: bytes, arguments: argparse.Namespace, counts: Counter[str]) -> None:
    """Come, drip, and come again."""
    address = (f"127.0.{16 + number // STREETS}.{1 + number % STREETS}", 0)
    context = ssl._create_unverified_context() if arguments.tls else None  # noqa: S323 - a stranger believes all
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", arguments.port, ssl=context, local_addr=address
            )
            counts["came"] += 1
            try:
                await drip_into(reader, writer, beginning, counts)
            finally:
                writer.transport.abort()
        await asyncio.sleep(1.0)


async def drip_into(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, beginning: bytes, counts: Counter[str]
) -> None:
    writer.write(beginning)
    answer = asyncio.ensure_future(reader.read(4_096))
    try:
        while not answer.done():
            writer.write(b"A")
            await asyncio.wait([answer], timeout=1.0)
        said = answer.result()
        counts[said.split(b"\r\n", 1)[0].decode("latin-1") if said else "closed"] += 1
    finally:
        answer.cancel()


async def all_of_them(arguments: argparse.Namespace) -> Counter[str]:
    counts: Counter[str] = Counter()
    beginnings = [ast.literal_eval(one) for one in arguments.beginnings]
    dripping = [
        asyncio.ensure_future(drip(number, beginnings[number % len(beginnings)], arguments, counts))
        for number in range(arguments.count)
    ]
    await asyncio.sleep(arguments.seconds)
    for one in dripping:
        one.cancel()
    await asyncio.gather(*dripping, return_exceptions=True)
    return counts


def main() -> None:
    """Drip for the time given, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("beginnings", nargs="+")
    sys.stdout.write(json.dumps(asyncio.run(all_of_them(parser.parse_args()))) + "\n")


if __name__ == "__main__":
    main()
