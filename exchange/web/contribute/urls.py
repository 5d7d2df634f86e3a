"""Addresses. Lists, submissions, signatures and releases: what a publisher does."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
