"""Pages in every state that they can be in: one list, and submissions all along its way, by real verbs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.identity.models import User
from accounts.membership.register import create_organisation
from exchange.sharing.confirm import confirm_release
from exchange.sharing.fetched import note_fetch
from exchange.sharing.models import Notified, Subscription
from hashsets.intake.models import Submission
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from hashsets.releases.approve import return_submission
from hashsets.releases.models import Draft, Release
from tests import cast
from tests.hashsets.releases.world import NOW, World, csv_of, world_of

HOSTILE_NAME = '<script>alert(1)</script> =HYPERLINK("x") \u05e9\u05dc\u05d5\u05dd ' + "Nordmeer-" * 24
assert 250 < len(HOSTILE_NAME) <= 300


@dataclass(frozen=True, slots=True)
class Stage:
    """A published list with a second release, one submission in each state, and two subscribers."""

    world: World
    release: Release
    staged: Submission
    drafted: Draft
    refused: Submission
    returned: Submission
    moving: Submission
    other: cast.Crew

    @property
    def hash_list(self) -> HashList:
        return self.world.hash_list


def signed_in(user: object, *, language: str = "en") -> Client:
    """A browser without JavaScript, through the sign-in page."""
    client = Client(headers={"accept-language": language})
    client.cookies["django_language"] = language
    assert isinstance(user, User)
    enter(client, user)
    return client


def enter(client: Client, user: User, *, next: str = "") -> Any:  # noqa: A002 - the field's name
    """Both steps of signing in; returns the last answer."""
    # First, because somebody without a second step is led to set one up.
    step = cast.second_step(user)
    answer = client.post("/sign-in", {"email": user.email, "password": cast.PASSWORD, "next": next})
    assert answer.status_code == 302, answer.content.decode()
    answer = client.post(step.page, {"code": step.code, "next": next})
    assert answer.status_code == 302, answer.content.decode()
    return answer


def submit_file(
    client: Client, base: str, content: str, *, mode: str = "add", note: str = "", urgent: bool = False
) -> str:
    """The three pages of a change, one after the other; gives the address of the submission."""
    said = {"mode": mode, "note": note} | ({"urgent": "yes"} if urgent else {})
    answer = client.post(f"{base}/submissions/new", said)
    file = SimpleUploadedFile("names-nobody.csv", content.encode(), "text/csv")
    answer = client.post(answer.headers["Location"], {"file": file})
    assert answer.status_code == 302, answer.content.decode()
    check = answer.headers["Location"]
    assert "Check your answers" in client.get(check).content.decode()
    answer = client.post(check)
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"]


def bad_lines() -> str:
    """A file with good lines and several kinds of refused ones."""
    return csv_of(range(60, 66)) + "zz\n" + "0" * 64 + "\n\nnot a hash\n"


def release_one(world: World) -> Release:
    """A first release of 40 entries."""
    return world.release(csv_of(range(40)))


def make_stage(*, title: str = "Enforcement list") -> Stage:
    """Everything at once, for looking at pages; takes a second or two."""
    crew = cast.harbor(now=NOW)
    world = world_of(crew, title=title, now=NOW)
    release_one(world)
    release = world.release(csv_of(range(3)), mode="remove")
    lumen = cast.lumen(now=NOW)
    followed(world.hash_list, release, lumen)
    refused = world.submit("sha256\nzz\nnot a hash\n")
    validate_submission(refused.id, now=NOW)
    returned = world.stage(csv_of(range(70, 72)))
    returned = return_submission(
        returned.id, reason="The second line is a <b>test</b> file.", actor=crew.approver.actor, now=NOW
    )
    drafted = world.draft(csv_of(range(80, 90)))
    staged = world.stage(bad_lines(), urgent=True)
    moving = world.submit(csv_of(range(5)))
    Submission.objects.filter(id=moving.id).update(
        state="validating", rows_done=1_240, rows_expected=3_000, note="Checked twice by the night shift."
    )
    for row in (refused, moving):
        row.refresh_from_db()
    return Stage(world, release, staged, drafted, refused, returned, moving, cast.northland(now=NOW))


def followed(hash_list: HashList, release: Release, lumen: cast.Crew) -> None:
    """Lumen has applied the release, Pixelhaus was only notified, and one with a long name was not."""
    hostile = create_organisation(
        name=HOSTILE_NAME, kind="company", jurisdiction="FR", actor=cast.HOST, now=NOW
    )
    pixelhaus = cast.pixelhaus(now=NOW)
    for organisation in (lumen.organisation, pixelhaus.organisation, hostile):
        Subscription.objects.create(organisation=organisation, hash_list=hash_list, created_at=NOW)
    for crew in (lumen, pixelhaus):
        Notified.objects.create(
            organisation=crew.organisation, hash_list=hash_list, release=release.number, notified_at=NOW
        )
    note_fetch(lumen.organisation.id, hash_list.id, release.number, now=NOW + timedelta(seconds=2))
    confirm_release(
        hash_list.id, release=release.number, state_root=release.state_root, hash_types=["sha256"],
        applied_at=NOW, actor=lumen.integrator.actor, now=NOW + timedelta(seconds=4),
    )  # fmt: skip
