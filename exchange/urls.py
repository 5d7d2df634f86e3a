"""Every address of the exchange, by the room that answers."""

from __future__ import annotations

from django.urls import include, path

from exchange.http.admission import admission
from exchange.operate import views as operate

handler400 = "exchange.web.errors.bad_request"
handler403 = "exchange.web.errors.not_allowed"
handler404 = "exchange.web.errors.not_found"
handler500 = "exchange.web.errors.server_error"

urlpatterns = [
    path("healthz", operate.healthz),
    path("readyz", operate.readyz),
    path("metrics", operate.metrics),
    path("admission", admission),
    path(".well-known/hash-exchange.json", operate.well_known),
    path(".well-known/security.txt", operate.security_txt),
    path(".well-known/change-password", operate.change_password),
    path("robots.txt", operate.robots),
    path("favicon.ico", operate.favicon),
    path("api/v1/", include(("exchange.api.v1.urls", "api"), namespace="api")),
    path("tuf/", include(("exchange.tuf.urls", "tuf"), namespace="tuf")),
    path("", include(("exchange.web.urls", "web"), namespace="web")),
]
