"""Addresses. Catalogue, subscriptions, credentials and endpoints: what a member does."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
