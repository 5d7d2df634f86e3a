"""Routes of /tuf/."""

from __future__ import annotations

from django.urls import path

from exchange.tuf import views

urlpatterns = [
    path("<str:repository>/metadata/<str:name>", views.metadata, name="tuf-metadata"),
    path("<str:repository>/targets/<path:path>", views.target, name="tuf-target"),
]
