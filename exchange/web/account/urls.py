"""Addresses. Signing in, second factors, sessions, invitations and the people of an organisation."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
