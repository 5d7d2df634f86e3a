"""The base of every page: who asks, whether they may, and how a refusal looks.

Each page declares per method what it asks for (`needs`), in the same words as the API; a method that is not
declared is not answered. Refusals of the verbs become pages here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from accounts.errors import NotAllowed, Refusal, StepUpRequired, Unauthenticated
from accounts.identity.acting import Actor, reading
from accounts.identity.models import Organisation, User
from exchange.http.acting import organisations_of, require_presence, session_actor
from exchange.http.permissions import Need
from exchange.http.problems import status_of
from exchange.web import known_devices
from exchange.web.frame import Frame, frame_of
from exchange.web.halfway import is_halfway
from exchange.web.refusals import told
from exchange.web.sessions import note_seen
from exchange.web.unsent import keep_unsent, take_unsent


class NoOrganisation(NotAllowed):
    """A person is signed in, but has not said for which organisation, or has none any more."""

    default_code = "organisation.not_chosen"


class Page(View):
    """Base of every page. `self.actor` is the person acting for one organisation."""

    needs: ClassVar[Mapping[str, Need]] = {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.now = timezone.now()
        self.reader = session_actor(request)
        try:
            self._admit()
            if self.reader is not None:
                note_seen(request, now=self.now)
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        except StepUpRequired:
            keep_unsent(request, back=self.back(), now=self.now)
            response = redirect_to("web:confirm-presence", then=self.back())
        except NoOrganisation:
            response = redirect_to("web:organisation", then=self.back())
        except Unauthenticated as refusal:
            next_step = "web:prove-mailbox" if refusal.code == "reset.mailbox" else self._next_step()
            response = redirect_to(next_step, then=self.back())
        except Refusal as refusal:
            response = self.refuse(refusal)
        # What people see here is for them alone, and for now: nothing of it stays in a shared browser.
        patch_cache_control(response, no_store=True, private=True)
        known_devices.set_cookie(request, response)
        return response

    @property
    def actor(self) -> Actor:
        """Errors: Unauthenticated; NoOrganisation."""
        if self.reader is not None:
            return self.reader
        self.somebody()
        raise NoOrganisation("Say for which organisation you act.")

    @property
    def reads_as(self) -> Actor | None:
        """As whom a public page is read: None for nobody in particular (see `reading`)."""
        return reading(self.reader)

    def somebody(self) -> User:
        """The signed-in person, whether or not any right is left to them. Errors: Unauthenticated."""
        if isinstance(self.request.user, User):
            return self.request.user
        raise Unauthenticated("Sign in first.")

    def back(self) -> str:
        """Where a person goes on after signing in or confirming: here, or an act's own page."""
        return self.request.get_full_path()

    def refuse(self, refusal: Refusal) -> HttpResponse:
        """The page that says why not. Errors that the person can mend are shown where they arose instead."""
        status = status_of(refusal)
        return self.show("web/refused.html", status=status, told=told(refusal), status_code=status.value)

    def show(self, template: str, *, status: int = HTTPStatus.OK, **context: Any) -> HttpResponse:
        """Render a page inside its frame."""
        return render(self.request, template, {"frame": self._frame(), **context}, status=status)

    def unsent(self) -> dict[str, str]:
        """What was typed before the person had to confirm their presence; given out once."""
        return take_unsent(self.request, back=self.back(), now=self.now)

    def _admit(self) -> None:
        method = "GET" if self.request.method == "HEAD" else self.request.method or ""
        need = self.needs.get(method)
        if need is None:
            if hasattr(self, method.lower()) and method != "OPTIONS":
                raise NotAllowed("This address declares no right for this method.", code="route.undeclared")
            return  # Django answers 405, or what the address takes
        if need.public:
            return
        if need.somebody:
            self.somebody()
        actor = None if need.somebody else self.actor
        if actor is not None and need.permission is not None:
            actor.require(need.permission)
        if need.person:
            require_presence(self.request, now=self.now)

    def _next_step(self) -> str:
        """Where somebody goes who is not signed in, or not yet."""
        half = is_halfway(self.request, now=self.now)
        if half is None:
            return "web:sign-in"
        return "web:second-step" if half.has_factor else "web:set-up"

    def _frame(self) -> Frame | None:
        names = {organisation.id: organisation.name for organisation in self.organisations}
        acting = (
            names.get(self.reader.organisation_id) if self.reader and self.reader.organisation_id else None
        )
        return frame_of(self.request, self.reader, organisation=acting, can_switch=len(names) > 1)

    @property
    def organisations(self) -> list[Organisation]:
        """The organisations that the signed-in person may act for."""
        if not hasattr(self, "_organisations"):
            user = self.request.user
            self._organisations = organisations_of(user) if isinstance(user, User) else []
        return self._organisations


def safe_next(request: HttpRequest, default: str = "/") -> str:
    """The address in `next` when it is one of ours, otherwise `default`."""
    wished = str(request.POST.get("next") or request.GET.get("next") or "")
    ours = (
        wished.startswith("/")
        and len(wished) <= 2_000
        and url_has_allowed_host_and_scheme(wished, allowed_hosts=None, require_https=request.is_secure())
    )
    return wished if ours else default


def redirect_to(name: str, *, then: str) -> HttpResponseRedirect:
    """The page called `name`, which leads on to `then` in the end."""
    query = "" if then in ("", "/") else "?" + urlencode({"next": then})
    return HttpResponseRedirect(reverse(name) + query)
