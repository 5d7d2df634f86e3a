"""Accepting an invitation: as a new person, or as the person of that address who is here already."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Invalid, Refusal
from accounts.factors.link_token import digest_of
from accounts.identity.models import User
from accounts.membership.invite import accept_as, accept_as_new, begins_anew, invitation_of
from accounts.membership.models import Invitation
from exchange.http.permissions import PUBLIC
from exchange.web import fields
from exchange.web.account.words import ROLE, ROLE_MEANS
from exchange.web.door import Page, redirect_to
from exchange.web.halfway import INVITATION_KEY, go_halfway
from exchange.web.words import word

NEW_PERSON = (
    fields.text(
        "name",
        gettext_lazy("Your name"),
        hint=gettext_lazy("What others here see beside what you do."),
        autocomplete="name",
    ),
    fields.password(
        "password",
        gettext_lazy("Choose a password"),
        hint=gettext_lazy(
            "At least twelve characters; four words are good. No common one, no name of yours."
        ),
        autocomplete="new-password",
    ),
)


class OpenInvitation(Page):
    """The mailed link itself. What it proves goes on in the session, so that no address shows the token."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        request.session[INVITATION_KEY] = digest_of(token)
        return HttpResponseRedirect(reverse("web:invitation"))


class AcceptInvitation(Page):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        invitation = invitation_of(self._digest(), now=self.now)
        return self._form(invitation, fields.blank(*NEW_PERSON))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        invitation = invitation_of(self._digest(), now=self.now)
        if isinstance(request.user, User):
            accept_as(request.user, invitation.digest, now=self.now)
            request.session.pop(INVITATION_KEY, None)
            messages.success(request, _("You belong to the organisation now."))
            return HttpResponseRedirect(reverse("web:organisation"))
        form = fields.posted(request, *NEW_PERSON)
        try:
            user = accept_as_new(
                invitation.digest,
                name=form.value("name"),
                password=form.value("password"),
                language=(get_language() or "en")[:2],
                now=self.now,
            )
        except (Invalid, Conflict) as refusal:
            return self._form(invitation, form.refused(refusal), refusal)
        go_halfway(request, user, how="link", now=self.now)
        return HttpResponseRedirect(reverse("web:set-up"))

    def _form(
        self, invitation: Invitation, form: fields.Form, refusal: Refusal | None = None
    ) -> HttpResponse:
        known = User.objects.filter(email=invitation.email).first()
        if known is not None and not begins_anew(known) and not isinstance(self.request.user, User):
            # The address has an account: its person signs in, with their second step, and comes back here.
            return redirect_to("web:sign-in", then=reverse("web:invitation"))
        return self.show(
            "web/account/invitation.html",
            status=400 if refusal else 200,
            form=form,
            invitation=invitation,
            roles=[(word(ROLE, role), word(ROLE_MEANS, role)) for role in invitation.roles],
            as_known=isinstance(self.request.user, User),
        )

    def _digest(self) -> str:
        return str(self.request.session.get(INVITATION_KEY, ""))
