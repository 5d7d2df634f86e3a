"""Getting started: the checklist, the quick start, the sandbox, and the catalogue of error codes."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from accounts.identity.roles import Permission
from exchange.http.permissions import PUBLIC, need
from exchange.sandbox import sentences
from exchange.web.door import Page
from exchange.web.subscribe.codes import codes
from exchange.web.subscribe.first_steps import commands, sandbox_id, steps_of
from hashsets.lists.models import Sandbox


class GettingStarted(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show("web/subscribe/getting_started.html", steps=steps_of(self.actor))


class QuickStart(Page):
    """Ten minutes from nothing to a verified list; for anybody, because nothing in it is private."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        listed = sandbox_id()
        return self.show(
            "web/subscribe/quick_start.html",
            commands={command.id.removeprefix("command-"): command for command in commands(listed)},
            sandbox=listed,
            url=settings.HX_PUBLIC_URL,
            always=sentences.ALWAYS[0],
            errors=settings.HX_PUBLIC_URL + reverse("web:error-codes"),
        )


class SandboxPage(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(
            "web/subscribe/sandbox.html",
            sandbox=sandbox_id(),
            bad=sandbox_id(Sandbox.BAD_SIGNATURE),
            always=sentences.ALWAYS,
            withdrawn=sentences.WITHDRAWN,
            never=sentences.NEVER,
            unverified=sentences.UNVERIFIED,
        )


class ErrorCodes(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show("web/subscribe/error_codes.html", codes=codes())
