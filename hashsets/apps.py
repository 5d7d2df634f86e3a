"""Middle floor: what is listed and signed."""

from __future__ import annotations

from django.apps import AppConfig


class HashsetsConfig(AppConfig):
    name = "hashsets"
    default_auto_field = "django.db.models.BigAutoField"
