"""Addresses. What the people who run the exchange look at: audit, system, search."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
