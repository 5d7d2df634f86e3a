"""Texts that somebody hostile would type, put into every column that people's words reach.

They are written past the verbs, whose own rules are tested by themselves: whatever is stored, pages show it
as text. Each begins as a formula and holds what would open an element, give one an attribute, end a title.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from django.apps import apps

ATTRIBUTE: Final = "planted"
WORDS: Final = f"""1" {ATTRIBUTE} ' {ATTRIBUTE} ></title><i {ATTRIBUTE} x="""
FORMULAS: Final = "=+-@"  # a spreadsheet takes a cell that begins so for a formula
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
    return f"{FORMULAS[number % len(FORMULAS)]}{WORDS}{number}".ljust(limit, "W")[:limit]


# They begin a line of their own, for the direction of its words too. Others stand in the line around them.
_BLOCKS: Final = frozenset(
    {
        *(
            "address",
            "blockquote",
            "body",
            "caption",
            "dd",
            "details",
            "div",
            "dl",
            "dt",
            "fieldset",
            "footer",
        ),
        *("form", "h1", "h2", "h3", "h4", "head", "header", "html", "legend", "li", "main", "nav", "ol"),
        *("option", "p", "pre", "section", "select", "summary", "table", "tbody", "td", "textarea", "th"),
        *("thead", "title", "tr", "ul"),
    }
)
_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})
_FENCED: Final = re.compile("\u2068[^\u2069]*\u2069")
_ALONE: Final = re.compile(rf"[=+@-]?{re.escape(WORDS)}\d*W*…?")


@dataclass(slots=True)
class _Line:
    """A line: how many pieces stand in it, which planted one is not fenced in, and whether it is seen."""

    seen: bool = True
    pieces: int = 0
    planted: str = ""


class Marked(HTMLParser):
    """Elements and attributes of a page that came from planted texts, and whether any is shown as text.

    `loose` are the texts that share a line with other words and are not in a `bdi`: written from right to
    left, they would turn those words around too.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.alive: list[str] = []
        self.loose: list[str] = []
        self.shown = 0
        self._lines = [_Line()]
        self._open: list[tuple[str, bool]] = []  # the tag, and whether it has a line of its own
        self.feed(page)
        self.close()
        self._end_line()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if any(name.startswith((ATTRIBUTE, "on")) for name in names):
            self.alive.append(self.get_starttag_text() or tag)
        self.shown += sum(WORDS in (value or "") for _, value in attrs)
        if tag in _VOID:
            return
        for_the_ear = ("class", "hidden") in attrs
        own = tag in _BLOCKS or tag in ("bdi", "button") or for_the_ear
        if tag in _BLOCKS:
            self._end_line()
        elif own:
            self._lines[-1].pieces += 1
        if own:
            self._lines.append(_Line(seen=tag != "title" and not for_the_ear))
        self._open.append((tag, own))

    def handle_endtag(self, tag: str) -> None:
        while any(tag == name for name, _ in self._open):
            name, own = self._open.pop()
            if own:
                self._end_line()
                self._lines.pop()
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        self.shown += WORDS in data
        text = _FENCED.sub("", data).strip()
        line = self._lines[-1]
        line.pieces += bool(text)
        if WORDS in text:
            line.planted = text
            line.pieces += not _ALONE.fullmatch(text)

    def _end_line(self) -> None:
        line = self._lines[-1]
        if line.seen and line.planted and line.pieces > 1:
            self.loose.append(" in ".join((line.planted, *(name for name, _ in reversed(self._open)))))
        self._lines[-1] = _Line(line.seen)
