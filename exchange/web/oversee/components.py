"""Every part of a page in every state, on one page: for whoever builds pages, and for the tests of looks.

Served by the demo and the tests only. Its words are specimens, in English alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Final

from django.http import HttpRequest, HttpResponseBase

from accounts.errors import Invalid
from exchange.http.permissions import PUBLIC
from exchange.web import fields, parts
from exchange.web.door import Page
from exchange.web.shown import instant

_KINDS: Final = (
    fields.Option("ngo", "Non-governmental organisation", "Works for the public good, not for profit."),
    fields.Option("company", "Company"),
    fields.Option("government", "Government"),
)
_ASKED: Final = (
    fields.text("name", "Name of the organisation", hint="As it stands in the public register."),
    fields.email("contact", "E-mail address", hint="We write to it once, to confirm it."),
    fields.url("website", "Website", optional=True),
    fields.phone("telephone", "Telephone, day and night"),
    fields.number("threshold", "Number of signatures"),
    fields.date("until", "Until when"),
    fields.select(
        "country", "Jurisdiction", (fields.Option("ca", "Canada"), fields.Option("nl", "Netherlands"))
    ),
    fields.textarea("purpose", "Purpose", hint="What the list is for, in one or two sentences."),
    fields.radios("kind", "What kind of organisation is it?", _KINDS),
    fields.checkboxes(
        "types", "Kinds of hashes", (fields.Option("sha256", "SHA-256"), fields.Option("pdq", "PDQ"))
    ),
    fields.checkbox("agreed", "I have read the agreement", hint="It is binding for the whole organisation."),
    fields.password("secret", "Password", autocomplete="new-password", hint="At least 12 characters."),
    fields.code("token", "Code from your app"),
    fields.file("evidence", "Evidence", hint="PDF, at most 10 MB.", accept=".pdf"),
)
_TASKS: Final = (
    parts.Task("Your organisation", "#tasks", "done", "Completed"),
    parts.Task("Proof of your domain", "#tasks", "begun", "Begun", "We look for it every few minutes."),
    parts.Task("Contacts, day and night", "#tasks", "todo", "To do"),
    parts.Task("Registry extract", "#tasks", "wrong", "Needs you"),
    parts.Task("Send it", "", "blocked", "Cannot start yet", "Complete the tasks above first."),
)
_ROWS: Final = (
    parts.Row("Name", "Harbor Foundation", "#rows", "the name"),
    parts.Row("Jurisdiction", "Netherlands", "#rows"),
    parts.Row("Long", "Nordmeer-" * 20, "#rows"),
    parts.Row("Right to left", "שלום עולם <b>not bold</b>"),
    parts.Row("Nothing", ""),
)
_TONES: Final[tuple[parts.Tag, ...]] = (
    parts.Tag("Withdrawn"), parts.Tag("Published", "good"), parts.Tag("Waits for approval", "asks"),
    parts.Tag("Being checked", "moving"), parts.Tag("Refused", "bad"), parts.Tag("Urgent", "urgent"),
)  # fmt: skip


class Components(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        filters = fields.asked(
            request,
            fields.text("who", "Organisation", optional=True),
            fields.select("state", "State", (fields.Option("", "All"), fields.Option("due", "Due"))),
        )
        form = fields.blank(
            *_ASKED, values={"country": "nl", "kind": "ngo", "types": ["pdq"], "agreed": "yes"}
        )
        return self.show(
            "web/oversee/components.html", **self._parts(), filters=filters, form=form, wrong=_wrong()
        )

    def _parts(self) -> dict[str, Any]:
        at = instant(self.now)
        events = (
            parts.Event("Approved", at, "Ada Approver", "Both registers agree.", "good"),
            parts.Event("More information asked for", at, "Evi Examiner", tone="asks"),
            parts.Event("Application sent", at, "Applicant", url="#timeline"),
        )
        return {
            "tasks": _TASKS,
            "rows": _ROWS,
            "tags": _TONES,
            "events": events,
            "links": parts.here(
                (parts.Link("People", "#"), parts.Link("Keys", self.request.path, count=3)), self.request.path
            ),
            "secret": parts.Secret(
                "API key of the nightly sync", "hx_test_specimen", "If it is lost, roll it."
            ),
            "meters": (
                parts.Meter("Check", "1,240 of about 3,000 lines.", 41),
                parts.Meter("Check", "Soon."),
            ),
            "done": parts.Done("Application sent", "Your reference", "AP-2026-0042"),
            "empty": parts.Empty("No endpoint yet.", "#empty", "Add an endpoint"),
            "pairs": (("Fetched", "The member took the files."), ("Applied", "It proved the state root.")),
            "tone_names": ("", "success", "warning", "bad"),
        }


def _wrong() -> fields.Form:
    """The same questions, after a verb refused every one of them. Names differ, for an id is used once."""
    again = tuple(
        replace(field, name=f"{field.name}-again", value="<b>typed</b>" if field.kind == "text" else "")
        for field in _ASKED
    )
    refusals = (Invalid("Say it in a few words.", code="specimen", field=field.name) for field in again)
    return fields.blank(*again).refused(
        *refusals, Invalid("Nothing was sent.", code="specimen", advice="Try again.")
    )
