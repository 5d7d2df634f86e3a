"""Two releases of a list side by side: counts, and a few entries in short. Work as large as the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from django.db.models import Sum
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy

from accounts.errors import Invalid
from exchange.http.permissions import PUBLIC
from exchange.http.problems import status_of
from exchange.sharing.grants import downloadable
from exchange.web.door import Page
from exchange.web.fields import Form, asked, blank
from exchange.web.fields import number as number_field
from exchange.web.list_facts import type_title
from exchange.web.shown import added, number, removed
from exchange.web.words import OPERATION, word
from hashsets.lists.models import HashList
from hashsets.releases.changes import Change, Position, changes_from
from hashsets.releases.models import Release

MOST_OPERATIONS: Final = 2_000  # read for one page: beyond that, counts alone
SAMPLE: Final = 20
FIELDS: Final = (
    number_field("older", gettext_lazy("Older release")),
    number_field("newer", gettext_lazy("Newer release")),
)


@dataclass(frozen=True, slots=True)
class Sampled:
    word: str
    type: str
    hash: str
    classification: str


@dataclass(frozen=True, slots=True)
class TypeDifference:
    title: str
    before: str
    after: str
    difference: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`exact` says that what was added and taken off again in between is left out of the counts."""

    older: int
    newer: int
    adds: str
    updates: str
    removals: str
    exact: bool
    per_type: tuple[TypeDifference, ...]
    sample: tuple[Sampled, ...]
    may_see_entries: bool


class CompareReleases(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = HashList.objects.seen(list_id, self.reads_as)
        if not request.GET.get("newer"):
            newest = hash_list.latest_release
            form = blank(*FIELDS, values={"older": str(max(newest - 1, 1)), "newer": str(max(newest, 1))})
            return self._page(hash_list, form, None)
        form = asked(request, *FIELDS)
        try:
            older, newer = _release(hash_list, form, "older"), _release(hash_list, form, "newer")
            if older.number >= newer.number:
                raise Invalid("The older release comes first.", code="compare.order", field="older")
        except Invalid as refusal:
            return self._page(hash_list, form.refused(refusal), None, status=status_of(refusal).value)
        may_see = downloadable(list_id, self.reads_as) is not None
        return self._page(hash_list, form, compare(hash_list, older, newer, entries=may_see))

    def _page(
        self, hash_list: HashList, form: Form, found: Comparison | None, *, status: int = 200
    ) -> HttpResponseBase:
        return self.show(
            "web/contribute/compare.html", status=status, list=hash_list, form=form, compared=found
        )


def compare(hash_list: HashList, older: Release, newer: Release, *, entries: bool) -> Comparison:
    """What `newer` says differently from `older`. `entries`: whether the reader may see some in short."""
    between = Release.objects.filter(
        hash_list=hash_list, number__gt=older.number, number__lte=newer.number
    ).aggregate(adds=Sum("adds"), updates=Sum("updates"), removals=Sum("removals"))
    counts = {name: int(between[name] or 0) for name in ("adds", "updates", "removals")}
    exact, net = False, {}
    if entries and sum(counts.values()) <= MOST_OPERATIONS:
        net = _net(_operations(hash_list, older.number, newer.number))
        exact = True
        counts = {f"{op}s" if op != "remove" else "removals": 0 for op in ("add", "update", "remove")}
        for op, _change in net.values():
            counts["removals" if op == "remove" else f"{op}s"] += 1
    return Comparison(
        older=older.number,
        newer=newer.number,
        adds=number(counts["adds"]),
        updates=number(counts["updates"]),
        removals=number(counts["removals"]),
        exact=exact,
        per_type=tuple(_types(older, newer)),
        sample=tuple(_sampled(op, change) for op, change in _turns(net)),
        may_see_entries=entries,
    )


def _operations(hash_list: HashList, older: int, newer: int) -> list[Change]:
    found = changes_from(hash_list, Position(older + 1), limit=MOST_OPERATIONS + 1)
    return [change for change in found.items if change.release <= newer]


def _net(operations: list[Change]) -> dict[tuple[str, str, int], tuple[str, Change]]:
    """One operation per entry: added and removed again is nothing, removed and added an update."""
    net: dict[tuple[str, str, int], tuple[str, Change]] = {}
    for change in operations:
        key = (change.hash_type, change.hash, change.item)
        before = net[key][0] if key in net else ""
        op = _FOLDED.get((before, change.op), change.op)
        if op:
            net[key] = (op, change)
        else:
            del net[key]
    return net


_FOLDED: Final = {
    ("add", "update"): "add",
    ("add", "remove"): "",
    ("remove", "add"): "update",
}


def _turns(net: dict[tuple[str, str, int], tuple[str, Change]]) -> list[tuple[str, Change]]:
    """A few of each kind, removals first: they are what nobody notices when it is wrong."""
    taken: list[tuple[str, Change]] = []
    for op in ("remove", "update", "add"):
        taken += [one for one in net.values() if one[0] == op][:SAMPLE]
    return taken[: 3 * SAMPLE]


def _sampled(op: str, change: Change) -> Sampled:
    return Sampled(
        word=word(OPERATION, op),
        type=type_title(change.hash_type),
        hash=f"{change.hash[:8]}\u2026",
        classification=change.classification or "",
    )


def _types(older: Release, newer: Release) -> list[TypeDifference]:
    found = []
    for slug in sorted({*older.counts, *newer.counts}):
        before, after = older.counts.get(slug, 0), newer.counts.get(slug, 0)
        change = after - before
        told = added(change) if change >= 0 else removed(-change)
        found.append(TypeDifference(type_title(slug), number(before), number(after), told))
    return found


def _release(hash_list: HashList, form: Form, name: str) -> Release:
    said = form.value(name)
    known = said.isascii() and said.isdigit() and len(said) <= 10
    # Only what members can fetch: what is published and not yet written out has nothing to be read.
    rows = Release.objects.exported().filter(hash_list=hash_list)
    found = rows.filter(number=min(int(said), 2**31 - 1)).first() if known else None
    if found is None:
        raise Invalid("There is no such release.", code="compare.release", field=name)
    return found
