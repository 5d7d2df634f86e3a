"""Top floor: how releases travel."""

from __future__ import annotations

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "exchange"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Bind Celery and register the system checks; both must exist in every process."""
        from exchange import celery, checks  # noqa: F401
