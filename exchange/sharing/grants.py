"""Who may download a list: seeing that a list exists is not yet a right to its entries."""

from __future__ import annotations

from accounts.identity.acting import Actor
from exchange.sharing.models import Subscription
from hashsets.lists.models import Audience, HashList


def downloadable(list_id: str, actor: Actor | None) -> HashList | None:
    """The list if `actor` may fetch its files, else None (the door then says 404, never 403).

    A public list is anybody's; another is for its publisher and for members that subscribe to it and are
    still in its audience. A subscription alone is not enough: leaving the audience ends the right at once.
    """
    hash_list = HashList.objects.visible_to(actor).filter(id=list_id).first()
    if hash_list is None or hash_list.audience == Audience.PUBLIC:
        return hash_list
    if actor is None or actor.organisation_id is None:
        return None
    if hash_list.organisation_id == actor.organisation_id:
        return hash_list
    subscribed = Subscription.objects.filter(
        organisation_id=actor.organisation_id, hash_list=hash_list, ended_at__isnull=True
    ).exists()
    return hash_list if subscribed else None
