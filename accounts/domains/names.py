"""Domain names as people type them, in the one form that is kept and asked for. Pure."""

from __future__ import annotations

import re

from accounts.errors import Invalid

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PREFIX = re.compile(r"^(?:https?://)?(?:www\.)?", re.IGNORECASE)
_LONGEST = 253 - len("_hash-exchange.")


def known_domain(text: str, *, field: str = "domain") -> str:
    """Return `text` as a host name in lower case, international labels as xn--.

    A pasted address loses its scheme, `www.` and path. Errors: Invalid `domain.name`.
    """
    refusal = Invalid(
        "This is not a domain name.",
        code="domain.name",
        field=field,
        advice="Give the domain of your organisation's website and e-mail, such as example.org.",
    )
    bare = _PREFIX.sub("", text.strip()).partition("/")[0].rstrip(".").lower()
    try:
        name = bare.encode("idna").decode("ascii") if not bare.isascii() else bare
    except UnicodeError:
        raise refusal from None
    labels = name.split(".")
    if len(labels) < 2 or len(name) > _LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise refusal
    if labels[-1].isdigit():  # an address in numbers is no domain
        raise refusal
    return name


def belongs_to(email: str, domain: str) -> bool:
    """Whether an e-mail address is at `domain` or below it."""
    host = email.rpartition("@")[2].lower()
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
