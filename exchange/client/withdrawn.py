"""The publisher's notice that earlier releases were withdrawn by law, held against the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.errors import Refusal
from exchange.client.refusals import MixAndMatch, UnsupportedFormat, WrongList
from hashsets.core.manifest import Manifest
from hashsets.core.withdrawal import MAX_NOTICE_BYTES, Notice, WithdrawnFacts, withdrawn_name

if TYPE_CHECKING:
    from exchange.client.trust import ListTrust  # loads python-tuf, which most commands do without

__all__ = ["read_notice", "verified_notice"]


def verified_notice(trust: ListTrust, manifest: Manifest, facts: WithdrawnFacts) -> Notice:
    """Fetched as the publisher signed it. MixAndMatch, UnsupportedFormat, WrongList, WrongFile."""
    target = trust.target(withdrawn_name(manifest.list_id))
    if (target.length, target.sha256) != (facts.length, facts.sha256):
        raise MixAndMatch("The manifest and the signed metadata disagree about the notice of withdrawal.")
    return read_notice(trust.manifest_bytes(target, limit=MAX_NOTICE_BYTES), manifest, facts)


def read_notice(content: bytes, manifest: Manifest, facts: WithdrawnFacts) -> Notice:
    """What bytes with the right digest say. UnsupportedFormat, WrongList, MixAndMatch."""
    try:
        notice = Notice.parse(content)
    except Refusal as error:
        raise UnsupportedFormat(
            f"The notice of withdrawal is not one that hashx can read: {error.message}",
            code="format.withdrawal",
            advice="Install a newer hashx.",
        ) from error
    if notice.list_id != manifest.list_id:
        raise WrongList("The notice of withdrawal is about another list.")
    if notice.before != facts.before:
        raise MixAndMatch("The manifest and the notice of withdrawal name different releases.")
    return notice
