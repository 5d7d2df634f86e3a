"""What a list states, as fields of a form that say what each means, and back as a statement."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.errors import Invalid
from accounts.identity.models import Organisation
from exchange.web.fields import (
    Field,
    Form,
    Option,
    checkboxes,
    number,
    options,
    radios,
    select,
    text,
    textarea,
)
from exchange.web.list_facts import type_title
from exchange.web.parts import Row
from exchange.web.words import AUDIENCE, AUDIENCE_MEANS, KIND, SCHEME, STATEMENT, TLP, TLP_MEANS, word
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.lists.statements import MAX_PEOPLE, Statement

_TYPES_MEAN: Final[Mapping[bool, Promise]] = {
    True: _("Perceptual: also finds pictures that were cropped or compressed, and needs care."),
    False: _("Cryptographic: finds exact copies only."),
}


def words_fields() -> tuple[Field, ...]:
    return (
        text(
            "title",
            _("Title"),
            hint=_("What members see in their catalogue, for example “Confirmed files, Northland Police”."),
        ),
        textarea(
            "description",
            _("Description"),
            hint=_("What belongs on it, how entries are confirmed, and how a mistake is reported."),
            longest=10_000,
            optional=True,
        ),
        textarea(
            "legal_basis",
            _("Legal basis"),
            hint=_("The law under which you keep and share these hashes, with the section."),
            rows=2,
        ),
        textarea(
            "purpose",
            _("Purpose"),
            hint=_("What members may use it for. They agree to this when they subscribe."),
            rows=2,
        ),
    )


def sharing_fields() -> tuple[Field, ...]:
    return (
        radios("audience", _("Who may see it"), options(AUDIENCE, AUDIENCE_MEANS)),
        checkboxes("audience_kinds", _("Kinds of organisations"), options(KIND), optional=True),
        textarea(
            "audience_organisations",
            _("Named organisations"),
            hint=_("Their identifiers, one a line. Each organisation finds its own under Transfers."),
            longest=60_000,
            optional=True,
        ),
        radios(
            "tlp",
            _("Sharing label"),
            options(TLP, TLP_MEANS),
            hint=_("Traffic Light Protocol 2.0: how far members may pass it on."),
        ),
    )


def content_fields() -> tuple[Field, ...]:
    kinds = tuple(
        Option(slug, kind.title, _TYPES_MEAN[kind.perceptual])
        for slug, kind in HASH_TYPES.items()
        if kind.width
    )
    return (
        checkboxes(
            "hash_types", _("Kinds of hashes"), kinds, hint=_("Kinds can be added later, never taken away.")
        ),
    )


def fixed_fields() -> tuple[Field, ...]:
    return (
        text(
            "jurisdiction",
            _("Jurisdiction"),
            hint=_("Whose law the list stands under: two letters, such as CA or GB. It cannot change later."),
            longest=2,
            width="tiny",
            spellcheck=False,
        ),
        select(
            "scheme",
            _("Classification"),
            options(SCHEME),
            hint=_(
                "The labels that entries carry. The scheme stays for ever; you can add labels of your own."
            ),
        ),
    )


def people_fields() -> tuple[Field, ...]:
    return (
        number(
            "approvals_required",
            _("Approvals before a release"),
            hint=_("How many people besides the submitter must say yes. More can be asked for at any time."),
        ),
    )


def threshold_field() -> Field:
    return number(
        "signature_threshold",
        _("Signatures under a release"),
        hint=_("How many keys must sign; it changes together with the signers. With a hosted key it is one."),
    )  # fmt: skip


def new_list_fields() -> tuple[Field, ...]:
    return (
        *words_fields(),
        *sharing_fields(),
        *content_fields(),
        *fixed_fields(),
        *people_fields(),
        threshold_field(),
    )


def change_fields() -> tuple[Field, ...]:
    return (*words_fields(), *sharing_fields(), *content_fields(), *people_fields())


def values_of(statement: Statement) -> dict[str, str | Iterable[str]]:
    """The statement as a form is filled with it."""
    return {
        "title": statement.title,
        "description": statement.description,
        "legal_basis": statement.legal_basis,
        "purpose": statement.purpose,
        "jurisdiction": statement.jurisdiction,
        "tlp": statement.tlp,
        "audience": statement.audience,
        "audience_kinds": list(statement.audience_kinds),
        "audience_organisations": "\n".join(str(one) for one in statement.audience_organisations),
        "hash_types": list(statement.hash_types),
        "scheme": statement.scheme,
        "approvals_required": str(statement.approvals_required),
        "signature_threshold": str(statement.signature_threshold),
    }


def read_statement(form: Form, base: Statement | None = None) -> Statement:
    """What the form says, the rest as in `base`. Errors: Invalid `list.<field>` for what cannot be read."""
    names = {field.name for field in form}

    def said(name: str) -> str:
        return form.value(name) if name in names else str(getattr(base, name))

    def counted(name: str) -> int:
        return _whole(form.value(name), name) if name in names else int(getattr(base, name))

    return Statement(
        title=said("title"),
        description=said("description"),
        jurisdiction=said("jurisdiction"),
        legal_basis=said("legal_basis"),
        purpose=said("purpose"),
        tlp=said("tlp"),
        audience=said("audience"),
        audience_kinds=form.values("audience_kinds"),
        audience_organisations=_identifiers(form.value("audience_organisations")),
        hash_types=form.values("hash_types"),
        scheme=said("scheme"),
        approvals_required=counted("approvals_required"),
        signature_threshold=counted("signature_threshold"),
    )


def statement_rows(statement: Statement, *, only: Iterable[str] | None = None) -> list[Row]:
    """The statement in words, for reading it once more."""
    names = set(only) if only is not None else set(STATEMENT)
    organisations = Organisation.objects.filter(id__in=statement.audience_organisations).order_by("name")
    shown = {
        "title": statement.title,
        "description": statement.description,
        "legal_basis": statement.legal_basis,
        "purpose": statement.purpose,
        "jurisdiction": statement.jurisdiction,
        "audience": word(AUDIENCE, statement.audience),
        "audience_kinds": ", ".join(word(KIND, kind) for kind in statement.audience_kinds),
        "audience_organisations": "; ".join(one.name for one in organisations)
        if "audience_organisations" in names
        else "",
        "tlp": word(TLP, statement.tlp),
        "hash_types": ", ".join(type_title(slug) for slug in statement.hash_types),
        "scheme": word(SCHEME, statement.scheme),
        "approvals_required": str(statement.approvals_required),
        "signature_threshold": str(statement.signature_threshold),
    }
    always = {"title", "legal_basis", "purpose", "audience", "tlp"} if only is None else names
    return [
        Row(STATEMENT[name], value)
        for name, value in shown.items()
        if name in names and (value or name in always)
    ]


def _whole(said: str, name: str) -> int:
    if said.isascii() and said.isdigit() and len(said) <= 3:
        return int(said)
    raise Invalid(f"Give a number from 1 to {MAX_PEOPLE}.", code=f"list.{name}", field=name)


def _identifiers(said: str) -> tuple[uuid.UUID, ...]:
    try:
        return tuple(dict.fromkeys(uuid.UUID(line) for line in said.split()))
    except ValueError:
        raise Invalid(
            "One of these organisations is not known here.",
            code="list.audience_organisations",
            field="audience_organisations",
        ) from None
