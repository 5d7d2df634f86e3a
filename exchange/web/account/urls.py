"""Addresses. Signing in, second factors, sessions, invitations and the people of an organisation."""

from __future__ import annotations

from django.urls import URLPattern, path

from exchange.web.account import second_step

urlpatterns: list[URLPattern] = [
    path("sign-in/code", second_step.SecondStep.as_view(), name="second-step"),
    path("sign-in/recovery", second_step.RecoveryStep.as_view(), name="recovery-step"),
    path("sign-in/set-up", second_step.SetUp.as_view(), name="set-up"),
    path("sign-in/set-up/app", second_step.SetUpApp.as_view(), name="set-up-app"),
]
