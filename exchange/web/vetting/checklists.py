"""The checklists as the exchange's people edit them: an edit is the next version, running cases keep
theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, get_args

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from accounts.errors import Invalid, NotFound
from accounts.vetting.checklists import By, Item, change_checklist, current_items, newest_checklist
from accounts.vetting.models import Track
from exchange.web import fields
from exchange.web.door import Page
from exchange.web.fields import Field, Form, options
from exchange.web.vetting.asking import Asked, Asking
from exchange.web.vetting.case_facts import title_of
from exchange.web.vetting.cases import DECIDE, VET
from exchange.web.vetting.words import TRACK
from exchange.web.words import Words, word

SPARE: Final = 2
FINDS_OUT: Final[Words] = {
    "person": _("A person"),
    "domain": _("The exchange: the domain is proven"),
    "email": _("The exchange: the mail is at the domain"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    track: str
    title: str
    version: int
    items: tuple[str, ...]


class Checklists(Page):
    needs: ClassVar = {"GET": VET}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        shown = []
        for track in Track.values:
            items, version = current_items(track)
            shown.append(Shown(track, word(TRACK, track), version, tuple(title_of(one) for one in items)))
        return self.show("web/vetting/checklists.html", checklists=shown)


class EditChecklist(Asking):
    needs: ClassVar = {"GET": VET, "POST": DECIDE}

    def track(self) -> str:
        track = str(self.kwargs["track"])
        if track not in Track.values:
            raise NotFound("There is no such checklist.", code="checklist.track")
        return track

    def asked(self) -> Asked:
        says = (
            _("What you keep is the next version. Cases that run keep theirs."),
            _("An item without a code is left out. Evidence counts for 398 days."),
        )
        return Asked(
            word(TRACK, self.track()), _("Keep as the next version"), "/applications/checklists", says
        )

    def fields(self) -> tuple[Field, ...]:
        items, _version = current_items(self.track())
        asked: list[Field] = [
            fields.text(
                "jurisdictions", _("Countries whose registers you know"), optional=True, longest=1_000,
                hint=_("Two letters each. Others follow the list for other jurisdictions."),
            ),
            fields.text("version", _("Version that you edit"), width="tiny", longest=6),
        ]  # fmt: skip
        for number in range(1, len(items) + SPARE + 1):
            asked += self._item_fields(number)
        return tuple(asked)

    def _item_fields(self, number: int) -> list[Field]:
        def label(words: object) -> str:
            return f"{number}. {words}"

        return [
            fields.text(f"code-{number}", label(_("Code")), optional=True, longest=40, width="medium"),
            fields.text(f"title_en-{number}", label(_("Title in English")), optional=True, longest=200),
            fields.text(f"title_fr-{number}", label(_("Title in French")), optional=True, longest=200),
            fields.textarea(f"how_en-{number}", label(_("How, in English")), optional=True, rows=2),
            fields.textarea(f"how_fr-{number}", label(_("How, in French")), optional=True, rows=2),
            fields.select(f"by-{number}", label(_("Who finds out")), options(FINDS_OUT)),
            fields.checkbox(f"required-{number}", label(_("Required for approval"))),
        ]

    def known(self) -> Mapping[str, str | Iterable[str]]:
        items, version = current_items(self.track())
        newest = newest_checklist(self.track())
        known: dict[str, str] = {
            "version": str(version),
            "jurisdictions": " ".join(newest.jurisdictions) if newest else "",
        }
        for number, item in enumerate(items, start=1):
            for name in ("code", "title_en", "title_fr", "how_en", "how_fr", "by"):
                known[f"{name}-{number}"] = str(getattr(item, name))
            known[f"required-{number}"] = "yes" if item.required else ""
        return known

    def act(self, form: Form) -> str:
        seen = form.value("version")
        if not (seen.isascii() and seen.isdigit()):
            raise Invalid("Say which version you edit.", code="checklist.version", field="version")
        numbers = [field.name.partition("-")[2] for field in form if field.name.startswith("code-")]
        change_checklist(
            self.track(),
            [_item(form, number) for number in numbers if form.value(f"code-{number}")],
            jurisdictions=form.value("jurisdictions").split(),
            seen_version=int(seen),
            actor=self.actor,
            now=self.now,
        )
        self.said = _("The next version is kept.")
        return "/applications/checklists"


def _item(form: Form, number: str) -> Item:
    by = form.value(f"by-{number}")
    known: dict[str, By] = {name: name for name in get_args(By)}
    return Item(
        code=form.value(f"code-{number}"),
        title_en=form.value(f"title_en-{number}"),
        title_fr=form.value(f"title_fr-{number}"),
        how_en=form.value(f"how_en-{number}"),
        how_fr=form.value(f"how_fr-{number}"),
        by=known.get(by, "person"),
        required=form.ticked(f"required-{number}"),
    )
