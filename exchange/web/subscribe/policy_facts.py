"""A trust policy in plain words, the form that makes one, and what it would do to a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.identity.acting import Actor
from exchange.sharing.models import Subscription
from exchange.web.fields import Field, Form, Option, checkboxes, number, options, text
from exchange.web.shown import number as in_words
from exchange.web.subscribe.words import MEMBER_KIND
from exchange.web.words import word
from hashsets.core.policy import UNCLASSIFIED_NAME, TrustPolicy
from hashsets.lists.models import HashList


@dataclass(frozen=True, slots=True)
class Effect:
    """What a policy would do: its rules as sentences, what follows, and whether nothing is left."""

    rules: tuple[str, ...]
    follows: tuple[str, ...]
    nothing_left: bool


def fields(hash_list: HashList) -> tuple[Field, ...]:
    """The questions; classifications only where the list has any."""
    labels = [Option(one.label, one.label, one.meaning) for one in hash_list.classifications.all()]
    asked: list[Field] = [
        checkboxes(
            "publisher_kinds",
            _("Whose lists do you use?"),
            options(MEMBER_KIND),
            hint=_("Tick nothing to use those of everybody."),
            optional=True,
        ),
        text(
            "jurisdictions",
            _("From which jurisdictions?"),
            hint=_("Country codes with commas between them, such as CA, GB. Leave it empty for all."),
            optional=True,
            spellcheck=False,
        ),
        number(
            "minimum_publishers",
            _("How many publishers must list a hash before you use it?"),
            hint=_(
                "1 is this publisher alone. With 2 or more your client compares the lists that it holds, and "
                "uses only hashes that enough of them have."
            ),
        ),
        number(
            "minimum_jurisdictions",
            _("From how many jurisdictions must these publishers be?"),
            hint=_("1 asks for nothing more. 2 and 2 is what INTERPOL asks of its worst-of list."),
        ),
    ]
    if labels:
        unclassified = Option(UNCLASSIFIED_NAME, _("Entries without a classification"))
        asked.append(
            checkboxes(
                "classifications",
                _("Which of its classifications do you use?"),
                (*labels, unclassified),
                hint=_("Tick nothing to use all."),
                optional=True,
            )
        )
    return tuple(asked)


def values_of(policy: dict[str, Any]) -> dict[str, str | list[str]]:
    """A stored policy as the form shows it."""
    return {
        "publisher_kinds": list(policy.get("publisher_kinds", [])),
        "jurisdictions": ", ".join(policy.get("jurisdictions", [])),
        "classifications": list(policy.get("classifications", [])),
        "minimum_publishers": str(policy.get("minimum_publishers", 1)),
        "minimum_jurisdictions": str(policy.get("minimum_jurisdictions", 1)),
    }


def document_of(form: Form) -> dict[str, Any]:
    """What was typed, as the policy's JSON; what is no number stays text, and the policy refuses it."""
    known = {field.name for field in form}
    codes = [code.strip().upper() for code in form.value("jurisdictions").replace(";", ",").split(",")]
    return {
        "publisher_kinds": list(form.values("publisher_kinds")),
        "jurisdictions": [code for code in codes if code],
        "classifications": list(form.values("classifications")) if "classifications" in known else [],
        "minimum_publishers": _whole(form.value("minimum_publishers")),
        "minimum_jurisdictions": _whole(form.value("minimum_jurisdictions")),
    }


def _whole(typed: str) -> int | str:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 4 else typed


def rules_of(policy: TrustPolicy) -> tuple[str, ...]:
    """The policy, a sentence per rule."""
    told: list[str] = []
    if policy.publisher_kinds:
        kinds = ", ".join(word(MEMBER_KIND, kind) for kind in sorted(policy.publisher_kinds))
        told.append(_("Only lists by: %(kinds)s.") % {"kinds": kinds})
    if policy.jurisdictions:
        told.append(
            _("Only publishers from: %(codes)s.") % {"codes": ", ".join(sorted(policy.jurisdictions))}
        )
    if policy.minimum_publishers > 1:
        told.append(
            _("A hash is used when at least %(n)s publishers list it.")
            % {"n": in_words(policy.minimum_publishers)}
        )
    if policy.minimum_jurisdictions > 1:
        told.append(
            _("These publishers must be from at least %(n)s jurisdictions.")
            % {"n": in_words(policy.minimum_jurisdictions)}
        )
    if policy.classifications:
        labels = ", ".join(
            _("unclassified") if label == UNCLASSIFIED_NAME else label
            for label in sorted(policy.classifications)
        )
        told.append(_("Only entries classified as: %(labels)s.") % {"labels": labels})
    return tuple(told) or (_("No rules: every entry of this list is used."),)


def effect_of(policy: TrustPolicy, hash_list: HashList, *, actor: Actor) -> Effect:
    """What `policy` would do to this list, given what the organisation follows now."""
    follows: list[str] = []
    publisher = hash_list.organisation
    why_not = policy.why_not(publisher.kind, publisher.jurisdiction)
    if why_not:
        follows.append(_("This list is left out as a whole: its publisher is not one that you accept."))
    enough = True
    if policy.asks_for_corroboration and not why_not:
        others = _corroborating(policy, hash_list, actor)
        jurisdictions = {jurisdiction for _id, jurisdiction in others}
        publishers = ngettext("%(n)s publisher", "%(n)s publishers", len(others)) % {
            "n": in_words(len(others))
        }
        states = ngettext("%(n)s jurisdiction", "%(n)s jurisdictions", len(jurisdictions)) % {
            "n": in_words(len(jurisdictions))
        }
        follows.append(
            _("Among the lists that you follow, %(publishers)s from %(states)s can confirm such hashes.")
            % {"publishers": publishers, "states": states}
        )
        enough = (
            len(others) >= policy.minimum_publishers and len(jurisdictions) >= policy.minimum_jurisdictions
        )
        if not enough:
            follows.append(
                _("That is too few: nothing of this list would be used until you follow more lists.")
            )
    if policy.classifications and not why_not:
        known = {UNCLASSIFIED_NAME, *hash_list.classifications.values_list("label", flat=True)}
        follows.append(
            _("Of its %(all)s classifications, %(some)s are used.")
            % {"all": in_words(len(known)), "some": in_words(len(known & policy.classifications))}
        )
    follows.append(
        _("You still download, verify and confirm the whole list. The policy chooses what of it is used.")
    )
    return Effect(rules_of(policy), tuple(follows), nothing_left=bool(why_not) or not enough)


def _corroborating(policy: TrustPolicy, hash_list: HashList, actor: Actor) -> set[tuple[object, str]]:
    """Publishers (id, jurisdiction) that the policy accepts, of lists with a type of hash in common."""
    followed = Subscription.objects.of(actor).current().select_related("hash_list__organisation")
    lists = [hash_list, *(one.hash_list for one in followed)]
    return {
        (one.organisation_id, one.organisation.jurisdiction)
        for one in lists
        if set(one.hash_types) & set(hash_list.hash_types)
        and not policy.why_not(one.organisation.kind, one.organisation.jurisdiction)
    }
