"""Which deltas travel in notices, and their bytes.

Only small ones, only where the publisher lets them and the member asked for them, and only when they begin at
the release that the member has: what it confirmed, and not what it was merely told of.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from django.db.models import Max

from accounts.errors import Corrupt
from exchange.push.notice import MAX_INLINE
from exchange.sharing.models import Confirmation, Subscription
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store

logger = logging.getLogger(__name__)


class DeltaFile(NamedTuple):
    """One file of a delta, by its TUF target path."""

    list_id: str
    path: str
    sha256: str
    length: int


def inline_deltas(
    candidates: Mapping[tuple[UUID, str, int], DeltaFile],
) -> dict[tuple[UUID, str, int], bytes]:
    """Of `candidates` by (member, list, base) the bytes of those that may travel.

    Never a reason not to send a notice: what cannot be read is left to be downloaded.
    """
    small = {key: file for key, file in candidates.items() if file.length <= MAX_INLINE}
    if not small:
        return {}
    members, lists = {member for member, _, _ in small}, {list_id for _, list_id, _ in small}
    asked = Subscription.objects.filter(
        inline_delta=True, ended_at__isnull=True, organisation_id__in=members, hash_list_id__in=lists
    )
    wanted = set(asked.values_list("organisation_id", "hash_list_id"))
    if not wanted:
        return {}
    rows = Confirmation.objects.filter(organisation_id__in=members, hash_list_id__in=lists, matches=True)
    held = {
        (row["organisation_id"], row["hash_list_id"]): row["newest"]
        for row in rows.values("organisation_id", "hash_list_id").annotate(newest=Max("release")).order_by()
    }
    found: dict[tuple[UUID, str, int], bytes] = {}
    for (member, list_id, base), file in small.items():
        if (member, list_id) in wanted and held.get((member, list_id)) == base:
            try:
                found[member, list_id, base] = _content(file)
            except Exception:  # whatever a store raises, the notice goes without
                logger.exception("A delta could not be read for a notice.", extra={"list": list_id})
                break  # and a store that fails is not waited for once per notice
    return found


@lru_cache(maxsize=32)
def _content(file: DeltaFile) -> bytes:
    """The same for hundreds of endpoints; named by its digest, so it never changes. Errors: as the store's;
    Corrupt `target.damaged`."""
    key = keys.target(file.list_id, file.path, file.sha256)
    content = blob_store().get_bytes(key, limit=MAX_INLINE)
    if len(content) != file.length or hashlib.sha256(content).hexdigest() != file.sha256:
        raise Corrupt("A delta is not the one that was published.", code="target.damaged", path=file.path)
    return content
