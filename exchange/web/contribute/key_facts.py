"""Signing keys of an organisation as its pages show them: who brought and confirmed them, which lists they
sign.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.safestring import SafeString

from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from exchange.web.shown import digest, instant, short
from exchange.web.words import CUSTODY, KEY_STATUS, KEY_STATUS_TONE, SIGNATURE_SCHEME, word
from hashsets.lists.models import HashList, ListSigningKey


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """`own_registration`: this person brought the key, so somebody else confirms it."""

    row: SigningKey
    short: str
    keyid: SafeString
    custody: str
    scheme: str
    status: str
    tone: str
    created: SafeString
    registered_by: str
    confirmed_by: str
    revoked: SafeString | None
    lists: tuple[HashList, ...]
    waits: bool
    own_registration: bool
    may_arrange: bool
    in_use: bool

    @property
    def may_confirm(self) -> bool:
        return self.waits and self.may_arrange and not self.own_registration


def key_facts(rows: Iterable[SigningKey], actor: Actor) -> list[KeyFacts]:
    """One query for all their lists, however many keys there are."""
    keys = list(rows)
    signs: dict[object, list[HashList]] = defaultdict(list)
    entitled = ListSigningKey.objects.filter(
        signing_key__in=keys, hash_list__organisation_id=actor.organisation()
    )
    for one in entitled.select_related("hash_list").order_by("hash_list__title"):
        signs[one.signing_key_id].append(one.hash_list)
    return [_facts(key, tuple(signs[key.id]), actor) for key in keys]


def _facts(key: SigningKey, lists: tuple[HashList, ...], actor: Actor) -> KeyFacts:
    return KeyFacts(
        row=key,
        short=short(key.keyid),
        keyid=digest(key.keyid),
        custody=word(CUSTODY, key.custody),
        scheme=word(SIGNATURE_SCHEME, key.scheme),
        status=word(KEY_STATUS, key.status),
        tone=KEY_STATUS_TONE.get(key.status, "quiet"),
        created=instant(key.created_at),
        registered_by=str(key.registered_by) if key.registered_by else "",
        confirmed_by=str(key.confirmed_by) if key.confirmed_by else "",
        revoked=instant(key.revoked_at) if key.revoked_at else None,
        lists=lists,
        waits=key.status == SigningKeyStatus.PENDING,
        own_registration=key.registered_by_id in (None, actor.person_id),
        may_arrange=actor.may(Permission.KEY_MANAGE),
        in_use=key.status != SigningKeyStatus.REVOKED,
    )
