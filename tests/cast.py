"""The standing cast: the organisations and people of every test, made with the real verbs.

Harbor is an NGO that publishes, Northland Police a government that does, Lumen and Pixelhaus are companies
that subscribe, the Operator runs the exchange with two admins. The Stranger holds every role, but in a
company that has no business here: what stops them must be whose thing it is, not a missing role.

    harbor = cast.harbor()
    receive_submission(..., actor=harbor.contributor.actor, now=cast.NOW)

Calling a builder twice in a test gives the same organisation and people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from accounts.dual_control.models import Proposal
from accounts.factors import totp
from accounts.factors.code_app import seed_of, set_up_code_app
from accounts.factors.models import CodeApp
from accounts.factors.recovery import issue_recovery_codes
from accounts.identity.acting import Actor, person_acting, person_alone, system_actor
from accounts.identity.models import Membership, Organisation, OrganisationKind, User
from accounts.identity.roles import Role
from accounts.membership.members import add_member
from accounts.membership.register import create_organisation, create_user
from hashsets.trust.arrangements import confirm_arrangement

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
PASSWORD = "correct-horse-battery-staple"  # everybody's, so that a test can sign anybody in
HOST = system_actor("tests")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone of the cast; `actor` is what they may do, as it was when they were made."""

    user: User
    actor: Actor


@dataclass(frozen=True, slots=True)
class Crew:
    """A member organisation with one person per role, and a second one where two are required."""

    organisation: Organisation
    admin: Person
    second_admin: Person
    contributor: Person
    second_contributor: Person
    approver: Person
    second_approver: Person
    signer: Person
    integrator: Person
    viewer: Person
    auditor: Person


@dataclass(frozen=True, slots=True)
class OperatorCrew:
    """The organisation that runs the exchange: two exchange admins, and an officer who holds root keys."""

    organisation: Organisation
    admin: Person
    second_admin: Person
    officer: Person


@dataclass(frozen=True, slots=True)
class Outsider:
    """One person with every member role in an organisation of their own."""

    organisation: Organisation
    user: User
    actor: Actor


def harbor(*, now: datetime = NOW) -> Crew:
    """An NGO in Canada that publishes."""
    return crew("Harbor", OrganisationKind.NGO, "CA", now=now)


def northland(*, now: datetime = NOW) -> Crew:
    """A government's police that publishes."""
    return crew("Northland Police", OrganisationKind.GOVERNMENT, "NZ", now=now)


def lumen(*, now: datetime = NOW) -> Crew:
    """A company that subscribes and runs a receiving endpoint."""
    return crew("Lumen", OrganisationKind.COMPANY, "US", now=now)


def pixelhaus(*, now: datetime = NOW) -> Crew:
    """A second company that subscribes."""
    return crew("Pixelhaus", OrganisationKind.COMPANY, "DE", now=now)


def operator(*, now: datetime = NOW) -> OperatorCrew:
    """Whoever runs the exchange."""
    organisation = _organisation("Exchange Operator", OrganisationKind.OPERATOR, "GB", now=now)
    staff = (Role.ADMIN, Role.EXCHANGE_ADMIN)
    return OperatorCrew(
        organisation=organisation,
        admin=person(organisation, "Olive Admin", staff, now=now),
        second_admin=person(organisation, "Oscar Admin", staff, now=now),
        officer=person(organisation, "Opal Officer", (Role.OFFICER,), now=now),
    )


def stranger(*, now: datetime = NOW) -> Outsider:
    """Every member role, in a company that nothing in the test belongs to."""
    organisation = _organisation("Stranger", OrganisationKind.COMPANY, "FR", now=now)
    roles = sorted(Membership.allowed_roles(OrganisationKind.COMPANY))
    someone = person(organisation, "Sam Stranger", roles, now=now)
    return Outsider(organisation=organisation, user=someone.user, actor=someone.actor)


def crew(name: str, kind: str, jurisdiction: str, *, now: datetime = NOW) -> Crew:
    """A member organisation with its people. For more tenants than the standing cast has."""
    organisation = _organisation(name, kind, jurisdiction, now=now)

    def _with(first_name: str, role: Role) -> Person:
        return person(organisation, f"{first_name} of {name}", (role,), now=now)

    return Crew(
        organisation=organisation,
        admin=_with("Ada", Role.ADMIN),
        second_admin=_with("Alan", Role.ADMIN),
        contributor=_with("Cleo", Role.CONTRIBUTOR),
        second_contributor=_with("Cyril", Role.CONTRIBUTOR),
        approver=_with("Asha", Role.APPROVER),
        second_approver=_with("Arne", Role.APPROVER),
        signer=_with("Sofia", Role.SIGNER),
        integrator=_with("Ivo", Role.INTEGRATOR),
        viewer=_with("Vera", Role.VIEWER),
        auditor=_with("Aud", Role.AUDITOR),
    )


def person(organisation: Organisation, name: str, roles: Iterable[str], *, now: datetime = NOW) -> Person:
    """A person with `roles` in `organisation`; the same one when they are there already."""
    email = f"{name.lower().replace(' ', '.')}@example.org"
    user = User.objects.filter(email=email).first()
    if user is None:
        user = create_user(email=email, name=name, password=PASSWORD, actor=HOST, now=now)
        add_member(user, organisation, roles=roles, actor=HOST, now=now)
    return Person(user=user, actor=acting(user, organisation))


def second(proposal: Proposal | None, actor: Actor, *, now: datetime = NOW) -> Proposal:
    """The second person's yes to what was proposed."""
    assert proposal is not None, "nothing was proposed"
    return confirm_arrangement(proposal.id, actor=actor, now=now)


def acting(user: User, organisation: Organisation) -> Actor:
    """What `user` may do in `organisation` at this moment. Fails when that is nothing at all."""
    actor = person_acting(user, organisation)
    assert actor is not None, f"{user} has no current membership in {organisation}"
    return actor


@dataclass(frozen=True, slots=True)
class SecondStep:
    """What somebody types as their second step now, and on which page."""

    page: str
    code: str


def fresh_code(user: User) -> str:
    """The code that the app of `user` shows now or within half a minute; never one that was taken.

    Whoever has no app yet sets one up, as people do, with its code of a moment ago. One person has two
    codes to type within half a minute; asked for more, this fails.
    """
    code = _untaken_code(user)
    assert code is not None, f"{user} has no code left for this half minute"
    return code


def second_step(user: User) -> SecondStep:
    """As `fresh_code`; a person who has typed all codes of this half minute takes a recovery code."""
    code = _untaken_code(user)
    if code is not None:
        return SecondStep("/sign-in/code", code)
    user = _as_signing_in(user)
    codes = issue_recovery_codes(user, actor=person_alone(user), now=timezone.now())
    return SecondStep("/sign-in/recovery", codes[0])


def _untaken_code(user: User) -> str | None:
    now = timezone.now()
    app = CodeApp.objects.filter(user=user).first()
    if app is None:
        user = _as_signing_in(user)
        seed, moment_ago = totp.fresh_seed(), now - timedelta(seconds=2 * totp.STEP_SECONDS)
        first = totp.code_at(seed, totp.step_at(moment_ago))
        app = set_up_code_app(user, seed, code=first, actor=person_alone(user), now=moment_ago, first=True)
    # Not the earliest code that would still be taken: it may have run out when it arrives.
    step = max(totp.step_at(now), app.last_step + 1)
    if step > totp.step_at(now) + totp.DRIFT_STEPS:
        return None
    return totp.code_at(seed_of(app), step)


def _as_signing_in(user: User) -> User:
    """As they are now: the test may have kept them from before they were signed out everywhere."""
    return User.objects.get(pk=user.pk)


def _organisation(name: str, kind: str, jurisdiction: str, *, now: datetime) -> Organisation:
    known = Organisation.objects.filter(name=name).first()
    if known is not None:
        return known
    return create_organisation(name=name, kind=kind, jurisdiction=jurisdiction, actor=HOST, now=now)
