"""The second step of signing in, and setting one up: nothing else answers before it."""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Corrupt, Invalid, NotAllowed, Refusal, Throttled, Unauthenticated
from accounts.factors import totp
from accounts.factors.code_app import set_up_code_app
from accounts.factors.forget import open_reset, send_proof_link, use_proof_link
from accounts.factors.link_token import digest_of
from accounts.factors.recovery import issue_recovery_codes
from accounts.factors.standing import standing_of
from accounts.identity.acting import person_alone
from accounts.identity.models import User
from accounts.sealing.texts import open_text, seal_text
from exchange.http.permissions import PUBLIC
from exchange.web import sign_in
from exchange.web.account.answers import demo_code, form_status, with_retry
from exchange.web.account.picture import picture_of
from exchange.web.door import Page, safe_next
from exchange.web.forms import text
from exchange.web.halfway import Halfway, halfway, note_mailbox_proven
from exchange.web.parts import Done
from exchange.web.refusals import told

SEED_KEY: Final = "hx_new_seed"
ISSUER: Final = "Hash Exchange"


class HalfwayPage(Page):
    """A page for somebody who has given the first proof. Others begin at the beginning."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def back(self) -> str:
        return safe_next(self.request)

    def half(self, *, with_factor: bool) -> Halfway:
        """Errors: Unauthenticated, also when the other one of the two ways is theirs."""
        half = halfway(self.request, now=self.now)
        if half.has_factor is not with_factor:
            raise Unauthenticated("Take the other step.", code="sign_in.first")
        if not with_factor:
            self._require_proven(half)
        return half

    def _require_proven(self, half: Halfway) -> None:
        """After others took the second step away: the password of before, and the mailbox. Errors:
        Unauthenticated `reset.mailbox`, which leads to the page that sends the letter.
        """
        reset = open_reset(half.user)
        if reset is not None and (half.how != "password" or half.proven_reset != str(reset.id)):
            raise Unauthenticated("Prove your mailbox first.", code="reset.mailbox")

    def on(self) -> HttpResponse:
        return HttpResponseRedirect(safe_next(self.request))


class SecondStep(HalfwayPage):
    """The code of the app; with links to the other ways that this person has."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(self.half(with_factor=True))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        half = self.half(with_factor=True)
        try:
            sign_in.give_code(request, code=text(request, "code"), now=self.now)
        except (Unauthenticated, Throttled) as refusal:
            return with_retry(self._form(half, refusal), refusal)
        return self.on()

    def _form(self, half: Halfway, refusal: Refusal | None = None) -> HttpResponse:
        standing = standing_of(half.user.id)
        return self.show(
            "web/account/second_step.html",
            status=form_status(refusal),
            told=told(refusal) if refusal else None,
            standing=standing,
            demo_code=demo_code(standing.app, now=self.now),
            next=safe_next(self.request, ""),
        )


class RecoveryStep(HalfwayPage):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        self.half(with_factor=True)
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        self.half(with_factor=True)
        try:
            sign_in.give_recovery_code(request, code=text(request, "code"), now=self.now)
        except (Unauthenticated, Throttled) as refusal:
            return with_retry(self._form(refusal), refusal)
        return self.on()

    def _form(self, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/account/recovery_step.html",
            status=form_status(refusal),
            told=told(refusal) if refusal else None,
            next=safe_next(self.request, ""),
        )


class SetUp(HalfwayPage):
    """Which second step it shall be, for somebody who has none."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        self.half(with_factor=False)
        wished = safe_next(request, "")
        return self.show("web/account/set_up.html", query="?" + urlencode({"next": wished}) if wished else "")


class SetUpApp(HalfwayPage):
    """A new app: the picture, the seed in letters, and the first code as proof that it works."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(self.half(with_factor=False).user)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        half = self.half(with_factor=False)
        try:
            set_up_code_app(
                half.user,
                new_seed(request, half.user),
                code=text(request, "code"),
                actor=person_alone(half.user),
                now=self.now,
                first=True,
            )
        except (Invalid, Conflict) as refusal:
            return self._form(half.user, refusal)
        request.session.pop(SEED_KEY, None)
        return first_factor_done(self, half.user, how="app")

    def _form(self, user: User, refusal: Refusal | None = None) -> HttpResponse:
        return show_app_form(self, user, refusal, action=reverse("web:set-up-app"))


class ProveMailbox(HalfwayPage):
    """Sends the letter, and waits for its link: after others took this person's second step away."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        half = halfway(request, now=self.now)
        reset = open_reset(half.user)
        if reset is None:
            raise Unauthenticated("Take the other step.", code="sign_in.first")
        if half.how != "password":
            raise NotAllowed(
                "Your second step was taken away, so only your password and your mailbox together prove you.",
                code="reset.by_password",
                advice="Sign in with your password. If it is lost too, ask an admin to invite you anew.",
            )
        send_proof_link(reset, now=self.now)
        return self.show("web/account/prove_mailbox.html", done=Done(_("Look into your mailbox")))


class UseProof(HalfwayPage):
    """The mailed link: it counts in the session that has given the password, and nowhere else."""

    needs: ClassVar = {"GET": PUBLIC}

    def back(self) -> str:
        return self.request.get_full_path()

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        half = halfway(request, now=self.now)
        reset = use_proof_link(half.user, digest_of(token), now=self.now)
        note_mailbox_proven(request, reset.id)
        return HttpResponseRedirect(reverse("web:set-up"))


def first_factor_done(page: HalfwayPage, user: User, *, how: str) -> HttpResponse:
    """Signed in at last; the recovery codes are shown on the answer itself, this once."""
    codes = issue_recovery_codes(user, actor=person_alone(user), now=page.now)
    sign_on = sign_in.sign_on_of(halfway(page.request, now=page.now))
    sign_in.finish(page.request, user, how=how, now=page.now, sign_on=sign_on)
    return page.show("web/account/recovery_codes.html", codes=codes, onwards=safe_next(page.request))


def show_app_form(page: Page, user: User, refusal: Refusal | None, *, action: str) -> HttpResponse:
    seed = new_seed(page.request, user)
    return page.show(
        "web/account/app.html",
        status=form_status(refusal),
        told=told(refusal) if refusal else None,
        picture=picture_of(totp.address_for_app(seed, account=user.email, issuer=ISSUER)),
        seed=totp.spelled(seed),
        action=action,
        demo_code=totp.code_at(seed, totp.step_at(page.now)) if settings.HX_DEMO_CODES else "",
        next=safe_next(page.request, ""),
    )


def new_seed(request: HttpRequest, user: User) -> bytes:
    """The seed that this session is setting up; sealed there too, because sessions are rows like others."""
    context = f"user:{user.id}:new-seed"
    kept = request.session.get(SEED_KEY) or {}
    with suppress(Corrupt, KeyError):  # none yet, another person's, or sealed with a key that went
        return bytes.fromhex(open_text(str(kept["sealed"]), context=context))
    seed = totp.fresh_seed()
    request.session[SEED_KEY] = {"sealed": seal_text(seed.hex(), context=context)}
    return seed
