"""The search box: lists, releases, submissions and organisations by name or reference."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpRequest, HttpResponseBase

from exchange.http.permissions import ANY_MEMBER
from exchange.web.door import Page
from exchange.web.oversee.finding import find


class Search(Page):
    needs: ClassVar = {"GET": ANY_MEMBER}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = str(request.GET.get("q", ""))[:200].strip()
        return self.show("web/oversee/search.html", asked=asked, groups=find(asked, self.actor))
