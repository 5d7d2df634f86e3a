"""Wake-ups for the two stations of this room: the work itself is found as rows."""

from __future__ import annotations

import uuid

from celery import shared_task
from django.utils import timezone

from hashsets.releases.build import build_draft
from hashsets.releases.publish import publish_draft


@shared_task(name="hashsets.releases.tasks.build", queue="data", time_limit=3600)
def build(submission_id: str) -> None:
    build_draft(uuid.UUID(submission_id), now=timezone.now())


@shared_task(name="hashsets.releases.tasks.publish", queue="data", time_limit=600)
def publish(draft_id: str) -> None:
    publish_draft(uuid.UUID(draft_id), now=timezone.now())
