"""The first page: what this is, or what needs the person who is signed in."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import F
from django.http import HttpRequest, HttpResponseBase

from accounts.identity.models import User
from accounts.identity.roles import Permission
from exchange.http.permissions import PUBLIC
from exchange.web.account.words import unconfirmed_roles
from exchange.web.contribute.arrangements import arrangements_for
from exchange.web.door import Page
from exchange.web.list_facts import catalogue, list_row
from exchange.web.waiting import waiting_for
from hashsets.releases.agree import awaiting_agreement

MOST_LISTS = 25


class Home(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return self.show("web/welcome.html")
        actor = self.actor
        lists = catalogue(actor)
        own = list(
            lists.filter(organisation_id=actor.organisation()).order_by("title", "id")[: MOST_LISTS + 1]
        )
        others = list(
            lists.exclude(organisation_id=actor.organisation())
            .filter(latest_release__gt=0)
            .order_by(F("subscribed").desc(), "-released_at", "id")[: MOST_LISTS + 1]
        )
        reads = actor.may(Permission.LIST_VIEW)
        return self.show(
            "web/home.html",
            unconfirmed=unconfirmed_roles(actor),
            reads=reads,
            waiting=waiting_for(actor, now=self.now),
            own=[list_row(row, actor) for row in own[:MOST_LISTS]] if reads else [],
            others=[list_row(row, actor) for row in others[:MOST_LISTS]] if reads else [],
            arrangements=arrangements_for(actor, now=self.now),
            may_make=actor.may(Permission.LIST_MANAGE) and not actor.is_operator,
            held=awaiting_agreement(actor).count() if actor.is_over_exchange else None,
            more=len(own) > MOST_LISTS or len(others) > MOST_LISTS,
        )
