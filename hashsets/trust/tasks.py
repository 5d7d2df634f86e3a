"""Wake-ups of the trust plane. What is owed is a row; a lost message costs seconds."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from hashsets.trust.export import export_repository
from hashsets.trust.resign import resign_repository


@shared_task(name="hashsets.trust.tasks.resign", time_limit=300)
def resign(repository_id: str) -> None:
    resign_repository(repository_id, now=timezone.now())


@shared_task(name="hashsets.trust.tasks.export", time_limit=300)
def export(repository_id: str) -> None:
    export_repository(repository_id, now=timezone.now())
