"""What a member goes by beside the signed files of a list: who publishes it, and the member's own policy.

Both are the exchange's word, learned at each sync and kept with the list: the publisher signs entries, not
what kind of organisation it is. Without either, a policy that asks for it lets nothing through.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from accounts.errors import Invalid
from exchange.client.refusals import CorruptStore, Usage
from exchange.client.store import ListStore, stores_in
from hashsets.core.policy import TrustPolicy

__all__ = ["Publisher", "Standing", "keep_standing", "publisher_of", "standing_of", "stores_beside"]


@dataclass(frozen=True, slots=True)
class Publisher:
    """`id` tells publishers apart: two lists of one publisher are one voice."""

    id: str
    name: str
    kind: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Standing:
    """`publisher` is None until the exchange has told."""

    publisher: Publisher | None = None
    policy: TrustPolicy = field(default_factory=TrustPolicy)


def keep_standing(store: ListStore, standing: Standing) -> None:
    publisher = None if standing.publisher is None else asdict(standing.publisher)
    document = {"publisher": publisher, "policy": standing.policy.document()}
    store.note_standing(json.dumps(document).encode())


def standing_of(store: ListStore) -> Standing:
    """As kept; CorruptStore when it cannot be read, because a lost policy must not read as "no policy"."""
    content = store.standing()
    if content is None:
        return Standing()
    try:
        document: dict[str, Any] = json.loads(content)
        said = document["publisher"]
        publisher = None
        if said is not None:
            names = ("id", "name", "kind", "jurisdiction")
            publisher = Publisher(*(str(said[name]) for name in names))
        return Standing(publisher, TrustPolicy.parse(document["policy"]))
    except (ValueError, KeyError, TypeError, Invalid) as error:
        raise CorruptStore(
            f"What was kept about the publisher of list {store.list_id} is unreadable.",
            advice="Run `hashx sync`.",
        ) from error


def publisher_of(store: ListStore, standing: Standing) -> Publisher:
    """Usage `policy.unknown_publisher` when nobody has told yet."""
    if standing.publisher is None:
        raise Usage(
            f"Who publishes list {store.list_id} is not known here, and the policy asks for it.",
            code="policy.unknown_publisher",
            advice="Run `hashx sync`, or export with --no-policy.",
        )
    return standing.publisher


def stores_beside(store: ListStore) -> list[ListStore]:
    """The other lists in the same folder that have a release in force."""
    return [other for other in stores_in(store.folder.parent) if other.list_id != store.list_id]
