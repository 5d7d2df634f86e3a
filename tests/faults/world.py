"""A larger world for the runs that break things: more lists, more members, one private list, a stranger.

`python -m tests.faults.world FILE --lists N --members N`, in a stack's environment and after `demo --world`.
Everything is made with the real verbs; FILE tells the run what there is, keys included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.stack import Stack

if TYPE_CHECKING:
    from accounts.identity.models import Organisation

PRIVATE_TITLE: Final = "Tidewater private watch"


@dataclass(frozen=True, slots=True)
class Crowd:
    """`lists` are open to every member; `private` is Harbor's for Pixelhaus alone. `members` are keys of
    companies that subscribe; `stranger` is the key of a member that nobody shares the private list with.
    `two_hats` may submit and approve, which does not let her approve what is hers."""

    lists: tuple[str, ...]
    private: str
    members: tuple[str, ...]
    stranger: str
    two_hats_key: str
    two_hats_email: str
    two_hats_seed: str


def gather(stack: Stack, *, lists: int, members: int) -> Crowd:
    """Make the larger world in a stack in which `demo --world` has been."""
    file = stack.var / "crowd.json"
    stack.python("-m", "tests.faults.world", str(file), "--lists", str(lists), "--members", str(members))
    told: dict[str, Any] = json.loads(file.read_text())
    return Crowd(**{**told, "lists": tuple(told["lists"]), "members": tuple(told["members"])})


def main(argv: Sequence[str] | None = None) -> None:
    """Make it, and write what there is."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.world", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--lists", type=int, default=2)
    parser.add_argument("--members", type=int, default=0)
    arguments = parser.parse_args(argv)
    import django

    django.setup()
    crowd = _gathered(lists=arguments.lists, members=arguments.members, now=datetime.now(UTC))
    arguments.file.write_text(json.dumps(asdict(crowd)))


def _gathered(*, lists: int, members: int, now: datetime) -> Crowd:
    from accounts.identity.models import Organisation, OrganisationKind
    from accounts.identity.roles import Permission, Role

    harbor = Organisation.objects.get(name="Harbor")
    pixelhaus = Organisation.objects.get(name="Pixelhaus")
    opened = [_list(harbor, f"Breakwater {number}", None, now) for number in range(lists)]
    private = _list(harbor, PRIVATE_TITLE, pixelhaus, now)
    member = (
        Permission.LIST_VIEW,
        Permission.SUBSCRIPTION_MANAGE,
        Permission.ENDPOINT_MANAGE,
        Permission.RELEASE_CONFIRM,
    )
    companies = [
        _organisation(f"Member {number}", OrganisationKind.COMPANY, now) for number in range(members)
    ]
    stranger = _organisation("Stranger", OrganisationKind.COMPANY, now)
    integrator = (Role.INTEGRATOR, Role.ADMIN)
    keys = [_person(each, "eng", integrator, member, now)[0] for each in [*companies, stranger]]
    submit = (Permission.LIST_VIEW, Permission.SUBMISSION_CREATE)
    # Her key is her own: whoever issues a key answers for what it submits.
    hats = (Role.CONTRIBUTOR, Role.APPROVER, Role.INTEGRATOR)
    two_hats_key, email, seed = _person(harbor, "hilda", hats, submit, now)
    return Crowd(tuple(opened), private, tuple(keys[:-1]), keys[-1], two_hats_key, email, seed)


def _organisation(name: str, kind: Any, now: datetime) -> Organisation:
    from accounts.membership.register import create_organisation
    from exchange.demo.world import HOST

    return create_organisation(name=name, kind=kind, jurisdiction="US", actor=HOST, now=now)


def _person(
    organisation: Organisation, name: str, roles: Any, scopes: Any, now: datetime
) -> tuple[str, str, str]:
    """A person with the demo's password and a key of theirs: (key, e-mail address, seed of their phone)."""
    from django.conf import settings

    from accounts.credentials.issue import issue_credential
    from accounts.identity.acting import person_acting
    from accounts.membership.members import add_member
    from accounts.membership.register import create_user
    from exchange.demo.world import HOST, _phone_of, read_world

    password = read_world(Path(settings.HX_VAR) / "demo" / "world.json").password
    email = f"{name}@{organisation.name.replace(' ', '-').lower()}.example"
    user = create_user(email=email, name=name.title(), password=password, actor=HOST, now=now)
    add_member(user, organisation, roles=roles, actor=HOST, now=now)
    seed = _phone_of(user, now)
    actor = person_acting(user, organisation)
    assert actor is not None
    issued = issue_credential(
        organisation,
        name="faults",
        scopes=scopes,
        mode="live",
        expires_at=now + timedelta(days=1),
        actor=actor,
        now=now,
    )
    return issued.key, email, seed


def _list(harbor: Organisation, title: str, audience: Organisation | None, now: datetime) -> str:
    """A list of Harbor's, signed by the hosted key that the sample list has; ready for its first release."""
    from accounts.identity.acting import person_acting
    from accounts.identity.models import User
    from accounts.signing_keys.models import SigningKey
    from exchange.demo.world import CLASSES
    from hashsets.lists.define import add_classification, create_list, entitle_key
    from hashsets.lists.models import Audience, Tlp
    from hashsets.trust.directory import refresh_directory
    from hashsets.trust.repository import open_repository

    admin = person_acting(User.objects.get(email="hanna@harbor.example"), harbor)
    assert admin is not None
    made = create_list(
        harbor,
        title=title,
        description="Drawn numbers: harmless, and nobody's.",
        jurisdiction="CA",
        legal_basis="None needed: drawn numbers only",
        purpose="Being broken in every way",
        tlp=Tlp.GREEN,
        audience=Audience.MEMBERS if audience is None else Audience.NAMED,
        audience_kinds=[],
        audience_organisations=[] if audience is None else [audience.id],
        hash_types=["sha256"],
        scheme="none",
        approvals_required=1,
        signature_threshold=1,
        actor=admin,
        now=now,
    )
    for label, meaning in CLASSES:
        add_classification(made, label=label, meaning=meaning, actor=admin, now=now)
    key = SigningKey.objects.get(organisation_id=harbor.id, name="Harbor (hosted)")
    entitle_key(made, key, actor=admin, now=now)
    refresh_directory(now=now)
    open_repository(made, publisher_keys=[key], threshold=1, now=now)
    return str(made.id)


if __name__ == "__main__":
    main()
