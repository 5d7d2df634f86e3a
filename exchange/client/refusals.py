"""Why `hashx` stops, and the exit code that says so: the one table that scripts of members rely on.

Each way of stopping is a class with its exit code, so that a refusal carries its code from where it is found
to the shell and no second table has to be kept in step. `exit_for` places what other floors raise.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from accounts.errors import Corrupt, NotAllowed, NotFound, Refusal, Throttled, Unauthenticated, Unsupported

__all__ = [
    "BadSignature",
    "BelowThreshold",
    "CorruptStore",
    "Ended",
    "Exit",
    "Expired",
    "Forbidden",
    "MixAndMatch",
    "NetworkDown",
    "RolledBack",
    "RootMismatch",
    "Stop",
    "UnsupportedFormat",
    "Usage",
    "WrongFile",
    "WrongList",
    "exit_for",
]


class Exit(IntEnum):
    """Stable since the first release; documented in `hashx --help` and in the README."""

    DONE = 0
    USAGE = 1
    NETWORK = 2
    NOT_AUTHORISED = 3
    BAD_SIGNATURE = 10
    ROLLBACK = 11
    EXPIRED = 12
    WRONG_FILE = 13
    WRONG_LIST = 14
    ROOT_MISMATCH = 15
    MIX_AND_MATCH = 16
    THRESHOLD = 17
    UNSUPPORTED = 18
    CORRUPT_STORE = 19
    INTERRUPTED = 130  # the shell's own convention for Ctrl-C


class Ended(Exception):
    """A command that has said everything already; only its exit code is left. Not `typer.Exit`, whose code
    2 could not be told from the framework's own for wrong options."""

    def __init__(self, code: Exit) -> None:
        super().__init__(code)
        self.code = code


class Stop(Refusal):
    """A refusal of the member's side; what was applied before is still there, unchanged."""

    exit: ClassVar[Exit] = Exit.USAGE


class Usage(Stop):
    """The command cannot be carried out as it was given, or the exchange refuses what it asks for."""

    default_code = "usage"


class NetworkDown(Stop):
    """No answer, or none that can be used; trying again later may help."""

    default_code = "network.unreachable"
    exit = Exit.NETWORK


class Forbidden(Stop):
    """The key is not accepted, or the list is not there for its holder."""

    default_code = "credential.refused"
    exit = Exit.NOT_AUTHORISED


class BadSignature(Stop):
    """Not signed by those who must have signed it."""

    default_code = "trust.bad_signature"
    exit = Exit.BAD_SIGNATURE


class RolledBack(Stop):
    """Older than what this member has already seen."""

    default_code = "trust.rollback"
    exit = Exit.ROLLBACK


class Expired(Stop):
    """Signed once, but no longer vouched for: someone may be holding newer releases back."""

    default_code = "trust.expired"
    exit = Exit.EXPIRED


class WrongFile(Stop):
    """The bytes are not those that the signed metadata names."""

    default_code = "file.mismatch"
    exit = Exit.WRONG_FILE


class WrongList(Stop):
    """Genuine, but about another list than the one that was asked for."""

    default_code = "trust.wrong_list"
    exit = Exit.WRONG_LIST


class RootMismatch(Stop):
    """The entries do not add up to the state root that the publisher signed."""

    default_code = "state.root_mismatch"
    exit = Exit.ROOT_MISMATCH


class MixAndMatch(Stop):
    """Each document is genuine, but they do not belong to one release."""

    default_code = "trust.mix_and_match"
    exit = Exit.MIX_AND_MATCH


class BelowThreshold(Stop):
    """Some of the required signers have signed, but too few."""

    default_code = "trust.threshold"
    exit = Exit.THRESHOLD


class UnsupportedFormat(Stop):
    """A format that this version does not read or write."""

    default_code = "format.unsupported"
    exit = Exit.UNSUPPORTED


class CorruptStore(Stop):
    """Local files are not what was written there."""

    default_code = "store.corrupt"
    exit = Exit.CORRUPT_STORE


_FOREIGN: tuple[tuple[type[BaseException], Exit], ...] = (
    (Corrupt, Exit.CORRUPT_STORE),
    (Unsupported, Exit.UNSUPPORTED),
    (Unauthenticated, Exit.NOT_AUTHORISED),
    (NotAllowed, Exit.NOT_AUTHORISED),
    (NotFound, Exit.NOT_AUTHORISED),
    (Throttled, Exit.NETWORK),
    (Refusal, Exit.USAGE),
    (PermissionError, Exit.USAGE),  # a folder that may not be written is a mistake in the call, not damage
    (NotADirectoryError, Exit.USAGE),
    (OSError, Exit.CORRUPT_STORE),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def exit_for(error: BaseException) -> Exit:
    """The exit code of whatever ended a command."""
    if isinstance(error, Stop):
        return error.exit
    for kind, code in _FOREIGN:
        if isinstance(error, kind):
            return code
    return Exit.USAGE
