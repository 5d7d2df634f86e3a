"""The keyring of this installation, from settings: the one place that reads HX_SECRETS_KEYS."""

from __future__ import annotations

from django.conf import settings

from accounts.sealing.sealing import Keyring


def current_keyring() -> Keyring:
    """The keys of HX_SECRETS_KEYS, the current one first. Parsed and checked when the settings were read."""
    return Keyring(tuple(settings.HX_SECRETS_KEYS))
