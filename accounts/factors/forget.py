"""Takes a person's second steps away when they have lost them. Two people do it, and the person proves anew.

(1) An admin of the organisation asks for it, or one of the exchange's staff where the person is its only
admin or belongs elsewhere too, with a note of how they called back. (2) Another one makes it: what is lost is
gone, every session and every open link ends, and the person, all admins and duty contacts hear of it. (3) The
person signs in with the password of before and proves the mailbox, or uses a passkey that was left; a sign-on
or a mailed password link alone will not do, since whoever took the step away may hold either. A password that
such a link has set within 72 hours before it was proposed, or since, is no password of before: nothing is
taken away then. (4) For 72
hours after that they are nobody's second person (`accounts.dual_control.independence`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.models import AuditEvent
from accounts.audit.record import record
from accounts.dual_control.independence import Act, why_not_second
from accounts.dual_control.letters import tell_organisation
from accounts.dual_control.models import RESET_COUNTS_FOR, Proposal, ProposalKind, SecondStepReset
from accounts.dual_control.propose import STAND_IN, Asked, is_for_staff, make, propose
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.factors.link_token import digest_of, fresh_token
from accounts.factors.models import CodeApp, Passkey, PasswordReset, RecoveryCode
from accounts.identity.acting import Actor, ActorKind, person_alone
from accounts.identity.models import Membership, Organisation, OrganisationKind, User
from accounts.identity.roles import Permission, Role
from accounts.mail.queue import queue_mail
from accounts.wording import one_line

LINK_LASTS: Final = timedelta(hours=1)
LINK_AGAIN_AFTER: Final = timedelta(minutes=5)
# A colleague who has not been here for so long may have lost the second step too: the exchange may then ask.
AWAY_AFTER: Final = timedelta(days=14)


def propose_reset(
    membership_id: int, *, note: str = "", leave_passkeys: bool = False, actor: Actor, now: datetime
) -> Proposal:
    """Ask for it, about a colleague; of the exchange's staff, about somebody whom no colleague can help.

    Errors: NotFound `membership.not_found`; NotAllowed `permission.missing`, `actor.person_needed`,
    `factor.own`, `factor.elsewhere`, `factor.colleague_needed`; Invalid `text.…` on the note; Conflict
    `proposal.waits`, `reset.password_new`.
    """
    living = Membership.objects.filter(ended_at__isnull=True).select_related("user", "organisation")
    place = living.filter(id=membership_id).first()
    own = place is not None and place.organisation_id == actor.organisation_id
    if place is None or not (own or actor.is_over_exchange):
        raise NotFound("There is no such membership.", code="membership.not_found")
    elsewhere = living.filter(user=place.user).exclude(id=place.id).exists()
    of_staff = place.organisation.kind == OrganisationKind.OPERATOR
    if own and not (actor.is_over_exchange and (of_staff or elsewhere)):
        actor.require(STAND_IN if of_staff else Permission.MEMBER_MANAGE)
    if actor.person() == place.user_id:
        own_step = NotAllowed(
            "Change your own second step on your account's page.",
            code="factor.own",
            advice="If you have lost it, ask another admin.",
        )
        raise noted(own_step, actor=actor, subject_type="user", subject_id=place.user_id)
    if own and elsewhere and not actor.is_over_exchange:
        raise _elsewhere()
    if not own and not elsewhere and _has_other_admin(place, now=now):
        raise NotAllowed(
            "Another admin of the organisation can ask for this.", code="factor.colleague_needed"
        )
    _require_password_of_before(place.user, now, actor=actor)
    # Whoever is not a colleague knows the person by a call alone: it is written down.
    by_staff = of_staff or elsewhere or not own
    said = one_line(note, field="note", limit=1_000, required=by_staff)
    # Where no colleague may or can decide, the proposal lies with the exchange's staff: both are of them.
    where = Organisation.objects.get(id=actor.organisation()) if by_staff else place.organisation
    with transaction.atomic():
        values = {"leave_passkeys": True} if leave_passkeys else {}
        asked = Asked(ProposalKind.SECOND_STEP, str(place.user_id), values, person=place.user, note=said)
        queue_mail("account.second_step_asked", to=place.user, facts={"who": actor.label}, now=now)
        proposal = propose(where, asked, actor=actor, now=now)
        for here in living.filter(user=place.user).exclude(organisation=where):
            tell_organisation(
                "account.proposal.second-step",
                here.organisation,
                facts={"who": actor.label, "whom": str(place.user)},
                besides=place.user_id,
                now=now,
            )
    return proposal


def make_reset(proposal: Proposal, *, actor: Actor, now: datetime) -> User:
    """Take it away, as a second person. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make`; Conflict `reset.person_left` when the person has
    left meanwhile, `reset.password_new` when a mailed link has just set their password; NotAllowed
    `factor.elsewhere` when they have joined another organisation.
    """
    as_what = make(proposal, actor=actor, now=now)
    person = proposal.person
    places = Membership.objects.filter(user=person, ended_at__isnull=True)
    of_others = places.exclude(organisation_id=proposal.organisation_id)
    if is_for_staff(proposal):
        living = places.exists()
    else:
        living = places.filter(organisation_id=proposal.organisation_id).exists()
    if person is None or not living:
        raise Conflict("This person has left since.", code="reset.person_left")
    if not is_for_staff(proposal) and of_others.exists():
        raise _elsewhere()
    User.objects.lock(person.id)
    _require_password_of_before(person, proposal.created_at, actor=actor)
    facts: dict[str, Fact] = {
        "proposed_by": proposal.proposed_by_id,
        "confirmed_by": proposal.decided_by_id,
        "confirmed_as": as_what.value,
    }
    reset = SecondStepReset(
        user=person, at=now, proposed_by_id=proposal.proposed_by_id, confirmed_by_id=proposal.decided_by_id
    )
    return _reset(reset, leave_passkeys=bool(proposal.asked.get("leave_passkeys")), facts=facts, actor=actor)


def reset_by_host(person: User, *, actor: Actor, now: datetime) -> User:
    """Take it away on the host's word, for the last of the exchange's staff.

    Errors: NotAllowed `factor.people_first` while anybody else could ask for it; `permission.missing`.
    """
    actor.require_over_exchange()
    if actor.kind is not ActorKind.SYSTEM:
        raise NotAllowed("This is for the exchange's host.", code="permission.missing")
    places = list(Membership.objects.current().filter(user=person).select_related("organisation"))
    # Colleagues ask where one organisation decides: not about staff, nor about people of several.
    alone = len(places) == 1 and places[0].organisation.kind != OrganisationKind.OPERATOR
    staff = Membership.objects.current().filter(organisation__kind=OrganisationKind.OPERATOR)
    others = staff.exclude(user=person).with_role(Role.EXCHANGE_ADMIN)
    if (alone and _has_other_admin(places[0], now=now)) or any(_is_about(one, now=now) for one in others):
        raise NotAllowed(
            "There are people who can ask for this.",
            code="factor.people_first",
            advice="An admin of the organisation proposes it, or one of the exchange's staff.",
        )
    with transaction.atomic():
        reset = SecondStepReset(user=person, at=now)
        return _reset(reset, leave_passkeys=False, facts={"confirmed_as": "host"}, actor=actor)


def open_reset(user: User) -> SecondStepReset | None:
    """The reset after which the person has not proven themselves yet."""
    newest = SecondStepReset.objects.filter(user=user).order_by("-at", "-id").first()
    return newest if newest is not None and newest.proven_at is None else None


def send_proof_link(reset: SecondStepReset, *, now: datetime) -> None:
    """A letter with a one-time link; another one at the earliest after five minutes."""
    sent = None if reset.link_expires_at is None else reset.link_expires_at - LINK_LASTS
    if sent is not None and now < sent + LINK_AGAIN_AFTER:
        return
    token = fresh_token()
    with transaction.atomic():
        unproven = SecondStepReset.objects.filter(id=reset.id, proven_at__isnull=True)
        if not unproven.filter(link_expires_at=reset.link_expires_at).update(
            digest=digest_of(token), link_expires_at=now + LINK_LASTS
        ):
            return
        queue_mail(
            "account.prove_mailbox",
            to=reset.user,
            path=f"/sign-in/prove/{token}",
            useful_for=LINK_LASTS,
            now=now,
        )


def use_proof_link(user: User, digest: str, *, now: datetime) -> SecondStepReset:
    """Use the link up: the mailbox is proven, by whoever has just given the password.

    Errors: NotFound `reset.gone`, the same for unknown, used, too old and another person's.
    """
    reset = open_reset(user)
    fresh = SecondStepReset.objects.filter(user=user, digest=digest, link_expires_at__gt=now)
    if reset is None or not digest or not fresh.filter(id=reset.id).update(digest="", link_expires_at=now):
        raise NotFound(
            "This link has been used, or is too old.",
            code="reset.gone",
            advice="Sign in again: a new one is sent.",
        )
    return reset


def begin_anew(user: User, *, name: str, hashed_password: str, now: datetime) -> None:
    """Somebody whose place ended after a reset, because the password was lost too, is invited anew and begins
    with another password. In the caller's transaction, which has taken a mailed invitation.

    The account opened nothing any more, so nothing rests on it; that a reset was made stays so for 72 hours.
    """
    User.objects.filter(id=user.id).update(
        name=name, password=hashed_password, session_epoch=F("session_epoch") + 1
    )
    CodeApp.objects.filter(user=user).delete()
    Passkey.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user, used_at__isnull=True).delete()
    record(
        Action.PASSWORD_CHANGED,
        actor=person_alone(user),
        subject_type="user",
        subject_id=user.id,
        organisation_id=None,
        now=now,
        facts={"by": "invitation"},
    )
    mark_proven(user, how="invitation", now=now)


def mark_proven(user: User, *, how: str, now: datetime) -> None:
    """The person has a second step again, after they proved themselves. Nothing when no reset is open."""
    reset = open_reset(user)
    if reset is None:
        return
    with transaction.atomic():
        if SecondStepReset.objects.filter(id=reset.id, proven_at__isnull=True).update(proven_at=now):
            record(
                Action.FACTOR_RESET_PROVEN,
                actor=person_alone(user),
                subject_type="user",
                subject_id=user.id,
                organisation_id=None,
                now=now,
                facts={"how": how},
            )


def _require_password_of_before(person: User, proposed_at: datetime, *, actor: Actor) -> None:
    """Errors: Conflict `reset.password_new`: whoever reads the mailbox would hold both proofs."""
    changed = AuditEvent.objects.filter(
        action=Action.PASSWORD_CHANGED, person_id=person.id, at__gt=proposed_at - RESET_COUNTS_FOR
    )
    if any(event.facts.get("by") == "link" for event in changed):
        raise noted(
            Conflict(
                "A mailed link has lately set this password, so it proves nothing beside the mailbox.",
                code="reset.password_new",
                advice="Propose it anew three days after that.",
            ),
            actor=actor,
            subject_type="user",
            subject_id=person.id,
        )


def _has_other_admin(place: Membership, *, now: datetime) -> bool:
    """Whether a colleague could ask: not one whose own place or second step keeps them from it, nor one who
    has long been away.
    """
    act = Act(Permission.MEMBER_MANAGE, "proposal.make", "user", str(place.user_id))
    living = Membership.objects.current().filter(organisation_id=place.organisation_id)
    others = [one for one in living.with_role(Role.ADMIN) if one.user_id != place.user_id]
    return any(
        not why_not_second(one.user_id, place.organisation_id, act, now=now) and _is_about(one, now=now)
        for one in others
    )


def _is_about(place: Membership, *, now: datetime) -> bool:
    """Whether somebody has come to this place, or signed in, lately."""
    signed_in = AuditEvent.objects.filter(action=Action.SIGN_IN_SUCCEEDED, person_id=place.user_id)
    return place.created_at > now - AWAY_AFTER or signed_in.filter(at__gt=now - AWAY_AFTER).exists()


def _elsewhere() -> NotAllowed:
    return NotAllowed(
        "This person belongs to another organisation too.",
        code="factor.elsewhere",
        advice="Ask the operator of this exchange.",
    )


def _reset(reset: SecondStepReset, *, leave_passkeys: bool, facts: dict[str, Fact], actor: Actor) -> User:
    user, now = reset.user, reset.at
    User.objects.lock(user.id)
    CodeApp.objects.filter(user=user).delete()
    if not leave_passkeys:
        Passkey.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user, used_at__isnull=True).delete()
    PasswordReset.objects.filter(user=user, used_at__isnull=True).update(used_at=now)
    User.objects.filter(id=user.id).update(session_epoch=F("session_epoch") + 1)
    reset.save(force_insert=True)
    queue_mail("account.second_step_ended", to=user, now=now)
    for place in Membership.objects.current().filter(user=user).select_related("organisation"):
        tell_organisation(
            "account.second_step_reset",
            place.organisation,
            facts={"whom": str(user)},
            besides=user.id,
            now=now,
        )
    record(
        Action.FACTOR_RESET,
        actor=actor,
        subject_type="user",
        subject_id=user.id,
        organisation_id=Membership.objects.filter(user=user, ended_at__isnull=True)
        .order_by("created_at", "id")
        .values_list("organisation_id", flat=True)
        .first(),
        now=now,
        facts={"passkeys_left": leave_passkeys, **facts},
    )
    return user
