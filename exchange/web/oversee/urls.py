"""Addresses. What the people who run the exchange look at: audit, system, search."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, path

from exchange.web.oversee import audit, components, search, system

urlpatterns: list[URLPattern] = [
    path("audit", audit.Audit.as_view(), name="audit"),
    path("audit.csv", audit.AuditSheet.as_view(), name="audit-sheet"),
    path("audit/chain", audit.AuditChain.as_view(), name="audit-chain"),
    path("audit/<release:number>", audit.OneEvent.as_view(), name="audit-event"),
    path("system", system.System.as_view(), name="system"),
    path("search", search.Search.as_view(), name="search"),
    path("keys", system.PublicKeys.as_view(), name="public-keys"),
    path("status", system.Status.as_view(), name="status"),
]
if settings.HX_DEMO:
    urlpatterns.append(path("system/components", components.Components.as_view(), name="components"))
