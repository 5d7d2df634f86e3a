"""Legal erasure as rules: who may ask, who decides, when the exchange must agree, and kill -9 anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.identity.acting import Actor
from hashsets.core.withdrawal import Notice, Reason, Withdrawal
from hashsets.intake.erasure import Named, ask_erasure
from hashsets.intake.models import Erasure, Submission, SubmissionState
from hashsets.intake.validate import validate_submission
from hashsets.lists.current import newest_state
from hashsets.releases.approve import return_submission
from hashsets.releases.build import build_draft
from hashsets.releases.erase import complete_erasure, erasures_due
from hashsets.releases.models import Release
from hashsets.releases.publish import drafts_due, publish_draft
from hashsets.releases.verify import verify_release
from tests import cast
from tests.exchange.test_erasure import files_with
from tests.hashsets.releases.crash import killed_at
from tests.hashsets.releases.test_crashes import Member, finish
from tests.hashsets.releases.world import NOW, World, approve_as, csv_of, harbor_world, sha256

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
SAMPLED = 31
ENTRIES = 600  # each kill of the full sweep erases one


@pytest.fixture
def world() -> World:
    made = harbor_world()
    made.release(csv_of(range(ENTRIES)))
    return made


def ask(
    world: World, actor: Actor, *, numbers: range = range(1), reference: str = "", now: datetime = NOW
) -> Erasure:
    return ask_erasure(
        world.fresh(),
        [Named("sha256", sha256(number)) for number in numbers],
        reason=Reason.COURT_ORDER,
        reference=reference,
        actor=actor,
        now=now,
    )


def staged(erasure: Erasure, *, now: datetime = NOW) -> Submission:
    assert validate_submission(erasure.submission_id, now=now)
    return Submission.objects.get(id=erasure.submission_id)


def test_a_stranger_and_whoever_has_not_the_right_cannot_ask(world: World) -> None:
    other = cast.lumen()
    for actor, refusal in (
        (cast.stranger().actor, NotAllowed),  # sees that the list exists: its audience is all members
        (other.contributor.actor, NotAllowed),
        (world.crew.viewer.actor, NotAllowed),
        (cast.operator().officer.actor, NotAllowed),
    ):
        with pytest.raises(refusal):
            ask(world, actor)
    assert not Erasure.objects.exists()


def test_a_list_that_is_hidden_stays_hidden(world: World) -> None:
    type(world.hash_list).objects.filter(id=world.hash_list.id).update(audience="named")
    with pytest.raises(NotFound, match="no such list"):
        ask(world, cast.stranger().actor)


def test_whoever_asked_cannot_decide(world: World) -> None:
    both = cast.person(world.crew.organisation, "Bo Both", ("contributor", "approver"))
    submission = staged(ask(world, both.actor))
    with pytest.raises(Conflict) as refused:
        approve_as(submission, both)
    assert refused.value.code == "approval.own_submission"


def test_the_database_itself_wants_two_people(world: World) -> None:
    erasure = ask(world, world.crew.contributor.actor)
    mine = Erasure.objects.filter(submission_id=erasure.submission_id)
    for columns in (
        {"decided_by_id": erasure.asked_by_id},
        {"release": 2},  # nobody has decided
        {"release": 2, "decided_by_id": erasure.asked_by_id},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            mine.update(**columns)
    assert mine.update(release=2, decided_by_id=world.crew.approver.user.id)


def test_it_can_be_returned_and_then_nothing_happens(world: World) -> None:
    submission = staged(ask(world, world.crew.contributor.actor))
    returned = return_submission(
        submission.id, reason="Another list is meant", actor=world.crew.approver.actor, now=NOW
    )
    assert returned.state == SubmissionState.RETURNED
    assert not erasures_due(NOW, 10) and not complete_erasure(submission.id, now=NOW)
    assert verify_release(world.fresh(), 1).ok


def test_an_order_served_on_the_exchange_is_decided_by_the_publisher_all_the_same(world: World) -> None:
    operator = cast.operator()
    submission = staged(ask(world, operator.admin.actor))
    with pytest.raises(Refusal):
        approve_as(submission, operator.second_admin)
    approved = world.approve(submission)
    assert approved.state == SubmissionState.APPROVED


def test_more_than_a_hundred_entries_need_the_exchange_as_well(world: World) -> None:
    few = world.approve(staged(ask(world, world.crew.contributor.actor, numbers=range(10))))
    assert few.state == SubmissionState.APPROVED and not few.holds
    many = world.approve(staged(ask(world, world.crew.contributor.actor, numbers=range(101))))
    assert "erasure.many" in many.holds and many.exchange_must_agree
    assert many.state == SubmissionState.STAGED


@pytest.mark.parametrize(
    ("reference", "code"), [(sha256(0), "text.looks_like_hash"), ("x" * 300, "text.too_long")]
)
def test_a_reference_never_quotes_what_is_to_vanish(world: World, reference: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(world, world.crew.contributor.actor, reference=reference)
    assert refused.value.code == code
    assert not Submission.objects.filter(erasure__isnull=False).exists()


def test_what_is_no_hash_of_the_list_is_refused_without_being_quoted(world: World) -> None:
    for named in (Named("sha256", "12"), Named("md5", "0" * 32), Named("nonsense", sha256(1))):
        with pytest.raises(Invalid) as refused:
            ask_erasure(
                world.fresh(), [named], reason="court_order", reference="",
                actor=world.crew.contributor.actor, now=NOW,
            )  # fmt: skip
        assert refused.value.code == "erasure.hash" and named.hash not in refused.value.message


def test_a_notice_that_contradicts_itself_is_no_notice() -> None:
    list_id = "a" * 26
    good = Notice(list_id, (Withdrawal(1, 4, Reason.COURT_ORDER, ("0" * 64,)),))
    assert Notice.parse(good.to_bytes()) == good
    for bad in (
        (),
        (Withdrawal(2, 4, Reason.COURT_ORDER, ()),),
        (Withdrawal(1, 4, Reason.COURT_ORDER, ()), Withdrawal(5, 6, Reason.LEGAL_DUTY, ())),
        (Withdrawal(1, 4, Reason.COURT_ORDER, ("1" * 64, "0" * 64)),),
        (Withdrawal(1, 1, Reason.COURT_ORDER, ()),),
    ):
        with pytest.raises(Invalid):
            Notice(list_id, bad).to_bytes()
    for content in (
        b"",
        b"{}",
        b"[" * 5_000,
        good.to_bytes() + b" ",
        good.to_bytes().replace(b"court", b"x"),
    ):
        with pytest.raises(Invalid) as refused:
            Notice.parse(content)
        assert refused.value.code == "withdrawal.corrupt"


def erase_entirely(world: World, submission: Submission, now: datetime) -> None:
    """Approved -> nothing left, as stations and signer do it."""
    draft = build_draft(submission.id, now=now)
    assert draft is not None
    publish_draft(world.sign(draft, now=now).id, now=now)
    assert complete_erasure(submission.id, now=now)


def sweep(world: World, tmp_path: Path, *, step: int) -> int:
    """Every `step`-th moment, each with an erasure of its own on one list; returns how many were killed."""
    old, killed, moment = Member(world, tmp_path / "old"), 0, 0
    while True:
        now = NOW + (killed + 1) * 5 * MINUTE
        before = world.fresh().latest_release
        asked = ask(world, world.crew.contributor.actor, numbers=range(killed, killed + 1), now=now)
        submission = world.approve_wholly(staged(asked, now=now), now=now)
        if not killed_at(moment, lambda: erase_entirely(world, submission, now)):  # noqa: B023 - runs at once
            return killed
        killed += 1
        fresh = Member(world, tmp_path / f"fresh-{killed}")
        seen = {old.release(), fresh.release()}
        assert seen <= {before, before + 1}, f"killed at moment {moment}: clients saw {seen}"

        later = now + 2 * MINUTE
        finish(world, later)
        for submission_id in erasures_due(later, 10):
            complete_erasure(submission_id, now=later)
        assert world.fresh().latest_release == before + 1 == world.fresh().withdrawn_before, moment
        assert old.release() == fresh.release() == before + 1
        assert not drafts_due(later, 10) and not erasures_due(later, 10)
        assert Erasure.objects.get(submission=submission).completed_at is not None
        assert not files_with(tmp_path / "blobs", sha256(killed - 1)), f"killed at moment {moment}"
        moment += step


def check(world: World, killed: int) -> None:
    releases = list(Release.objects.order_by("number"))
    assert [release.number for release in releases] == list(range(1, killed + 3))
    assert all(release.withdrawn_by for release in releases[:-1])
    assert verify_release(world.fresh(), killed + 2).ok
    assert newest_state(world.fresh()).of("sha256").count == ENTRIES - killed - 1


def test_a_killed_erasure_is_finished_by_whoever_comes_next(
    world: World, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    killed = sweep(world, tmp_path, step=SAMPLED)
    record_property("crash points: erase", killed)
    assert killed >= 8
    check(world, killed)


@pytest.mark.row_locks
@pytest.mark.slow
@pytest.mark.faults
def test_killed_at_every_single_moment_of_an_erasure(
    world: World, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    killed = sweep(world, tmp_path, step=1)
    record_property("crash points: erase", killed)
    assert killed >= 200
    check(world, killed)
