"""The sample world: who there is, what they hold, and the secrets a visitor needs to walk through it.

Everything is made with the real verbs. Secrets are shown once by the product; the demo writes them to a file
in its own folder so that it can print them again, which no real installation does.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from accounts.credentials.issue import issue_credential
from accounts.factors import totp
from accounts.factors.code_app import set_up_code_app
from accounts.identity.acting import Actor, person_acting, person_alone, system_actor
from accounts.identity.models import Organisation, OrganisationKind, User
from accounts.identity.roles import Permission, Role
from accounts.membership.members import add_member
from accounts.membership.register import create_organisation, create_user
from accounts.signing_keys.register import confirm_key
from exchange.demo.applicant import apply_for_membership
from exchange.demo.corpus import HASH_TYPES
from hashsets.lists.define import add_classification, create_list, entitle_key
from hashsets.lists.models import Audience, HashList, Tlp
from hashsets.trust.directory import refresh_directory
from hashsets.trust.hosted import create_hosted_key
from hashsets.trust.repository import open_repository

HOST: Final = system_actor("demo")
LIST_TITLE: Final = "Python runtime (sample)"
CLASSES: Final = (
    ("source", "Python source file"),
    ("resource", "any other file of the installation"),
    ("drawing", "picture drawn from a seed"),
    ("reviewed", "looked at again since the first release"),
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person of the sample world."""

    name: str
    organisation: str
    role: str
    email: str
    seed: str  # of the app that shows this person's codes, hex


@dataclass(frozen=True, slots=True)
class World:
    """What the journey and the visitor need to know."""

    password: str
    people: tuple[SignIn, ...]
    list_id: str
    publisher_key: str
    member_key: str
    pixelhaus_key: str
    applicant_code: str = ""

    def person(self, organisation: str, role: Role) -> SignIn:
        """The first person of `organisation` with `role`."""
        return next(p for p in self.people if p.organisation == organisation and role.value in p.role)


# name, kind, jurisdiction, people with their roles
_CAST: Final[tuple[tuple[str, OrganisationKind, str, tuple[tuple[str, tuple[Role, ...]], ...]], ...]] = (
    (
        "Exchange Operator",
        OrganisationKind.OPERATOR,
        "GB",
        (
            ("Olive Admin", (Role.EXCHANGE_ADMIN, Role.ADMIN)),
            ("Oscar Admin", (Role.EXCHANGE_ADMIN, Role.OFFICER)),
        ),
    ),
    (
        "Harbor",
        OrganisationKind.NGO,
        "CA",
        (
            ("Hanna Contributor", (Role.CONTRIBUTOR, Role.ADMIN)),
            ("Hugo Approver", (Role.APPROVER, Role.ADMIN)),
            ("Hope Signer", (Role.SIGNER,)),
        ),
    ),
    (
        "Northland Police",
        OrganisationKind.GOVERNMENT,
        "NZ",
        (
            ("Nadia Contributor", (Role.CONTRIBUTOR, Role.ADMIN)),
            ("Noah Approver", (Role.APPROVER, Role.SIGNER)),
        ),
    ),
    ("Lumen", OrganisationKind.COMPANY, "US", (("Lea Engineer", (Role.INTEGRATOR, Role.ADMIN)),)),
    ("Pixelhaus", OrganisationKind.COMPANY, "DE", (("Pia Engineer", (Role.INTEGRATOR, Role.ADMIN)),)),
)


def ensure_world(file: Path, *, now: datetime) -> World:
    """The sample world, made on the first call and read back from `file` later."""
    if file.exists():
        return read_world(file)
    world = _make_world(now)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(asdict(world), indent=2), encoding="utf-8")
    return world


def read_world(file: Path) -> World:
    """The sample world as an earlier `ensure_world` wrote it."""
    told = json.loads(file.read_text(encoding="utf-8"))
    told["people"] = tuple(SignIn(**person) for person in told["people"])
    return World(**told)


def _make_world(now: datetime) -> World:
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    people = tuple(_cast(password, now))
    harbor = Organisation.objects.get(name="Harbor")
    contributor, approver = _acting(people, "Hanna"), _acting(people, "Hugo")
    sample = _sample_list(harbor, admin=contributor, second=approver, now=now)
    publisher_scopes = (Permission.LIST_VIEW, Permission.SUBMISSION_CREATE, Permission.RELEASE_SIGN)
    member_scopes = (
        Permission.LIST_VIEW,
        Permission.SUBSCRIPTION_MANAGE,
        Permission.ENDPOINT_MANAGE,
        Permission.RELEASE_CONFIRM,
    )
    return World(
        password=password,
        people=people,
        list_id=sample.id,
        publisher_key=_credential(harbor, contributor, publisher_scopes, now),
        member_key=_credential(
            Organisation.objects.get(name="Lumen"), _acting(people, "Lea"), member_scopes, now
        ),
        pixelhaus_key=_credential(
            Organisation.objects.get(name="Pixelhaus"), _acting(people, "Pia"), member_scopes, now
        ),
        applicant_code=apply_for_membership(now=now),
    )


def _cast(password: str, now: datetime) -> list[SignIn]:
    made: list[SignIn] = []
    for name, kind, jurisdiction, people in _CAST:
        organisation = create_organisation(
            name=name, kind=kind, jurisdiction=jurisdiction, actor=HOST, now=now
        )
        for person, roles in people:
            email = f"{person.split()[0].lower()}@{name.split()[-1].lower()}.example"
            user = create_user(email=email, name=person, password=password, actor=HOST, now=now)
            add_member(user, organisation, roles=roles, actor=HOST, now=now)
            seed = _phone_of(user, now)
            made.append(SignIn(person, name, ", ".join(role.value for role in roles), email, seed))
    return made


def _phone_of(user: User, now: datetime) -> str:
    """Set up the app as a person does, with a code it showed a minute ago: the present one stays free."""
    seed, then = totp.fresh_seed(), now - timedelta(minutes=1)
    first_code = totp.code_at(seed, totp.step_at(then))
    set_up_code_app(user, seed, code=first_code, actor=person_alone(user), now=then, first=True)
    return seed.hex()


def _acting(people: tuple[SignIn, ...], first_name: str) -> Actor:
    """What this person may do, as when they sign in."""
    found = next(person for person in people if person.name.startswith(first_name))
    actor = person_acting(
        User.objects.get(email=found.email), Organisation.objects.get(name=found.organisation)
    )
    if actor is None:
        raise LookupError(f"{first_name} has no rights in the sample world")
    return actor


def _sample_list(harbor: Organisation, *, admin: Actor, second: Actor, now: datetime) -> HashList:
    """Harbor's public list with a hosted key that two people answered for."""
    sample = create_list(
        harbor,
        title=LIST_TITLE,
        description="Hashes of the files of a Python installation and of drawn pictures: harmless, real, "
        "and yours to check against.",
        jurisdiction="CA",
        legal_basis="None needed: sample content only",
        purpose="Trying the exchange from end to end",
        tlp=Tlp.GREEN,
        audience=Audience.MEMBERS,
        audience_kinds=[],
        audience_organisations=[],
        hash_types=list(HASH_TYPES),
        scheme="none",
        approvals_required=1,
        signature_threshold=1,
        actor=admin,
        now=now,
    )
    for label, meaning in CLASSES:
        add_classification(sample, label=label, meaning=meaning, actor=admin, now=now)
    key = create_hosted_key(harbor, name="Harbor (hosted)", actor=admin, now=now)
    confirm_key(key.id, actor=second, now=now)
    key.refresh_from_db()
    entitle_key(sample, key, actor=admin, now=now)
    refresh_directory(now=now)
    open_repository(sample, publisher_keys=[key], threshold=1, now=now)
    return sample


def _credential(
    organisation: Organisation, issuer: Actor, scopes: tuple[Permission, ...], now: datetime
) -> str:
    issued = issue_credential(
        organisation,
        name="demo",
        scopes=scopes,
        mode="live",
        expires_at=now + timedelta(days=30),
        actor=issuer,
        now=now,
    )
    return issued.key
