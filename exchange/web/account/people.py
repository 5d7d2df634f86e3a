"""The people of an organisation: who they are, what each may do, asking them in and ending their rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.credentials.models import Credential
from accounts.dual_control.independence import is_after_reset
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.factors.forget import propose_reset
from accounts.identity.models import ConfirmedAs, Membership, Organisation
from accounts.identity.roles import Permission, Role
from accounts.membership.confirm import review_place
from accounts.membership.invite import invite, open_invitations, revoke_invitation
from accounts.membership.members import change_roles, end_membership
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.web import fields
from exchange.web.account.answers import form_status
from exchange.web.account.own import LANGUAGES
from exchange.web.account.words import CONFIRMED_AS, ROLE, ROLE_MEANS
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option
from exchange.web.shown import apart
from exchange.web.words import word

_MANAGE = person(Permission.MEMBER_MANAGE)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One of the people; `own` is whoever looks, `waiting` the roles that a second person has not confirmed,
    `before` a place from before places were confirmed.
    """

    id: int
    name: str
    email: str
    roles: list[str]
    waiting: list[str]
    before: bool
    own: bool
    last_admin: bool


class People(Page):
    needs: ClassVar = {"GET": need(Permission.AUDIT_READ)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        actor = self.actor
        living = Membership.objects.filter(organisation_id=actor.organisation(), ended_at__isnull=True)
        admins = [row.id for row in living.filter(user__is_active=True).with_role(Role.ADMIN)]

        def shown(row: Membership) -> PersonRow:
            return PersonRow(
                id=row.id,
                name=row.user.name,
                email=row.user.email,
                roles=[word(ROLE, role) for role in row.roles if role not in row.unconfirmed_roles],
                waiting=[word(ROLE, role) for role in row.unconfirmed_roles],
                before=row.confirmed_as == ConfirmedAs.BEFORE,
                own=row.user_id == actor.person_id,
                last_admin=admins == [row.id],
            )

        return self.show(
            "web/account/people.html",
            page=page_of(living.select_related("user"), request, key="created_at", render=shown),
            invitations=[
                (one, [word(ROLE, role) for role in one.roles])
                for one in open_invitations(actor, now=self.now).order_by("-created_at")[:100]
            ],
            may_manage=actor.may(Permission.MEMBER_MANAGE),
            one_admin=len(admins) == 1,
            roles=[(word(ROLE, role), word(ROLE_MEANS, role)) for role in _roles_of(actor.organisation_kind)],
        )


class Invite(Page):
    needs: ClassVar = {"GET": _MANAGE, "POST": _MANAGE}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(fields.blank(*self._asked(), values={"language": self.somebody().language}))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.posted(request, *self._asked())
        organisation = Organisation.objects.get(id=self.actor.organisation())
        try:
            sent = invite(
                organisation,
                email=form.value("email"),
                roles=form.values("roles"),
                language=form.value("language"),
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, Conflict, NotAllowed) as refusal:
            return self._form(form.refused(refusal), refusal)
        messages.success(request, _("The invitation to %(email)s is on its way.") % {"email": sent.email})
        return HttpResponseRedirect(reverse("web:people"))

    def _form(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show("web/account/invite.html", form=form, status=form_status(refusal))

    def _asked(self) -> tuple[Field, ...]:
        return (
            fields.email(
                "email",
                gettext_lazy("E-mail address"),
                hint=gettext_lazy(
                    "The letter with the link goes there. Whoever opens it proves the address."
                ),
                autocomplete="off",
            ),
            _roles_field(self.actor.organisation_kind),
            fields.radios("language", gettext_lazy("Language of the letter"), LANGUAGES),
        )


class RevokeInvitation(Page):
    needs: ClassVar = {"POST": _MANAGE}

    def back(self) -> str:
        return reverse("web:people")

    def post(self, request: HttpRequest, invitation_id: UUID) -> HttpResponseBase:
        revoke_invitation(invitation_id, actor=self.actor, now=self.now)
        messages.success(request, _("The invitation is taken back: its link no longer works."))
        return HttpResponseRedirect(self.back())


class OnePerson(Page):
    """Roles of one person: what they are, changing them, and the ends that an admin can make."""

    needs: ClassVar = {"GET": need(Permission.MEMBER_MANAGE), "POST": _MANAGE}

    def get(self, request: HttpRequest, membership_id: int) -> HttpResponseBase:
        membership = self._membership(membership_id)
        roles = _roles_field(self.actor.organisation_kind)
        return self._form(membership, fields.blank(roles, values={"roles": membership.roles}))

    def post(self, request: HttpRequest, membership_id: int) -> HttpResponseBase:
        membership = self._membership(membership_id)
        form = fields.posted(request, _roles_field(self.actor.organisation_kind))
        try:
            change_roles(membership_id, roles=form.values("roles"), actor=self.actor, now=self.now)
        except (Invalid, Conflict, NotAllowed) as refusal:
            return self._form(membership, form.refused(refusal), refusal)
        if self._membership(membership_id).unconfirmed_roles:
            messages.success(
                request, _("What was taken away is gone. What is new waits until another admin confirms it.")
            )
        else:
            messages.success(request, _("The roles are changed, from now on."))
        return HttpResponseRedirect(reverse("web:people"))

    def _form(self, membership: Membership, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        issued = Credential.objects.usable(self.now).filter(
            issued_by=membership.user, organisation_id=membership.organisation_id
        )
        return self.show(
            "web/account/person.html",
            status=form_status(refusal),
            membership=membership,
            waiting=[word(ROLE, role) for role in membership.unconfirmed_roles],
            confirmed=word(CONFIRMED_AS, membership.confirmed_as) if membership.confirmed_as else "",
            before=membership.confirmed_as == ConfirmedAs.BEFORE,
            after_reset=is_after_reset(membership.user_id, now=self.now),
            form=form,
            own=membership.user_id == self.actor.person_id,
            credentials=issued.count(),
        )

    def _membership(self, membership_id: int) -> Membership:
        rows = Membership.objects.filter(organisation_id=self.actor.organisation(), ended_at__isnull=True)
        people = rows.select_related("user", "granted_by", "confirmed_by")
        membership = people.filter(id=membership_id).first()
        if membership is None:
            raise NotFound("There is no such membership.", code="membership.not_found")
        return membership


class EndMembership(Page):
    needs: ClassVar = {"POST": _MANAGE}

    def back(self) -> str:
        return reverse("web:person", args=[self.kwargs["membership_id"]])

    def post(self, request: HttpRequest, membership_id: int) -> HttpResponseBase:
        ended = end_membership(membership_id, actor=self.actor, now=self.now)
        messages.success(
            request,
            _("%(name)s no longer acts for your organisation: sessions and credentials have ended.")
            % {"name": apart(ended.user.name)},
        )
        return HttpResponseRedirect(reverse("web:people"))


class ReviewPlace(Page):
    """Somebody else than its person says that a place from before places were confirmed is right."""

    needs: ClassVar = {"POST": _MANAGE}

    def back(self) -> str:
        return reverse("web:person", args=[self.kwargs["membership_id"]])

    def post(self, request: HttpRequest, membership_id: int) -> HttpResponseBase:
        review_place(membership_id, actor=self.actor, now=self.now)
        messages.success(request, _("This place is confirmed."))
        return HttpResponseRedirect(reverse("web:people"))


class ProposeReset(Page):
    needs: ClassVar = {"POST": _MANAGE}

    def back(self) -> str:
        return reverse("web:person", args=[self.kwargs["membership_id"]])

    def post(self, request: HttpRequest, membership_id: int) -> HttpResponseBase:
        propose_reset(
            membership_id,
            note=request.POST.get("note", ""),
            leave_passkeys="leave_passkeys" in request.POST,
            actor=self.actor,
            now=self.now,
        )
        messages.success(request, _("Proposed. Nothing changes until another admin confirms it."))
        return HttpResponseRedirect(self.back())


def _roles_of(kind: str | None) -> list[Role]:
    allowed = Membership.allowed_roles(kind or "")
    return [role for role in Role if role in allowed]


def _roles_field(kind: str | None) -> Field:
    return fields.checkboxes(
        "roles",
        gettext_lazy("Roles"),
        [Option(role.value, word(ROLE, role), word(ROLE_MEANS, role)) for role in _roles_of(kind)],
        hint=gettext_lazy("What this person may do. Give as few as they need."),
    )
