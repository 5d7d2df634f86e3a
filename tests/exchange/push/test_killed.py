"""kill -9 before and after every effect of approving and of pushing: nothing is lost, and nothing told twice
as if it were two things."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.audit.models import AuditEvent
from accounts.audit.verify import verify_audit
from exchange.push.deliver import deliver_due
from exchange.push.models import Attempt
from exchange.sharing.models import Endpoint
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.models import Approval
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.world import SIGNER, cursor_of, endpoint_of, follow, new_list, no_jitter, publish
from tests.hashsets.releases import world as worlds
from tests.hashsets.releases.crash import killed_at

pytestmark = [
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("impatient"),
]

MINUTE = timedelta(minutes=1)


def test_a_sender_killed_at_any_moment_is_followed_by_one_that_tells(
    members: Members, record_property: Callable[[str, object], None]
) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    endpoint = endpoint_of(lumen, members.url("ok"))
    follow(lumen, hash_list, endpoint)
    moment, killed, told_again = 0, True, 0
    while killed:
        now = NOW + moment * 5 * MINUTE
        release = publish(hash_list, now=now).number
        before = len(members.arrivals)
        killed = killed_at(
            moment,
            lambda: deliver_due(lane="routine", now=now, signer=SIGNER, draw=no_jitter),  # noqa: B023
        )
        deliver_due(lane="routine", now=now + 2 * MINUTE, signer=SIGNER, draw=no_jitter)
        arrived = members.arrivals[before:]
        assert cursor_of(endpoint, hash_list) == release, f"killed at moment {moment}"
        assert 1 <= len(arrived) <= 2
        assert len({one.headers["webhook-id"] for one in arrived}) == 1, "one notice has one name"
        assert len({one.body for one in arrived}) == 1
        assert Endpoint.objects.get().lease_until is None
        told_again += len(arrived) - 1
        moment += 1
    record_property("crash points: push", moment - 1)
    assert moment > 10
    assert 1 <= told_again < moment, "whoever dies between sending and noting sends again; nobody else does"
    assert Attempt.objects.count() >= moment


def test_an_approver_whose_server_is_killed_has_approved_once_or_not_at_all(
    settings: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    settings.BLOB_URL = str(tmp_path / "blobs")
    world = worlds.harbor_world()
    moment, killed = 0, True
    while killed:
        submission = world.stage(worlds.csv_of([moment]))
        killed = killed_at(
            moment,
            lambda: worlds.approve_as(submission, world.crew.approver),  # noqa: B023
        )
        given = Approval.objects.live().filter(submission=submission).count()
        state = Submission.objects.get(id=submission.id).state
        told = AuditEvent.objects.filter(action="submission.approved", subject_id=str(submission.id)).count()
        assert (given, state, told) in (
            (0, SubmissionState.STAGED, 0),
            (1, SubmissionState.APPROVED, 1),
        ), f"killed at moment {moment}"
        if not given:  # the person saw an error page, and asks again
            assert world.approve(submission).state == SubmissionState.APPROVED
        moment += 1
    record_property("crash points: approve", moment - 1)
    assert moment > 10
    assert verify_audit().holds
