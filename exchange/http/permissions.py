"""Rights are declared per route and method; what is not declared answers to nobody (and fails the tests)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import NotAllowed, NotFound, Unauthenticated
from accounts.identity.acting import Actor, reading
from accounts.identity.roles import Permission
from exchange.http.acting import require_presence
from exchange.http.bodies import StrictJSONParser
from exchange.http.described import CursorPages
from exchange.http.etags import tagged
from exchange.http.idempotency import key_of, once
from exchange.http.limits import count


@dataclass(frozen=True, slots=True)
class Need:
    """What one method of one route asks for.

    `permission` None means any actor; `person` means a session, never a credential, that has just proven
    presence; `public` means that nobody need be signed in: with a permission, that is asked for beyond what
    anybody may see; `somebody` that a person must be, whether or not
    any organisation still gives them a right: their own account is theirs.
    """

    permission: Permission | None = None
    person: bool = False
    public: bool = False
    somebody: bool = False


PUBLIC = Need(public=True)
# One list: a public one is anybody's, every other one is for readers.
READERS = Need(public=True, permission=Permission.LIST_VIEW)
ANY_MEMBER = Need()
SOMEBODY = Need(somebody=True)
SOMEBODY_PRESENT = Need(somebody=True, person=True)


def need(permission: Permission) -> Need:
    return Need(permission=permission)


def person(permission: Permission) -> Need:
    """For acts that a credential can never do, with step-up."""
    return Need(permission=permission, person=True)


class Door(APIView):
    """Base of every API view: checks the declared need, then hands over to the view's method."""

    needs: ClassVar[Mapping[str, Need]] = {}
    permission_classes = ()  # `needs` decides, in `initial`
    pagination_class = CursorPages  # for the description; `exchange.http.pages` makes them
    # Test keys reach the sandbox only: a door that knows how says so, every other one refuses them.
    sandbox: ClassVar[bool] = False
    # False for a door whose act talks to others: HTTP has no place in a transaction.
    acts_on_rows_alone: ClassVar[bool] = True
    # The same in every try of a call with an Idempotency-Key; None for a call without one.
    act_id: UUID | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        count(request._request, self.known)
        asked = self.needs.get("GET" if request.method == "HEAD" else request.method or "")
        if asked is None:
            if request.method == "OPTIONS" or request.method not in self.allowed_methods:
                return  # REST framework answers 405 or the description itself
            raise NotAllowed("This address declares no right for this method.", code="route.undeclared")
        check(asked, request)
        if self.known is not None and self.known.is_test and not self.sandbox:
            raise NotAllowed(
                "A test key reaches the sandbox lists only.",
                code="credential.test_only",
                advice="Issue a live key (hx_live_) under API credentials.",
            )
        if request.method not in SAFE_METHODS:
            self._act_once(request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """As the framework does it, and with an entity tag for what was read."""
        finished: Any = super().finalize_response(request, response, *args, **kwargs)
        if request.method in ("GET", "HEAD") and isinstance(finished, Response):
            finished.render()
            return tagged(request._request, finished)
        return finished

    def _act_once(self, request: Request) -> None:
        """Put `once` before the method that the framework is about to call, when the caller sent a key."""
        key = key_of(request._request)
        if key is None:
            return
        name = str(request.method).lower()
        act = getattr(self, name)

        def acting_once(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            def outcome(act_id: UUID) -> HttpResponseBase:
                self.act_id = act_id
                try:
                    response = act(request, *args, **kwargs)
                except Exception as error:
                    response = self.handle_exception(error)
                finished: HttpResponseBase = self.finalize_response(request, response, *args, **kwargs)
                if isinstance(finished, Response):
                    finished.render()
                return finished

            return once(
                outcome,
                request._request,
                self.actor,
                key,
                streamed=StrictJSONParser not in self.parser_classes,
                rows=self.acts_on_rows_alone,
            )

        setattr(self, name, acting_once)

    @property
    def actor(self) -> Actor:
        """The actor; only views whose need is not public may ask."""
        return actor_of(self.request)

    @property
    def known(self) -> Actor | None:
        """The actor, or None for an anonymous asker of a public view."""
        auth = self.request.auth
        return auth if isinstance(auth, Actor) else None

    @property
    def reader(self) -> Actor | None:
        """As whom a public view is read: None for nobody in particular (see `reading`)."""
        return reading(self.known)

    def handle_exception(self, exc: Exception) -> Response:
        """As the framework does it. Whoever misses the right to read is told so instead of "no such list",
        for each list that a stranger does not see: whether there is one makes no difference.
        """
        unseen = isinstance(exc, NotFound) and exc.code == "list.not_found"
        asked = self.needs.get("GET" if self.request.method == "HEAD" else self.request.method or "")
        if unseen and asked == READERS and self.known is not None:
            try:
                self.known.require(Permission.LIST_VIEW)
            except NotAllowed as refusal:
                exc = refusal
        handled: Response = super().handle_exception(exc)
        return handled


def check(asked: Need, request: Request) -> None:
    """Errors: Unauthenticated, NotAllowed `permission.missing`, `person.required`, StepUpRequired."""
    if asked.public:
        return
    actor = actor_of(request)
    if asked.permission is not None:
        actor.require(asked.permission)
    if asked.person:
        if not actor.is_person:
            raise NotAllowed(
                "A person has to do this in the browser; a credential cannot.",
                code="person.required",
                advice="Sign in at the exchange and repeat the step there.",
            )
        require_presence(request._request, now=timezone.now())


def actor_of(request: Request) -> Actor:
    """Errors: Unauthenticated `unauthenticated`."""
    if not isinstance(request.auth, Actor):
        raise Unauthenticated(
            "Sign in or send a credential.",
            code="unauthenticated",
            advice="Send 'Authorization: Bearer <key>'; keys are issued under API credentials.",
        )
    return request.auth


def nothing_here() -> NotFound:
    """One answer for what does not exist and for what the asker may not know about."""
    return NotFound("There is nothing at this address.", code="not_found")
