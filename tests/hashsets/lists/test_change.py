"""What a list states may change: by one person upwards, by two downwards, and its meaning never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accounts.audit.models import AuditEvent
from accounts.dual_control.models import Proposal
from accounts.dual_control.propose import end_proposal
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from hashsets.lists.change import change_list, lowers_a_guard, statement_of
from hashsets.lists.models import HashList, ListAudience
from hashsets.trust.arrangements import confirm_arrangement
from tests import cast
from tests.cast import NOW
from tests.hashsets.releases.world import bare_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def hash_list() -> HashList:
    return bare_list(cast.harbor(), now=NOW)


def change(hash_list: HashList, **wanted: Any) -> Proposal | None:
    statement = replace(statement_of(hash_list), **wanted)
    return change_list(hash_list, statement, actor=cast.harbor().admin.actor, now=NOW)


def fresh(hash_list: HashList) -> HashList:
    return HashList.objects.get(id=hash_list.id)


@pytest.mark.parametrize(
    ("wanted", "lowered"),
    [
        ({"title": "Another"}, ()),
        ({"approvals_required": 2}, ()),
        ({"tlp": "red"}, ()),
        ({"audience": "named"}, ()),
        ({"audience": "kinds", "audience_kinds": ("company",)}, ()),
        ({"audience": "public", "tlp": "clear"}, ("audience", "tlp")),
        ({"tlp": "green"}, ("tlp",)),
    ],
)
def test_what_lowers_a_guard_is_told_apart(
    hash_list: HashList, wanted: dict[str, Any], lowered: tuple[str, ...]
) -> None:
    before = statement_of(hash_list)
    assert lowers_a_guard(before, replace(before, **wanted)) == lowered
    made = change(hash_list, **wanted)
    assert (made is not None) == bool(lowered)
    assert (statement_of(fresh(hash_list)) == before) == bool(lowered)


def test_more_names_and_more_kinds_are_a_wider_audience(hash_list: HashList) -> None:
    lumen, pixelhaus = cast.lumen().organisation.id, cast.pixelhaus().organisation.id
    assert change(hash_list, audience="named", audience_organisations=(lumen,)) is None
    assert ListAudience.objects.get(hash_list=hash_list).organisation_id == lumen
    wider = change(fresh(hash_list), audience_organisations=(lumen, pixelhaus))
    assert wider is not None
    assert ListAudience.objects.filter(hash_list=hash_list).count() == 1
    confirm_arrangement(wider.id, actor=cast.harbor().second_admin.actor, now=NOW)
    assert ListAudience.objects.filter(hash_list=hash_list).count() == 2
    assert change(fresh(hash_list), audience_organisations=()) is None
    kinds = change(fresh(hash_list), audience="kinds", audience_kinds=("company",), audience_organisations=())
    assert kinds is not None


def test_a_proposal_is_made_by_somebody_else_and_once(hash_list: HashList) -> None:
    crew = cast.harbor()
    proposal = change(hash_list, tlp="green", description="More words")
    assert proposal is not None
    assert sorted(proposal.asked) == ["description", "tlp"]
    with pytest.raises(NotAllowed) as own:
        confirm_arrangement(proposal.id, actor=crew.admin.actor, now=NOW)
    assert own.value.code == "proposal.second_person"
    confirm_arrangement(proposal.id, actor=crew.second_admin.actor, now=NOW)
    made = fresh(hash_list)
    assert (made.tlp, made.description) == ("green", "More words")
    with pytest.raises(NotFound):
        confirm_arrangement(proposal.id, actor=crew.second_admin.actor, now=NOW)
    assert not Proposal.objects.filter(state="proposed").exists()
    events = AuditEvent.objects.filter(action__in=["list.change_proposed", "list.changed"])
    assert [event.action for event in events.order_by("number")] == ["list.change_proposed", "list.changed"]
    assert "More words" not in str(events.get(action="list.changed").facts)


def test_a_proposal_changes_only_what_it_names(hash_list: HashList) -> None:
    proposal = change(hash_list, tlp="green")
    assert proposal is not None
    assert change(fresh(hash_list), title="Changed meanwhile") is None
    confirm_arrangement(proposal.id, actor=cast.harbor().second_admin.actor, now=NOW)
    assert (fresh(hash_list).tlp, fresh(hash_list).title) == ("green", "Changed meanwhile")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"jurisdiction": "FR"}, "list.fixed"),
        ({"scheme": "ncmec"}, "list.fixed"),
        ({"signature_threshold": 2}, "list.fixed"),
        ({"hash_types": ("md5",)}, "list.fixed_types"),
        ({"title": ""}, "text.missing"),
        ({"audience": "public"}, "list.tlp"),
        ({}, "list.nothing_changes"),
    ],
)
def test_what_may_not_change_is_refused(hash_list: HashList, wanted: dict[str, Any], code: str) -> None:
    before = statement_of(hash_list)
    with pytest.raises((Invalid, Conflict)) as refusal:
        change(hash_list, **wanted)
    assert refusal.value.code == code
    assert statement_of(fresh(hash_list)) == before


def test_one_proposal_waits_at_a_time_and_an_ended_one_makes_room(hash_list: HashList) -> None:
    first = change(hash_list, tlp="green")
    assert first is not None
    with pytest.raises(Conflict) as refusal:
        change(hash_list, tlp="clear")
    assert refusal.value.code == "list.change_waits"
    end_proposal(first.id, actor=cast.harbor().admin.actor, now=NOW)
    assert change(hash_list, tlp="clear") is not None
    assert fresh(hash_list).tlp == "amber"


@pytest.mark.parametrize("who", ["stranger", "contributor", "operator"])
def test_nobody_else_changes_a_list(hash_list: HashList, who: str) -> None:
    proposal = change(hash_list, tlp="green")
    assert proposal is not None
    actors = {
        "stranger": cast.stranger().actor,
        "contributor": cast.harbor().contributor.actor,
        "operator": cast.operator().admin.actor,
    }
    wanted = replace(statement_of(hash_list), title="Taken over")
    acts: tuple[Callable[[], object], ...] = (
        lambda: change_list(hash_list, wanted, actor=actors[who], now=NOW),
        lambda: confirm_arrangement(proposal.id, actor=actors[who], now=NOW),
        lambda: end_proposal(proposal.id, actor=actors[who], now=NOW),
    )
    for act in acts:
        with pytest.raises(Refusal) as refusal:
            act()
        assert isinstance(refusal.value, NotAllowed | NotFound)
    assert fresh(hash_list).title == "Enforcement list"
