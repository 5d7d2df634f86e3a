"""Lists that are given out on request: who learns that they exist, who asks, and who decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from accounts.audit.models import AuditEvent
from accounts.dual_control.models import SecondStepReset
from accounts.errors import Conflict, NotAllowed, NotFound, Refusal
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.membership.members import end_membership
from exchange.access.decide import agree_to_access, decline_access, revoke_access
from exchange.access.models import AccessRequest, AccessState
from exchange.access.request import request_access, withdraw_request
from exchange.sharing.grants import downloadable
from exchange.sharing.models import Subscription
from exchange.sharing.subscribe import subscribe
from hashsets.lists.audience import set_findable
from hashsets.lists.models import Audience, HashList, ListAudience
from tests import cast
from tests.cast import NOW
from tests.exchange.world import new_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def found() -> HashList:
    """A list of Harbor's for named organisations that others may find."""
    return new_list(cast.harbor(), audience="named", findable=True)


def ask(hash_list: HashList, who: cast.Crew | None = None) -> AccessRequest:
    who = who or cast.lumen()
    return request_access(hash_list.id, reason="We host videos.", actor=who.integrator.actor, now=NOW)


def sees(hash_list: HashList, actor: Actor) -> bool:
    return HashList.objects.visible_to(actor).filter(id=hash_list.id).exists()


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refusal:
        act()
    return refusal.value.code


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


@pytest.mark.parametrize("audience", Audience.values)
@pytest.mark.parametrize("findable", [True, False])
def test_on_request_is_only_what_the_publisher_lets_members_find(audience: str, findable: bool) -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    hash_list = new_list(harbor, audience=audience, findable=findable, audience_kinds=",ngo,")
    others = HashList.objects.on_request_for(lumen.viewer.actor)
    assert list(others) == ([hash_list] if audience == Audience.NAMED and findable else [])
    assert not HashList.objects.on_request_for(None).exists()
    assert not HashList.objects.on_request_for(harbor.viewer.actor).exists()
    if others:
        assert not sees(hash_list, lumen.viewer.actor)


def test_two_people_of_the_publisher_give_a_list_out(found: HashList) -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    request = ask(found)
    assert code_of(partial(subscribe, found.id, actor=lumen.integrator.actor, now=NOW)) == "list.not_found"
    assert agree_to_access(request.id, actor=harbor.admin.actor, now=NOW).state == "agreed"
    assert not sees(found, lumen.viewer.actor)
    again = partial(agree_to_access, request.id, actor=harbor.admin.actor, now=NOW)
    assert code_of(again) == "access.second_person"
    assert agree_to_access(request.id, actor=harbor.second_admin.actor, now=NOW).state == "granted"
    assert sees(found, lumen.viewer.actor)
    subscribe(found.id, actor=lumen.integrator.actor, now=NOW)
    assert downloadable(found.id, lumen.integrator.actor) == found
    assert events()[-4:] == [
        "access.requested", "access.agreed", "access.granted", "subscription.started",
    ]  # fmt: skip


def test_a_first_yes_of_before_a_reset_is_replaced_by_the_second_one(found: HashList) -> None:
    harbor = cast.harbor()
    request = ask(found)
    agree_to_access(request.id, actor=harbor.admin.actor, now=NOW)
    SecondStepReset.objects.create(
        user=harbor.admin.user, at=NOW + timedelta(hours=1), proven_at=NOW + timedelta(hours=1)
    )
    later = NOW + timedelta(hours=74)
    second = agree_to_access(request.id, actor=harbor.second_admin.actor, now=later)
    assert (second.state, second.agreed_by) == ("agreed", harbor.second_admin.user)
    assert agree_to_access(request.id, actor=harbor.admin.actor, now=later).state == "granted"


def test_ended_access_ends_sight_downloads_and_notices_at_once(found: HashList) -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    request = ask(found)
    for person in (harbor.admin, harbor.second_admin):
        agree_to_access(request.id, actor=person.actor, now=NOW)
    subscribe(found.id, actor=lumen.integrator.actor, now=NOW)
    revoke_access(request.id, actor=harbor.admin.actor, now=NOW)
    assert not sees(found, lumen.viewer.actor)
    assert downloadable(found.id, lumen.integrator.actor) is None
    assert not Subscription.objects.current().exists()
    again = partial(revoke_access, request.id, actor=harbor.admin.actor, now=NOW)
    assert code_of(again) == "access.not_granted"
    assert events()[-1] == "access.revoked"
    # They may ask again: a new request, decided anew.
    assert ask(found).id != request.id


def test_asking_twice_is_one_request(found: HashList) -> None:
    request = ask(found)
    before = events()
    assert ask(found) == request
    assert events() == before


@pytest.mark.parametrize("act", ["agree", "decline", "withdraw"])
def test_what_is_decided_stays_decided(found: HashList, act: str) -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    request = ask(found)
    decline_access(request.id, answer="Not for hosts of videos.", actor=harbor.admin.actor, now=NOW)
    acts = {
        "agree": partial(agree_to_access, actor=harbor.second_admin.actor),
        "decline": partial(decline_access, answer="No.", actor=harbor.second_admin.actor),
        "withdraw": partial(withdraw_request, actor=lumen.integrator.actor),
    }
    before = events()
    if act == "agree":
        # A declined request is not open: the second person's yes finds nothing to agree to.
        AccessRequest.objects.filter(id=request.id).update(agreed_by=harbor.admin.user)
    assert code_of(lambda: acts[act](request.id, now=NOW)) == "access.decided"
    assert events() == before
    assert not ListAudience.objects.exists()


def test_nobody_grants_what_they_asked_for_themselves(found: HashList) -> None:
    harbor, request = cast.harbor(), ask(found)
    AccessRequest.objects.filter(id=request.id).update(requested_by=harbor.admin.user)
    assert (
        code_of(partial(agree_to_access, request.id, actor=harbor.admin.actor, now=NOW))
        == "access.own_request"
    )


def test_a_list_that_is_no_longer_on_request_is_not_given_out(found: HashList) -> None:
    harbor, request = cast.harbor(), ask(found)
    agree_to_access(request.id, actor=harbor.admin.actor, now=NOW)
    second = partial(agree_to_access, request.id, actor=harbor.second_admin.actor, now=NOW)
    HashList.objects.filter(id=found.id).update(audience="members")
    assert code_of(second) == "access.not_on_request"
    HashList.objects.filter(id=found.id).update(audience="named", status="closed")
    assert code_of(second) == "list.closed"
    HashList.objects.filter(id=found.id).update(status="active")
    Organisation.objects.filter(name="Lumen").update(status="suspended")
    assert code_of(second) == "access.not_found"
    assert not ListAudience.objects.exists()


def test_strangers_learn_nothing_and_change_nothing(found: HashList) -> None:
    stranger, request = cast.stranger().actor, ask(found)
    for act in (
        partial(agree_to_access, request.id),
        partial(decline_access, request.id, answer="No."),
        partial(revoke_access, request.id),
        partial(withdraw_request, request.id),
    ):
        assert code_of(lambda act=act: act(actor=stranger, now=NOW)) == "access.not_found"  # type: ignore[misc]
    hidden = new_list(cast.harbor(), audience="named")
    for list_id in (hidden.id, "a" * 26):
        with pytest.raises(NotFound) as refusal:
            request_access(list_id, reason="x", actor=stranger, now=NOW)
        assert refusal.value.message == "There is no such list."


@pytest.mark.parametrize("who", ["viewer", "contributor", "auditor"])
def test_roles_that_do_not_decide_do_not_decide(found: HashList, who: str) -> None:
    request = ask(found)
    someone = getattr(cast.harbor(), who).actor
    for act in (
        partial(agree_to_access, request.id),
        partial(decline_access, request.id, answer="No."),
        partial(revoke_access, request.id),
    ):
        with pytest.raises(NotAllowed):
            act(actor=someone, now=NOW)
    with pytest.raises(NotAllowed):
        request_access(found.id, reason="x", actor=cast.lumen().viewer.actor, now=NOW)


def test_the_publisher_alone_says_whether_a_list_is_found(found: HashList) -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    assert set_findable(found.id, findable=False, actor=harbor.admin.actor, now=NOW) is None
    assert not HashList.objects.on_request_for(lumen.viewer.actor).exists()
    assert events()[-1] == "list.findable_set"
    before = events()
    set_findable(found.id, findable=False, actor=harbor.admin.actor, now=NOW)
    assert events() == before
    wider = set_findable(found.id, findable=True, actor=harbor.admin.actor, now=NOW)
    assert not HashList.objects.on_request_for(lumen.viewer.actor).exists(), "one person alone shows no more"
    with pytest.raises(NotAllowed) as own:
        cast.second(wider, harbor.admin.actor)
    assert own.value.code == "proposal.second_person"
    cast.second(wider, harbor.second_admin.actor)
    assert HashList.objects.on_request_for(lumen.viewer.actor).exists()
    set_findable(found.id, findable=False, actor=harbor.admin.actor, now=NOW)
    assert (
        code_of(partial(set_findable, found.id, findable=True, actor=lumen.admin.actor, now=NOW))
        == "list.not_found"
    )
    with pytest.raises(NotAllowed):
        set_findable(found.id, findable=True, actor=harbor.viewer.actor, now=NOW)
    open_one = new_list(harbor, title="For all")
    with pytest.raises(Conflict) as refusal:
        set_findable(open_one.id, findable=True, actor=harbor.admin.actor, now=NOW)
    assert refusal.value.code == "access.not_on_request"


def test_a_first_yes_that_counts_no_more_is_replaced_by_the_second_one(found: HashList) -> None:
    harbor = cast.harbor()
    request = ask(found)
    agree_to_access(request.id, actor=harbor.admin.actor, now=NOW)
    end_membership(harbor.admin.user.memberships.get().id, actor=harbor.second_admin.actor, now=NOW)
    again = agree_to_access(request.id, actor=harbor.second_admin.actor, now=NOW)
    assert (again.state, again.agreed_by) == (AccessState.AGREED, harbor.second_admin.user)
    assert "decision.void" in events()
    third = cast.person(harbor.organisation, "Third Admin", ["admin"])
    assert agree_to_access(request.id, actor=third.actor, now=NOW).state == AccessState.GRANTED
