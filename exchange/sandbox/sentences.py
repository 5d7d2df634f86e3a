"""What the sandbox lists hold: hashes of these sentences, written down here for everybody.

Nobody has to be told the hashes: whoever wants to try a system writes a sentence into a file and looks it up.
Sentences are as good as pictures for that, and can harm nobody. They never change: systems are tried with
them. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

TITLE: Final = "Sandbox"
BAD_TITLE: Final = "Sandbox: signature wrong on purpose"
ALWAYS: Final = (
    "Hash Exchange sandbox: this sentence always matches, number 1.",
    "Hash Exchange sandbox: this sentence always matches, number 2.",
    "Hash Exchange sandbox: this sentence always matches, number 3.",
)
WITHDRAWN: Final = ("Hash Exchange sandbox: this sentence was listed once and is withdrawn.",)
NEVER: Final = ("Hash Exchange sandbox: this sentence was never listed.",)
UNVERIFIED: Final = ("Hash Exchange sandbox: who matches this sentence verifies no signatures.",)
HASH_TYPES: Final = ("md5", "sha256")


def csv_of(sentences: Iterable[str]) -> str:
    """A submission with these sentences: one item each, by both kinds of hashes."""
    lines = [f"{_sha256(sentence)},{_md5(sentence)}\n" for sentence in sentences]
    return "sha256,md5\n" + "".join(lines)


def _sha256(sentence: str) -> str:
    return hashlib.sha256(sentence.encode()).hexdigest()


def _md5(sentence: str) -> str:
    return hashlib.md5(sentence.encode(), usedforsecurity=False).hexdigest()
