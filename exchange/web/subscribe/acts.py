"""What the buttons of this area have in common: done and said so, or refused and said why."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from accounts.errors import Conflict, Invalid
from exchange.web.door import Page
from exchange.web.refusals import told


class Act(Page):
    """A button: does it, then goes back to the page that it belongs to with one sentence.

    What the state does not allow (any more) is said on that page too: the person sees what is so now.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            messages.success(request, self.act())
        except (Invalid, Conflict) as refusal:
            said = told(refusal)
            messages.warning(request, " ".join(filter(None, (said.message, said.detail, said.advice))))
        return HttpResponseRedirect(self.back())

    def act(self) -> str:
        """Do it and say in one sentence what happens next."""
        raise NotImplementedError
