"""Addresses. What the people who run the exchange look at: audit, system, search."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

from exchange.web.oversee import components

urlpatterns: list[URLPattern] = []
if settings.HX_DEMO:
    urlpatterns.append(path("system/components", components.Components.as_view(), name="components"))
