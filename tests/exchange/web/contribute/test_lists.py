"""Making a list, what it states and who may change that; closing it; handing it over."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEvent
from accounts.dual_control.models import Proposal
from accounts.signing_keys.register import confirm_key
from hashsets.lists.models import HashList
from hashsets.trust.hosted import create_hosted_key
from hashsets.trust.models import ListTransfer
from tests import cast
from tests.exchange.web.contribute.given import NEW_LIST, own_key, p256, page, sent, signed_with_own, text_of
from tests.exchange.web.stage import release_one, signed_in
from tests.hashsets.releases.world import NOW, World, harbor_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return harbor_world(now=NOW)


def confirmed(client: Client, *, status: int = 302) -> None:
    """The newest proposal, on the page where they wait."""
    waiting = Proposal.objects.filter(state="proposed").latest("created_at")
    sent(client, f"/organisation/proposals/{waiting.id}/confirm", status=status)


def test_a_list_is_made_after_its_answers_were_checked_and_then_asks_for_signers() -> None:
    admin = signed_in(cast.harbor(now=NOW).admin.user)
    assert "Traffic Light Protocol 2.0" in page(admin, "/lists/new")
    checked = text_of(sent(admin, "/lists/new", NEW_LIST, status=200))
    assert "Check your answers" in checked
    assert "Confirmed files" in checked
    assert not HashList.objects.exists()
    again = text_of(sent(admin, "/lists/new", NEW_LIST | {"step": "edit"}, status=200))
    assert 'value="Confirmed files"' in again
    answer = sent(admin, "/lists/new", NEW_LIST | {"step": "make"})
    made = HashList.objects.get()
    assert (made.title, made.tlp, made.scheme) == ("Confirmed files", "amber", "ncmec")
    assert answer.headers["Location"] == f"/lists/{made.id}/signers"
    assert "No key signs this list yet" in page(admin, answer.headers["Location"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "says", "anchor"),
    [
        ({"title": " "}, "This may not be empty.", "title"),
        ({"audience": "public"}, "A list for everyone must be TLP:CLEAR.", "tlp-0"),
        ({"hash_types": []}, "Name at least one kind of hashes.", "hash-types-0"),
        ({"jurisdiction": "XX"}, "This is not a country code.", "jurisdiction"),
        ({"approvals_required": "many"}, "Give a number from 1 to 9.", "approvals-required"),
        (
            {"audience": "named", "audience_organisations": "Lumen"},
            "is not known here",
            "audience-organisations",
        ),
        ({"audience": "kinds"}, "Name kinds of organisations", "audience-kinds-0"),
    ],
)
def test_a_wrong_answer_is_shown_at_its_field_and_the_others_are_kept(
    wrong: dict[str, object], says: str, anchor: str
) -> None:
    admin = signed_in(cast.harbor(now=NOW).admin.user)
    shown = text_of(sent(admin, "/lists/new", NEW_LIST | wrong | {"step": "make"}, status=400))
    assert says in shown
    assert f'href="#{anchor}"' in shown
    assert f'id="{anchor}"' in shown
    assert "Two analysts have confirmed each.</textarea>" in shown
    assert not HashList.objects.exists()


def settings_of(hash_list: HashList, **other: object) -> dict[str, object]:
    return {
        "title": hash_list.title, "description": hash_list.description, "legal_basis": hash_list.legal_basis,
        "purpose": hash_list.purpose, "tlp": hash_list.tlp, "audience": hash_list.audience,
        "hash_types": hash_list.hash_types, "approvals_required": hash_list.approvals_required,
    } | other  # fmt: skip


@pytest.mark.slow
def test_one_admin_changes_words_and_raises_a_guard_at_once(world: World) -> None:
    admin, base = signed_in(world.crew.admin.user), f"/lists/{world.hash_list.id}"
    assert "Two admins widen the audience" in page(admin, f"{base}/settings")
    sent(
        admin,
        f"{base}/settings/change",
        settings_of(world.hash_list, title="New name", approvals_required="2"),
    )
    assert (world.fresh().title, world.fresh().approvals_required) == ("New name", 2)
    assert "The list is changed." in page(admin, f"{base}/settings")


def test_lowering_a_guard_takes_a_second_admin(world: World) -> None:
    admin, second = signed_in(world.crew.admin.user), signed_in(world.crew.second_admin.user)
    base = f"/lists/{world.hash_list.id}"
    sent(admin, f"{base}/settings/change", settings_of(world.hash_list, tlp="clear", audience="public"))
    assert world.fresh().audience == "members"
    change = Proposal.objects.get(kind="list-settings")
    decide = f"{base}/settings/proposals/{change.id}"
    assert "You proposed it" in page(admin, f"{base}/settings")
    refused = text_of(sent(admin, decide, {"decision": "make"}, status=403))
    assert "Whoever proposed this does not confirm it." in refused
    assert world.fresh().audience == "members"
    shown = page(second, f"{base}/settings")
    assert "It lowers a guard:" in shown
    sent(second, decide, {"decision": "make"})
    assert (world.fresh().audience, world.fresh().tlp) == ("public", "clear")
    sent(second, decide, {"decision": "make"}, status=404)


@pytest.mark.slow
def test_a_proposal_is_declined_and_another_can_follow(world: World) -> None:
    admin, second = signed_in(world.crew.admin.user), signed_in(world.crew.second_admin.user)
    base = f"/lists/{world.hash_list.id}"
    sent(admin, f"{base}/settings/change", settings_of(world.hash_list, tlp="green"))
    again = text_of(
        sent(admin, f"{base}/settings/change", settings_of(world.hash_list, tlp="clear"), status=409)
    )
    assert "waits for a second person" in again
    sent(
        second,
        f"{base}/settings/proposals/{Proposal.objects.get(kind='list-settings').id}",
        {"decision": "end"},
    )
    assert world.fresh().tlp == "amber"
    sent(admin, f"{base}/settings/change", settings_of(world.hash_list, tlp="clear"))


@pytest.mark.slow
def test_what_entries_mean_never_changes(world: World) -> None:
    admin, base = signed_in(world.crew.admin.user), f"/lists/{world.hash_list.id}"
    fewer = settings_of(world.hash_list, hash_types=["md5"])
    assert "only added" in text_of(sent(admin, f"{base}/settings/change", fewer, status=400))
    sent(admin, f"{base}/settings/labels", {"label": "confirmed", "meaning": "By two analysts"})
    assert "By two analysts" in page(admin, f"{base}/settings")
    taken = text_of(sent(admin, f"{base}/settings/labels", {"label": "Confirmed", "meaning": ""}, status=409))
    assert "The list has this label already." in taken


@pytest.mark.slow
def test_a_list_is_closed_by_somebody_who_says_that_they_are_sure(world: World) -> None:
    admin, base = signed_in(world.crew.admin.user), f"/lists/{world.hash_list.id}"
    assert "Say that you are sure." in text_of(sent(admin, f"{base}/close", status=400))
    sent(admin, f"{base}/close", {"sure": "yes"})
    assert world.fresh().status == "closed"
    assert "Closed: takes no more submissions" in page(admin, f"{base}/settings")
    page(admin, f"{base}/close", 409)


@pytest.mark.slow
def test_signers_are_named_and_others_take_their_place(world: World) -> None:
    release_one(world)
    crew = world.crew
    admin, base = signed_in(crew.admin.user), f"/lists/{world.hash_list.id}"
    key = own_key(crew, p256())
    assert "1 signature of 1 key is needed." in page(admin, f"{base}/signers")
    none = text_of(sent(admin, f"{base}/signers", {"threshold": "1"}, status=400))
    assert "Choose at least one key." in none
    many = text_of(sent(admin, f"{base}/signers", {"key_ids": [key.id], "threshold": "2"}, status=400))
    assert 'href="#threshold"' in many
    both = text_of(
        sent(admin, f"{base}/signers", {"key_ids": [key.id, world.key.id], "threshold": "1"}, status=400)
    )
    assert "hosted key has that one key" in both
    sent(admin, f"{base}/signers", {"key_ids": [key.id], "threshold": "1"})
    assert "What is published has to be signed again." not in page(admin, f"{base}/signers")
    confirmed(admin, status=403)
    confirmed(signed_in(crew.second_admin.user))
    assert "What is published has to be signed again." in page(admin, f"{base}/signers")


def test_a_list_goes_to_another_publisher_when_both_sides_say_so(world: World) -> None:
    release_one(world)
    other = cast.northland(now=NOW)
    giver, taker = signed_in(world.crew.admin.user), signed_in(other.admin.user)
    base = f"/lists/{world.hash_list.id}"
    assert str(other.organisation.id) in page(taker, "/transfers")
    unknown = text_of(sent(giver, f"{base}/transfer", {"organisation_id": "Northland"}, status=400))
    assert "offered to another active member" in unknown
    sent(giver, f"{base}/transfer", {"organisation_id": str(other.organisation.id)})
    assert "offers it to you" not in page(taker, "/transfers"), "it takes two of the giver"
    assert "Northland Police" in page(giver, "/organisation/proposals")
    confirmed(giver, status=403)
    confirmed(signed_in(world.crew.second_admin.user))
    offer = ListTransfer.objects.get()
    assert "You offer it to <bdi>Northland Police</bdi>." in page(giver, "/transfers")
    assert "<bdi>Harbor</bdi> offers it to you." in page(taker, "/transfers")
    page(giver, f"/transfers/{offer.id}", 404)
    assert "no active key" in page(taker, f"/transfers/{offer.id}")
    key = create_hosted_key(other.organisation, name="Desk", actor=other.admin.actor, now=timezone.now())
    confirm_key(key.id, actor=other.second_admin.actor, now=timezone.now())
    sent(taker, f"/transfers/{offer.id}", {"key_ids": [str(key.id)], "threshold": "1"})
    assert world.fresh().organisation_id == world.crew.organisation.id, "and two of the taker"
    confirmed(taker, status=403)
    codes = AuditEvent.objects.filter(action="second_person.refused").values_list("facts__code", flat=True)
    assert list(codes) == ["proposal.second_person"] * 2
    confirmed(signed_in(other.second_admin.user))
    assert world.fresh().organisation_id == other.organisation.id
    page(giver, f"{base}/settings", 403)
    signer = signed_in(other.signer.user)
    assert "nothing changes" in page(signer, f"{base}/renewal")
    sent(signer, f"{base}/renewal/hosted")
    assert "Signed again, and published." in page(signer, base)


def test_what_waits_for_somebody_is_on_their_first_page(world: World) -> None:
    crew, other = world.crew, cast.northland(now=NOW)
    release_one(world)
    admin, second = signed_in(crew.admin.user), signed_in(crew.second_admin.user)
    base = f"/lists/{world.hash_list.id}"
    sent(admin, f"{base}/settings/change", settings_of(world.hash_list, tlp="green"))
    assert "Confirm or end what waits for a second person" in page(second, "/")
    assert "Confirm or end" not in page(admin, "/")
    create_hosted_key(crew.organisation, name="Waits", actor=crew.admin.actor, now=NOW)
    assert "Waits" in page(second, "/")
    assert "Waits" not in page(admin, "/")
    signed_with_own(crew, world.hash_list, own_key(crew, p256()))
    assert "Sign again what is published" in page(signed_in(crew.signer.user), "/")
    sent(admin, f"{base}/transfer", {"organisation_id": str(other.organisation.id)})
    confirmed(second)
    assert "Take over or decline a list" in page(signed_in(other.admin.user), "/")
    assert "Take over" not in page(signed_in(other.viewer.user), "/")


@pytest.mark.slow
def test_an_offer_is_declined(world: World) -> None:
    other = cast.northland(now=NOW)
    giver, taker = signed_in(world.crew.admin.user), signed_in(other.admin.user)
    sent(giver, f"/lists/{world.hash_list.id}/transfer", {"organisation_id": str(other.organisation.id)})
    confirmed(signed_in(world.crew.second_admin.user))
    sent(taker, f"/transfers/{ListTransfer.objects.get().id}/end")
    assert "No list is on its way." in page(giver, "/transfers")
    assert world.fresh().organisation_id == world.crew.organisation.id


@pytest.mark.slow
@pytest.mark.parametrize("role", ["contributor", "approver", "signer", "viewer", "integrator"])
def test_only_admins_arrange_lists(world: World, role: str) -> None:
    client, base = signed_in(getattr(world.crew, role).user), f"/lists/{world.hash_list.id}"
    for address in ("/lists/new", f"{base}/settings/change", f"{base}/close", f"{base}/transfer"):
        page(client, address, 403)
    sent(client, f"{base}/signers", {"threshold": "1"}, status=403)
    page(client, f"{base}/settings")


def test_strangers_find_nothing_of_a_private_list(world: World) -> None:
    HashList.objects.filter(id=world.hash_list.id).update(audience="named", title="Marker of a secret list")
    stranger, base = signed_in(cast.stranger().user), f"/lists/{world.hash_list.id}"
    for tail in ("settings", "settings/change", "close", "signers", "transfer", "renewal", "compare",
                 "withdraw-entries", "submissions/new", "submissions/new/file"):  # fmt: skip
        assert "Marker of a secret" not in page(stranger, f"{base}/{tail}", 404)
    for tail in ("settings/labels", "signers", "renewal/prepare", "renewal/hosted"):
        sent(stranger, f"{base}/{tail}", status=404)
    assert world.fresh().title == "Marker of a secret list"


@pytest.mark.slow
def test_a_change_proposed_before_a_transfer_does_not_come_with_the_list(world: World) -> None:
    admin, other = signed_in(world.crew.admin.user), cast.northland(now=NOW)
    base = f"/lists/{world.hash_list.id}"
    sent(admin, f"{base}/settings/change", settings_of(world.hash_list, tlp="green"))
    open_one, second = Proposal.objects.get(kind="list-settings"), signed_in(world.crew.second_admin.user)
    sent(admin, f"{base}/transfer", {"organisation_id": str(other.organisation.id)})
    confirmed(second)
    key = create_hosted_key(other.organisation, name="Desk", actor=other.admin.actor, now=NOW)
    confirm_key(key.id, actor=other.second_admin.actor, now=NOW)
    offer = ListTransfer.objects.get()
    sent(signed_in(other.admin.user), f"/transfers/{offer.id}", {"key_ids": [str(key.id)], "threshold": "1"})
    confirmed(signed_in(other.second_admin.user))
    sent(second, f"{base}/settings/proposals/{open_one.id}", {"decision": "make"}, status=403)
    sent(second, f"/organisation/proposals/{open_one.id}/confirm", status=404)
    assert world.fresh().tlp == "amber"


def test_the_publisher_says_whether_small_changes_travel_in_notices(world: World) -> None:
    admin, base = signed_in(world.crew.admin.user), f"/lists/{world.hash_list.id}/settings"
    assert "members download the change" in page(admin, base)
    sent(admin, f"{base}/inline-delta", {"inline": "yes"})
    assert world.fresh().inline_delta
    assert "travel in the notice itself" in page(admin, base)
    sent(admin, f"{base}/inline-delta", {"inline": "no"})
    assert not world.fresh().inline_delta
    HashList.objects.update(status="closed")
    closed = text_of(sent(admin, f"{base}/inline-delta", {"inline": "yes"}, status=409))
    assert "closed" in closed
    assert not world.fresh().inline_delta
