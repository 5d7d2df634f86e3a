"""Invitations: an admin asks somebody in by e-mail, and accepting proves the address.

(1) The admin chooses an address and roles; a letter with a one-time link is owed. (2) Whoever has the link
accepts: a new person with a name and a password, or, when the address has an account, that person and nobody
else, signed in. (3) The place is given on the inviter's authority, asked again at that moment: an invitation
of somebody who has left, lost the right or been suspended is worth nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.factors.forget import begin_anew, open_reset
from accounts.factors.link_token import digest_of, fresh_token
from accounts.identity.acting import Actor, person_acting, person_alone
from accounts.identity.models import Membership, Organisation, User
from accounts.identity.roles import Permission
from accounts.mail.queue import queue_mail
from accounts.membership.members import add_member, chosen_roles
from accounts.membership.models import Invitation
from accounts.membership.register import keep_user, known_language, new_user, plain_email

LASTS: Final = timedelta(days=7)


def invite(
    organisation: Organisation,
    *,
    email: str,
    roles: Iterable[str],
    language: str,
    actor: Actor,
    now: datetime,
) -> Invitation:
    """Owe a letter with a link to `email`. One open invitation per address and organisation.

    Errors: NotFound `organisation.not_found`; NotAllowed `permission.missing`, `actor.person_needed`,
    `membership.own`; Invalid `user.email`, `user.language`, `membership.roles`; Conflict `membership.exists`,
    `invitation.open`.
    """
    actor.require_own(organisation.id)
    actor.require(Permission.MEMBER_MANAGE)
    inviter, address = actor.person(), plain_email(email)
    wanted, spoken = chosen_roles(roles, kind=organisation.kind), known_language(language)
    known = User.objects.filter(email=address).first()
    if known is not None and known.id == inviter:
        raise NotAllowed(
            "Nobody changes their own roles.", code="membership.own", advice="Ask another admin."
        )
    token = fresh_token()
    invitation = Invitation(
        organisation=organisation,
        email=address,
        roles=[role.value for role in wanted],
        language=spoken,
        digest=digest_of(token),
        invited_by_id=inviter,
        created_at=now,
        expires_at=now + LASTS,
    )
    with transaction.atomic():
        Organisation.objects.lock(organisation.id)
        if Membership.objects.filter(
            organisation=organisation, user__email=address, ended_at__isnull=True
        ).exists():
            raise Conflict(
                "This person belongs to the organisation already.", code="membership.exists", field="email"
            )
        _of(organisation.id).filter(email=address, expires_at__lte=now).update(revoked_at=now)
        try:
            with transaction.atomic():
                invitation.save(force_insert=True)
        except IntegrityError:
            raise Conflict(
                "This address has an open invitation already.",
                code="invitation.open",
                field="email",
                advice="Take that one back first.",
            ) from None
        _owe_letter(invitation, token, known=known, now=now)
        _record(Action.INVITATION_SENT, invitation, actor=actor, now=now)
    return invitation


def _owe_letter(invitation: Invitation, token: str, *, known: User | None, now: datetime) -> None:
    queue_mail(
        "account.invitation",
        to=known if known is not None and known.is_active else invitation.email,
        language=invitation.language,
        facts={"organisation": invitation.organisation.name, "days": LASTS.days},
        path=f"/invitations/{token}",
        useful_for=LASTS,
        now=now,
    )


def open_invitations(actor: Actor, *, now: datetime) -> QuerySet[Invitation]:
    """Those of the actor's organisation that can still be accepted."""
    return _of(actor.organisation()).filter(expires_at__gt=now).select_related("invited_by")


def revoke_invitation(invitation_id: UUID, *, actor: Actor, now: datetime) -> Invitation:
    """Errors: NotFound `invitation.not_found`; NotAllowed `permission.missing`."""
    invitation = _of(actor.organisation()).filter(id=invitation_id).first()
    if invitation is None:
        raise NotFound("There is no such invitation.", code="invitation.not_found")
    actor.require(Permission.MEMBER_MANAGE)
    with transaction.atomic():
        if not _of(actor.organisation()).filter(id=invitation_id).update(revoked_at=now):
            raise NotFound("There is no such invitation.", code="invitation.not_found")
        _record(Action.INVITATION_REVOKED, invitation, actor=actor, now=now)
    return invitation


def invitation_of(digest: str, *, now: datetime) -> Invitation:
    """The open invitation of a link, while its inviter may still invite.

    Errors: NotFound `invitation.gone`, the same for unknown, used, taken back and too old.
    """
    found = Invitation.objects.filter(digest=digest, accepted_at__isnull=True, revoked_at__isnull=True)
    invitation = found.select_related("organisation", "invited_by").first()
    if invitation is None or invitation.expires_at <= now or _authority(invitation) is None:
        raise _gone()
    return invitation


def accept_as_new(digest: str, *, name: str, password: str, language: str, now: datetime) -> User:
    """Become a person here, with the roles offered; or again, for somebody whom a reset left without a place
    and without a way in.

    Errors: NotFound `invitation.gone`; Conflict `user.email_taken` (they have an account: sign in first);
    Invalid on the name, the password or the language.
    """
    invitation = invitation_of(digest, now=now)
    user = new_user(email=invitation.email, name=name, password=password, language=language, now=now)
    with transaction.atomic():
        inviter = _take(invitation, now=now)
        known = User.objects.filter(email=invitation.email).first()
        if known is not None and begins_anew(known):
            known = User.objects.lock(known.id)
            begin_anew(known, name=user.name, hashed_password=user.password, now=now)
            user = User.objects.get(id=known.id)
        else:
            keep_user(user, actor=inviter, now=now)
        _join(invitation, user, inviter=inviter, now=now)
    return user


def begins_anew(user: User) -> bool:
    """Whether this person has no place left, and cannot sign in because a second step was taken away."""
    placed = Membership.objects.filter(user=user, ended_at__isnull=True).exists()
    return not placed and open_reset(user) is not None


def accept_as(user: User, digest: str, *, now: datetime) -> User:
    """Take another place with one's own account, which must be that of the invited address.

    Errors: NotFound `invitation.gone`; NotAllowed `invitation.other_person`; Conflict `membership.exists`.
    """
    invitation = invitation_of(digest, now=now)
    if user.email != invitation.email:
        raise NotAllowed(
            "This invitation is for another e-mail address than yours.",
            code="invitation.other_person",
            advice="Sign out, and sign in with the account of that address.",
        )
    with transaction.atomic():
        inviter = _take(invitation, now=now)
        _join(invitation, user, inviter=inviter, now=now)
    return user


def _take(invitation: Invitation, *, now: datetime) -> Actor:
    """Use the link up and return on whose authority; of two uses at once one finds it used."""
    Organisation.objects.lock(invitation.organisation_id)
    open_still = Invitation.objects.filter(
        id=invitation.id, accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now
    )
    inviter = _authority(invitation)
    if inviter is None or not open_still.update(accepted_at=now):
        raise _gone()
    return inviter


def _join(invitation: Invitation, user: User, *, inviter: Actor, now: datetime) -> None:
    add_member(user, invitation.organisation, roles=invitation.roles, actor=inviter, now=now)
    _record(Action.INVITATION_ACCEPTED, invitation, actor=person_alone(user), now=now)


def _authority(invitation: Invitation) -> Actor | None:
    """The inviter as they may act now, None when they may not invite any more."""
    inviter = person_acting(invitation.invited_by, invitation.organisation)
    return inviter if inviter is not None and inviter.may(Permission.MEMBER_MANAGE) else None


def _of(organisation_id: UUID) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        organisation_id=organisation_id, accepted_at__isnull=True, revoked_at__isnull=True
    )


def _gone() -> NotFound:
    return NotFound(
        "This invitation has been used or taken back, or is too old.",
        code="invitation.gone",
        advice="Ask whoever invited you for a new one.",
    )


def _record(action: Action, invitation: Invitation, *, actor: Actor, now: datetime) -> None:
    facts: dict[str, Fact] = {"roles": list(invitation.roles), "invited_by": invitation.invited_by_id}
    record(
        action,
        actor=actor,
        subject_type="invitation",
        subject_id=invitation.id,
        organisation_id=invitation.organisation_id,
        now=now,
        facts=facts,
    )
