"""The one family of refusals: every "no" the exchange gives carries a stable code.

Pure on purpose: the member client, the data plane and the web share it. HTTP status codes are assigned in one
place only (`exchange/http/problems.py`); nothing here knows about HTTP.
"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """A request that is understood and refused.

    `code` is stable and documented (`noun.reason`, lower case); `message` says what was wrong in plain words;
    `field` says where; `advice` says what to do next. `facts` are small JSON values that a program may rely
    on, never hash values, keys or tokens.
    """

    default_code: ClassVar[str] = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        advice: str | None = None,
        **facts: str | int | bool | None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.field = field
        self.advice = advice
        self.facts = facts

    def __str__(self) -> str:
        return self.message


class Invalid(Refusal):
    """The input does not say anything we can act on: wrong form, wrong value, wrong combination."""

    default_code = "invalid"


class TooLarge(Invalid):
    """The input exceeds a stated cap; the message names the cap."""

    default_code = "too_large"


class Unsupported(Invalid):
    """The input is of a kind we do not take, media above all; nothing of it is kept."""

    default_code = "unsupported"


class Unauthenticated(Refusal):
    """No valid proof of who is asking."""

    default_code = "unauthenticated"


class NotFound(Refusal):
    """It does not exist, or the asker may not know that it does."""

    default_code = "not_found"


class Gone(NotFound):
    """It was there and has been withdrawn for good; `facts` say since when."""

    default_code = "gone"


class NotAllowed(Refusal):
    """The asker may see it but may not do this to it."""

    default_code = "not_allowed"


class StepUpRequired(NotAllowed):
    """Allowed in principle, but the person must prove their presence again first."""

    default_code = "step_up_required"


class Conflict(Refusal):
    """The state has moved on: someone else acted, or the step is not possible from here."""

    default_code = "conflict"


class Throttled(Refusal):
    """Too much in too short a time; `facts["retry_after"]` gives seconds."""

    default_code = "throttled"


class Corrupt(Refusal):
    """Stored bytes do not match what was recorded about them: never served, never applied."""

    default_code = "corrupt"
