"""Wakes the validation of one submission; what is owed is its row."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from hashsets.intake.validate import validate_submission


@shared_task(name="hashsets.intake.tasks.validate", ignore_result=True)
def validate(submission_id: str) -> None:
    validate_submission(UUID(submission_id), now=timezone.now())
