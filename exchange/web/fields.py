"""The fields of forms as typed facts: what a page asks, what was typed, and what was wrong with it.

A page describes its fields, fills them (`blank` with stored values, `posted` with what a person sent), hands
the values to a verb, and when the verb refuses shows the same form with the refusal at its field and in the
summary:

    ASKED = (text("title", _("Title"), hint=_("…")), radios("kind", _("Kind"), options(KIND)))

    form = posted(request, *ASKED)
    try:
        define_list(title=form.value("title"), …)
    except Invalid as refusal:
        return self.show("…", form=form.refused(refusal), status=…)

In the template `{% include "web/parts/error_summary.html" %}` above the heading and
`{% include "web/parts/field.html" with field=form.title %}` where the field belongs. What a value *means* is
for the verbs to check: nothing is validated here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.functional import Promise

from accounts.errors import Refusal
from exchange.web.refusals import Told, told

Words = str | Promise
Kind = Literal[
    "text", "textarea", "email", "url", "tel", "search", "number", "date", "password", "code", "file",
    "select", "radios", "checkboxes", "checkbox",
]  # fmt: skip
Width = Literal["", "tiny", "short", "medium", "full"]
# What a browser must not be given back: secrets, and files, which it would not take.
_NEVER_REFILLED: Final = frozenset({"password", "code", "file"})
_MANY: Final = frozenset({"checkboxes"})
_GROUPED: Final = frozenset({"radios", "checkboxes"})


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose; `hint` says what choosing it means."""

    value: str
    label: Words
    hint: Words = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of a form. Made by the functions below, which set what belongs to each kind."""

    name: str
    label: Words
    kind: Kind = "text"
    hint: Words = ""
    value: str = ""
    chosen: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    error: str = ""
    optional: bool = False
    autocomplete: str = ""
    inputmode: str = ""
    width: Width = ""
    rows: int = 4
    longest: int | None = None
    accept: str = ""
    multiple: bool = False
    # The label is the page's heading: for pages that ask one thing.
    heading: bool = False
    spellcheck: bool = True

    @property
    def id(self) -> str:
        return self.name.replace("_", "-").replace(".", "-")

    @property
    def anchor(self) -> str:
        """What a link must point at to put the cursor into this field: the first of several controls."""
        return f"{self.id}-0" if self.kind in _GROUPED and self.options else self.id

    @property
    def described_by(self) -> str:
        told = [f"{self.id}-hint"] if self.hint else []
        return " ".join(told + ([f"{self.id}-why"] if self.error else []))

    @property
    def grouped(self) -> bool:
        return self.kind in _GROUPED

    @property
    def input_type(self) -> str:
        return {"number": "text", "code": "text"}.get(self.kind, self.kind)

    @property
    def choices(self) -> Iterator[tuple[str, Option, bool]]:
        """(id, option, whether it is chosen)."""
        for place, option in enumerate(self.options):
            yield f"{self.id}-{place}", option, option.value in self.chosen or option.value == self.value


@dataclass(frozen=True, slots=True)
class Mistake:
    """One line of the summary: what is wrong, and the field it is about ("" when it is about none)."""

    anchor: str
    told: Told


@dataclass(frozen=True, slots=True)
class Form:
    """Fields with their values. In templates `form.title` is the field named title."""

    fields: tuple[Field, ...]
    mistakes: tuple[Mistake, ...] = ()

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def value(self, name: str) -> str:
        """What was typed or chosen, without white space around it unless it is a password."""
        field = self[name]
        return field.value if field.kind == "password" else field.value.strip()

    def values(self, name: str) -> tuple[str, ...]:
        """What was ticked among checkboxes."""
        return self[name].chosen

    def ticked(self, name: str) -> bool:
        return bool(self[name].value)

    def refused(self, *refusals: Refusal) -> Form:
        """The same form with what was wrong, at the field that each refusal names."""
        by_name = {field.name: field for field in self.fields}
        mistakes = []
        for refusal in refusals:
            said = told(refusal)
            field = by_name.get(said.field)
            if field is not None and not field.error:
                by_name[field.name] = replace(field, error=said.message)
            mistakes.append(Mistake(field.anchor if field is not None else "", said))
        kept = tuple(
            replace(one, value="") if one.kind in _NEVER_REFILLED else one for one in by_name.values()
        )
        return Form(kept, (*self.mistakes, *mistakes))


def blank(*fields: Field, values: Mapping[str, str | Iterable[str]] | None = None) -> Form:
    """A form as it is first shown, with what is known already."""
    known = values or {}
    return Form(
        tuple(_filled(field, known[field.name]) if field.name in known else field for field in fields)
    )


def posted(request: HttpRequest, *fields: Field) -> Form:
    """A form as a person sent it: a field sent twice counts once, a file under a text's name not at all."""
    return Form(tuple(_filled(field, _sent(request.POST, field)) for field in fields))


def asked(request: HttpRequest, *fields: Field) -> Form:
    """A form of filters, from the address."""
    return Form(tuple(_filled(field, _sent(request.GET, field)) for field in fields))


def sent_file(request: HttpRequest, name: str) -> UploadedFile[bytes] | None:
    """The file under this name, or None when none was chosen."""
    file = request.FILES.get(name)
    return file if isinstance(file, UploadedFile) else None


def _sent(source: Mapping[str, object], field: Field) -> str | Iterable[str]:
    if field.kind in _MANY:
        many = getattr(source, "getlist", None)
        return [str(value) for value in many(field.name)] if many else []
    return "" if field.kind == "file" else str(source.get(field.name, ""))


def _filled(field: Field, value: str | Iterable[str]) -> Field:
    if field.kind in _MANY:
        chosen = (value,) if isinstance(value, str) else tuple(value)
        offered = {option.value for option in field.options}
        # What is not offered cannot be shown as ticked; the verb is still told, and refuses it.
        return replace(field, chosen=tuple(dict.fromkeys(chosen)) if offered else chosen)
    return replace(field, value=value if isinstance(value, str) else ",".join(value))


# One function per kind of question


def text(
    name: str,
    label: Words,
    *,
    hint: Words = "",
    longest: int | None = 300,
    width: Width = "",
    optional: bool = False,
    autocomplete: str = "",
    heading: bool = False,
    spellcheck: bool = True,
) -> Field:
    return Field(
        name=name, label=label, hint=hint, longest=longest, width=width, optional=optional,
        autocomplete=autocomplete, heading=heading, spellcheck=spellcheck,
    )  # fmt: skip


def textarea(
    name: str,
    label: Words,
    *,
    hint: Words = "",
    rows: int = 4,
    longest: int | None = 1_000,
    optional: bool = False,
    heading: bool = False,
) -> Field:
    return Field(
        name=name, label=label, kind="textarea", hint=hint, rows=rows, longest=longest, optional=optional,
        heading=heading,
    )  # fmt: skip


def email(
    name: str,
    label: Words,
    *,
    hint: Words = "",
    optional: bool = False,
    autocomplete: str = "email",
    heading: bool = False,
) -> Field:
    return Field(
        name=name, label=label, kind="email", hint=hint, optional=optional, autocomplete=autocomplete,
        longest=254, spellcheck=False, heading=heading,
    )  # fmt: skip


def url(name: str, label: Words, *, hint: Words = "", optional: bool = False, heading: bool = False) -> Field:
    return Field(
        name=name, label=label, kind="url", hint=hint, optional=optional, longest=2_000, spellcheck=False,
        width="full", heading=heading,
    )  # fmt: skip


def phone(name: str, label: Words, *, hint: Words = "", optional: bool = False) -> Field:
    return Field(
        name=name, label=label, kind="tel", hint=hint, optional=optional, autocomplete="tel", longest=40,
        width="short",
    )  # fmt: skip


def number(
    name: str, label: Words, *, hint: Words = "", optional: bool = False, width: Width = "tiny"
) -> Field:
    """Whole numbers; a text field, because spinning wheels and rounding have changed numbers unseen."""
    return Field(
        name=name, label=label, kind="number", hint=hint, optional=optional, inputmode="numeric", longest=12,
        width=width, spellcheck=False,
    )  # fmt: skip


def date(name: str, label: Words, *, hint: Words = "", optional: bool = False) -> Field:
    """The browser's own date picker; the value is YYYY-MM-DD."""
    return Field(name=name, label=label, kind="date", hint=hint, optional=optional, width="short")


def password(name: str, label: Words, *, hint: Words = "", autocomplete: str = "current-password") -> Field:
    return Field(
        name=name, label=label, kind="password", hint=hint, autocomplete=autocomplete, spellcheck=False
    )


def code(name: str, label: Words, *, hint: Words = "") -> Field:
    """A one-time code, which telephones offer to fill in."""
    return Field(
        name=name, label=label, kind="code", hint=hint, autocomplete="one-time-code", inputmode="numeric",
        longest=40, width="short", spellcheck=False,
    )  # fmt: skip


def file(
    name: str,
    label: Words,
    *,
    hint: Words = "",
    accept: str = "",
    multiple: bool = False,
    optional: bool = False,
    heading: bool = False,
) -> Field:
    return Field(
        name=name, label=label, kind="file", hint=hint, accept=accept, multiple=multiple, optional=optional,
        heading=heading,
    )  # fmt: skip


def select(
    name: str,
    label: Words,
    answers: Iterable[Option],
    *,
    hint: Words = "",
    optional: bool = False,
    autocomplete: str = "",
) -> Field:
    return Field(
        name=name, label=label, kind="select", options=tuple(answers), hint=hint, optional=optional,
        autocomplete=autocomplete,
    )  # fmt: skip


def radios(
    name: str, label: Words, answers: Iterable[Option], *, hint: Words = "", heading: bool = False
) -> Field:
    return Field(name=name, label=label, kind="radios", options=tuple(answers), hint=hint, heading=heading)


def checkboxes(
    name: str,
    label: Words,
    answers: Iterable[Option],
    *,
    hint: Words = "",
    heading: bool = False,
    optional: bool = False,
) -> Field:
    return Field(
        name=name, label=label, kind="checkboxes", options=tuple(answers), hint=hint, heading=heading,
        optional=optional,
    )  # fmt: skip


def checkbox(name: str, label: Words, *, hint: Words = "") -> Field:
    """One box to tick; its value is "yes" or empty."""
    return Field(name=name, label=label, kind="checkbox", hint=hint)


def options(words: Mapping[str, Words], means: Mapping[str, Words] | None = None) -> tuple[Option, ...]:
    """The answers of a table of words (exchange/web/words.py), with what each means where it is known."""
    hints = means or {}
    return tuple(Option(str(value), label, hints.get(value, "")) for value, label in words.items())
