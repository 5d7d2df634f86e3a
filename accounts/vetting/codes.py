"""References of cases, and the code that a mail carries to come back to one. Pure apart from the secret key.

The code proves that whoever types it reads the applicant's mail. It is typed and posted, and in a link it
stands behind the #, which browsers never send: no log of requests can hold it. What is kept is a keyed
digest.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from django.utils.crypto import salted_hmac

# Without I, L, O and U: read aloud and copied from paper without mistakes (Crockford's base32).
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES: Final = str.maketrans({"I": "1", "L": "1", "O": "0"})
_CODE_LENGTH: Final = 20  # 100 bits


def new_reference() -> str:
    """`AP-7K3M-9QTD`: for people to quote, no secret."""
    return f"AP-{_drawn(4)}-{_drawn(4)}"


def new_code() -> str:
    """`7K3M9-QTD2X-5BN8C-R4WYZ`."""
    drawn = _drawn(_CODE_LENGTH)
    return "-".join(drawn[start : start + 5] for start in range(0, _CODE_LENGTH, 5))


def code_digest(code: str) -> str:
    """The digest of a code as somebody typed it: case, spaces, dashes and look-alikes do not matter."""
    bare = "".join(sign for sign in code.upper().translate(_LOOK_ALIKES) if sign in _ALPHABET)
    return salted_hmac("accounts.vetting.codes", bare, algorithm="sha256").hexdigest()


def same_code(code: str, digest: str) -> bool:
    return hmac.compare_digest(code_digest(code), digest)


def _drawn(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
