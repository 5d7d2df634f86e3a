"""What is asked once more under the lock before signed bytes become a release."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.models import Draft, DraftState, Release
from hashsets.releases.publish import publish_draft
from hashsets.trust import lifetimes
from tests.hashsets.releases.world import NOW, csv_of, harbor_world

pytestmark = pytest.mark.django_db


def test_a_version_that_clients_have_already_is_not_published_again() -> None:
    world = harbor_world()
    first = world.release(csv_of([1]))
    draft = world.sign(world.draft(csv_of([2])))
    assert draft.list_version > first.list_version
    Draft.objects.filter(id=draft.id).update(list_version=first.list_version)
    assert publish_draft(draft.id, now=NOW) is None
    given_up(draft, "version_used")


@pytest.mark.parametrize("late", [True, False], ids=["at the moment", "a second before"])
def test_a_signed_part_that_has_expired_is_not_published(late: bool) -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of([1])))
    created = NOW - lifetimes.LIST + timedelta(seconds=0 if late else 1)
    Draft.objects.filter(id=draft.id).update(created_at=created)
    release = publish_draft(draft.id, now=NOW)
    if late:
        assert release is None
        given_up(draft, "expired")
    else:
        assert release is not None


def given_up(draft: Draft, reason: str) -> None:
    """The draft is, and its submission stands in line for another one."""
    draft.refresh_from_db()
    assert draft.state == DraftState.ABANDONED
    assert AuditEvent.objects.get(action="draft.abandoned").facts["reason"] == reason
    assert Submission.objects.get(id=draft.submission_id).state == SubmissionState.APPROVED
    assert not Release.objects.filter(draft=draft).exists()
