"""Texts that somebody hostile would type, put into every column that people's words reach.

They are written past the verbs, whose own rules are tested by themselves: whatever is stored, pages show it
as text. Each holds what would open an element, give one an attribute, end a title and start a formula.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

from django.apps import apps

ATTRIBUTE: Final = "planted"
WORDS: Final = f"""=1" {ATTRIBUTE} ' {ATTRIBUTE} ></title><i {ATTRIBUTE} x="""
LONGEST: Final = 300

# Every column that somebody's own words are kept in.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "accounts.Agreement": ("text_en", "text_fr", "changes_en", "changes_fr"),
    "accounts.AuditEvent": ("actor_label",),
    "accounts.Case": ("name",),
    "accounts.CaseNote": ("text",),
    "accounts.CasePart": ("conflict",),
    "accounts.Condition": ("text", "evidence"),
    "accounts.Credential": ("name",),
    "accounts.Decision": ("message", "note", "returned_because"),
    "accounts.DutyContact": ("name",),
    "accounts.Evidence": ("source", "reference", "finding"),
    "accounts.Measure": ("reason", "note", "reply", "decision_note"),
    "accounts.Organisation": ("name",),
    "accounts.Passkey": ("name",),
    "accounts.SignOn": ("client_id", "mfa_acr"),
    "accounts.SigningKey": ("name",),
    "accounts.User": ("name",),
    "exchange.AccessRequest": ("reason", "answer"),
    "exchange.Attempt": ("request_body", "response_head", "error"),
    "exchange.Endpoint": ("description", "last_error"),
    "exchange.OpenSession": ("device",),
    "hashsets.Classification": ("label", "meaning"),
    "hashsets.HashList": ("title", "description", "legal_basis", "purpose"),
    "hashsets.QuarantineDecision": ("reason",),
    "hashsets.Submission": ("note", "decision_reason", "refused_message"),
}


def plant() -> None:
    """Each row gets texts of its own, as long as the column takes, up to three hundred characters."""
    for label, columns in COLUMNS.items():
        model = apps.get_model(label)
        for number, row in enumerate(model._default_manager.all()):
            told = {column: _text(label, column, number) for column in columns if getattr(row, column)}
            if told:
                model._default_manager.filter(pk=row.pk).update(**told)


def _text(label: str, column: str, number: int) -> str:
    limit = min(
        getattr(apps.get_model(label)._meta.get_field(column), "max_length", None) or LONGEST, LONGEST
    )
    # What is unique in its column stays so: the number stands behind the words that matter.
    return f"{WORDS}{number}".ljust(limit, "W")[:limit]


class Marked(HTMLParser):
    """Elements and attributes of a page that came from planted texts, and whether any is shown as text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.alive: list[str] = []
        self.shown = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if any(name.startswith((ATTRIBUTE, "on")) for name in names):
            self.alive.append(self.get_starttag_text() or tag)
        self.shown += sum(WORDS in (value or "") for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.shown += WORDS in data
