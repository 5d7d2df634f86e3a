"""A page that asks: it shows a few fields, hands what was typed to a verb, and shows the refusal at its
field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect

from accounts.errors import Conflict, Invalid, Refusal, Throttled
from exchange.http.problems import status_of
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Words, blank, posted

BAD_REQUEST: int = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands around the fields: a heading (none when the only field is it), words, button, way back."""

    title: Words
    button: Words
    back: str = ""
    says: tuple[Words, ...] = ()
    warns: Words = ""
    heading: bool = True
    stop: bool = False
    whose: str = ""  # the e-mail address that a password asked for belongs to


class Asking(Page):
    """Subclasses say what is `asked`, its `fields`, what is `known`, and `act` on a form; `act` returns
    where to go on and may leave a word in `self.said`.
    """

    template: ClassVar[str] = "web/vetting/form.html"
    said: Words = ""

    def asked(self) -> Asked:
        raise NotImplementedError

    def fields(self) -> tuple[Field, ...]:
        return ()

    def known(self) -> Mapping[str, str | Iterable[str]]:
        return {}

    def act(self, form: Form) -> str:
        raise NotImplementedError

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        asked = self.asked()
        return self.page(blank(*self.fields(), values={**self.known(), **self.unsent()}), asked)

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        asked = self.asked()
        form = posted(request, *self.fields())
        try:
            then = self.act(form)
        except (Invalid, Conflict, Throttled) as refusal:
            return self.wrong(form, asked, refusal)
        except Refusal as refusal:
            if refusal.field and any(field.name == refusal.field for field in form):
                return self.wrong(form, asked, refusal)
            raise
        if self.said:
            messages.success(request, str(self.said))
        return HttpResponseRedirect(then)

    def wrong(self, form: Form, asked: Asked, refusal: Refusal) -> HttpResponse:
        status = BAD_REQUEST if isinstance(refusal, Invalid) else status_of(refusal).value
        return self.page(form.refused(refusal), asked, status=status)

    def page(self, form: Form, asked: Asked, *, status: int = 200) -> HttpResponse:
        return self.show(self.template, form=form, asked=asked, status=status)
