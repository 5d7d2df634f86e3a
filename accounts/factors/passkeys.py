"""Passkeys (WebAuthn): registered with user verification, so that one is two factors in itself.

The ceremonies' arithmetic is the `fido2` library's. Ours are the rules around it: every passkey can be found
without a name typed first, the device must have recognised its person, a challenge is for one person's one
page, and a signature counter that runs backwards (a copied device) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound, Unauthenticated
from accounts.factors.forget import mark_proven
from accounts.factors.models import CodeApp, Passkey
from accounts.factors.standing import has_factor
from accounts.identity.acting import Actor
from accounts.identity.models import User
from accounts.mail.queue import queue_mail
from accounts.wording import one_line

MOST: Final = 10  # per person; each is one more thing that can be lost
NAME_LENGTH: Final = 60
_BAD_ANSWERS = (ValueError, TypeError, KeyError, AttributeError, IndexError)


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys of this exchange are good: its host, and the origin of its pages.

    On loopback (the demo) any port is taken, because browsers tell tests and demos apart by it.
    """

    host: str
    origin: str

    def is_ours(self, origin: str) -> bool:
        if self.host == "localhost":
            return urlsplit(origin).hostname == "localhost"
        return origin == self.origin


@dataclass(frozen=True, slots=True)
class Challenge:
    """`options` are for the browser, `state` is for the session until the answer comes."""

    options: dict[str, Any]
    state: dict[str, Any]


def begin_passkey(user: User, *, site: Site) -> Challenge:
    """Ask the person's device to make a passkey; those it has for us already are named and refused."""
    known = [_public_part(passkey) for passkey in Passkey.objects.filter(user=user)]
    options, state = _server(site).register_begin(
        PublicKeyCredentialUserEntity(
            name=user.email, id=user.id.bytes, display_name=user.name or user.email
        ),
        known,
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return Challenge(options=dict(options), state=dict(state))


def add_passkey(
    user: User,
    answer: Mapping[str, Any],
    *,
    state: Mapping[str, Any],
    site: Site,
    name: str,
    actor: Actor,
    now: datetime,
    first: bool = False,
) -> Passkey:
    """Keep the passkey that the device has made. `first` as in `set_up_code_app`.

    Errors: Invalid `passkey.answer` or on the name; Conflict `passkey.known`, `passkey.too_many`,
    `factor.exists`, `user.signed_out`.
    """
    wished = one_line(name, field="name", limit=NAME_LENGTH)
    try:
        made = _server(site).register_complete(dict(state), answer)
    except _BAD_ANSWERS:
        raise _unusable() from None
    if made.credential_data is None or not made.is_user_verified():
        raise _unusable()
    passkey = Passkey(
        user=user,
        name=wished,
        credential_id=websafe_encode(made.credential_data.credential_id),
        public_part=websafe_encode(bytes(made.credential_data)),
        sign_count=made.counter,
        created_at=now,
    )
    with transaction.atomic():
        User.objects.hold(user)
        if first and has_factor(user.id):
            raise Conflict(
                "A second step is set up already.", code="factor.exists", advice="Sign in again with it."
            )
        if Passkey.objects.filter(user=user).count() >= MOST:
            raise Conflict(f"More than {MOST} passkeys are not kept.", code="passkey.too_many")
        try:
            with transaction.atomic():
                passkey.save(force_insert=True)
        except IntegrityError:
            raise Conflict("This passkey is known already.", code="passkey.known") from None
        if first:
            # In one transaction: nobody has a second step whose reset stays unproven for ever.
            mark_proven(user, how="passkey", now=now)
        else:
            queue_mail("account.second_step_changed", to=user, now=now)
        _record(Action.FACTOR_ADDED, passkey, actor=actor, now=now)
    return passkey


def begin_proof(user: User | None, *, site: Site) -> Challenge:
    """Ask for a passkey: of `user`, or of whoever the device says it is."""
    known = [_public_part(passkey) for passkey in Passkey.objects.filter(user=user)] if user else []
    options, state = _server(site).authenticate_begin(
        known or None, user_verification=UserVerificationRequirement.REQUIRED
    )
    return Challenge(options=dict(options), state=dict(state))


def prove_passkey(
    answer: Mapping[str, Any],
    *,
    state: Mapping[str, Any],
    site: Site,
    now: datetime,
    user: User | None = None,
) -> User:
    """The person whose passkey signed the challenge; `user` names the only one who will do.

    The same refusal for unknown, foreign, copied and wrong ones. Errors: Unauthenticated `passkey.refused`.
    """
    refused = Unauthenticated("This passkey did not prove who you are.", code="passkey.refused")
    try:
        response = AuthenticationResponse.from_dict(answer)
        passkey = Passkey.objects.select_related("user").get(credential_id=websafe_encode(response.raw_id))
        handle = response.response.user_handle
        _server(site).authenticate_complete(dict(state), [_public_part(passkey)], response)
        counter = response.response.authenticator_data.counter
    except (*_BAD_ANSWERS, Passkey.DoesNotExist):
        raise refused from None
    if user is not None and passkey.user_id != user.id:
        raise refused
    if (handle and UUID(bytes=handle) != passkey.user_id) or not passkey.user.is_active:
        raise refused
    # Devices that count never repeat a number; those that do not always say 0.
    counted = Passkey.objects.filter(id=passkey.id).filter(
        Q(sign_count__lt=counter) | Q(sign_count=0) if counter else Q(sign_count=0)
    )
    if counted.update(sign_count=counter, last_used_at=now) != 1:
        raise refused
    return passkey.user


def remove_passkey(user: User, passkey_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Errors: NotFound `passkey.not_found`; Conflict `factor.last`, `user.signed_out`."""
    with transaction.atomic():
        User.objects.hold(user)
        passkey = Passkey.objects.filter(user=user, id=passkey_id).first()
        if passkey is None:
            raise NotFound("There is no such passkey.", code="passkey.not_found")
        others = Passkey.objects.filter(user=user).exclude(id=passkey_id).exists()
        if not others and not CodeApp.objects.filter(user=user).exists():
            raise Conflict(
                "This is your only second step, and nobody acts without one.",
                code="factor.last",
                advice="Set up another one first.",
            )
        Passkey.objects.filter(id=passkey_id).delete()
        queue_mail("account.second_step_changed", to=user, now=now)
        _record(Action.FACTOR_REMOVED, passkey, actor=actor, now=now)


def _server(site: Site) -> Fido2Server:
    return Fido2Server(
        PublicKeyCredentialRpEntity(id=site.host, name="Hash Exchange"), verify_origin=site.is_ours
    )


def _public_part(passkey: Passkey) -> AttestedCredentialData:
    return AttestedCredentialData(websafe_decode(passkey.public_part))


def _unusable() -> Invalid:
    return Invalid(
        "The passkey could not be made.",
        code="passkey.answer",
        advice="Try again; your device must ask for your fingerprint, face or PIN.",
    )


def _record(action: Action, passkey: Passkey, *, actor: Actor, now: datetime) -> None:
    record(
        action,
        actor=actor,
        subject_type="user",
        subject_id=passkey.user_id,
        organisation_id=None,
        now=now,
        facts={"kind": "passkey", "name": passkey.name},
    )
