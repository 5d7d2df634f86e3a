"""Nudges after commit: they save the poller's seconds and are never needed for correctness."""

from __future__ import annotations

import uuid

from exchange.celery import nudge


def wake_validation(submission_id: uuid.UUID) -> None:
    nudge("hashsets.intake.tasks.validate", str(submission_id), queue="data")


def wake_building(submission_id: uuid.UUID) -> None:
    nudge("hashsets.releases.tasks.build", str(submission_id), queue="data")


def wake_publishing(draft_id: uuid.UUID) -> None:
    nudge("hashsets.releases.tasks.publish", str(draft_id), queue="data")


def wake_push() -> None:
    nudge("exchange.push.tasks.deliver", "routine", queue="push")
