"""Reads single fields as people send them. What they mean is for the verbs to check."""

from __future__ import annotations

from django.http import HttpRequest


def text(request: HttpRequest, name: str) -> str:
    """One field; a field sent twice counts once, and a file under its name not at all."""
    return str(request.POST.get(name, ""))
