"""Addresses. Applying for membership, and deciding on who is let in and who stays."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
