"""A publisher makes a list, adds labels and entitles keys; nobody else does."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.signing_keys.models import Custody
from hashsets.lists.define import add_classification, create_list, entitle_key
from hashsets.lists.models import HashList, ListStatus
from tests import cast
from tests.hashsets.lists.given import STATED, a_key, a_list

pytestmark = pytest.mark.django_db


def test_a_list_states_what_its_publisher_said_and_takes_its_labels_from_the_scheme() -> None:
    harbor = cast.harbor()
    made = a_list(harbor, title="  Known images ", hash_types=["sha256", "md5", "sha256"])
    stored = HashList.objects.get(id=made.id)
    assert (stored.title, stored.hash_types, stored.latest_release) == ("Known images", ["md5", "sha256"], 0)
    assert [(one.code, one.label) for one in stored.classifications.all()] == [
        (1, "A1"),
        (2, "A2"),
        (3, "B1"),
        (4, "B2"),
    ]
    event = AuditEvent.objects.get(action="list.created")
    assert (event.subject_id, event.organisation_id) == (made.id, harbor.organisation.id)


def test_named_organisations_see_the_list_and_others_do_not() -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    made = a_list(harbor, audience_organisations=[lumen.organisation.id])
    assert HashList.objects.seen(made.id, lumen.viewer.actor) == made
    with pytest.raises(NotFound):
        HashList.objects.seen(made.id, cast.stranger().actor)


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"title": "d41d8cd98f00b204e9800998ecf8427e"}, "title"),
        ({"title": "zero\0byte"}, "title"),
        ({"title": "half a pair \ud800"}, "title"),
        ({"title": "turned \u202e round"}, "title"),
        ({"description": "bell \x07"}, "description"),
        ({"legal_basis": ""}, "legal_basis"),
        ({"purpose": ""}, "purpose"),
        ({"jurisdiction": "XX"}, "jurisdiction"),
        ({"jurisdiction": "CAN"}, "jurisdiction"),
        ({"jurisdiction": ""}, "jurisdiction"),
        ({"tlp": "pink"}, "tlp"),
        ({"tlp": "green", "audience": "public"}, "tlp"),
        ({"audience": "all"}, "audience"),
        ({"audience": "kinds"}, "audience_kinds"),
        ({"audience": "members", "audience_kinds": ["ngo"]}, "audience_kinds"),
        ({"audience": "kinds", "audience_kinds": ["ngo,company"]}, "audience_kinds"),
        ({"audience": "members", "audience_organisations": ["x"]}, "audience_organisations"),
        ({"audience_organisations": ["00000000-0000-0000-0000-000000000000"]}, "audience_organisations"),
        ({"hash_types": []}, "hash_types"),
        ({"hash_types": ["sha-256"]}, "hash_types"),
        ({"scheme": "mine"}, "scheme"),
        ({"approvals_required": 0}, "approvals_required"),
        ({"signature_threshold": 10}, "signature_threshold"),
    ],
    ids=str,
)
def test_a_list_is_refused_by_the_field_that_is_wrong(stated: dict[str, Any], field: str) -> None:
    harbor = cast.harbor()
    with pytest.raises(Invalid) as refusal:
        a_list(harbor, **stated)
    assert refusal.value.field == field
    assert refusal.value.code.partition(".")[0] in ("list", "text", "jurisdiction")
    assert not HashList.objects.exists()


def test_words_are_tidied_up_and_lines_are_welcome_in_a_description() -> None:
    made = a_list(cast.harbor(), title=" Two\nlines ", description="First.\r\n\tSecond.", jurisdiction="ca")
    assert (made.title, made.description, made.jurisdiction) == ("Two lines", "First.\nSecond.", "CA")


def test_only_an_admin_makes_lists_and_only_for_their_own_organisation() -> None:
    harbor, northland = cast.harbor(), cast.northland()
    with pytest.raises(NotAllowed) as refusal:
        a_list(harbor, actor=harbor.contributor.actor)
    assert refusal.value.code == "permission.missing"
    for outsider in (northland.admin.actor, cast.stranger().actor):
        with pytest.raises(NotAllowed) as refusal:
            a_list(harbor, actor=outsider)
        assert refusal.value.code == "list.other_publisher"


def test_a_suspended_publisher_makes_no_list_even_with_rights_computed_before() -> None:
    harbor = cast.harbor()
    type(harbor.organisation).objects.update(status="suspended")
    with pytest.raises(NotAllowed) as refusal:
        create_list(harbor.organisation, **STATED, actor=harbor.admin.actor, now=cast.NOW)
    assert refusal.value.code == "organisation.not_active"


def test_a_new_label_gets_the_next_code_and_never_a_used_one() -> None:
    harbor = cast.harbor()
    made = a_list(harbor)
    added = add_classification(made, label=" C1 ", meaning="Text", actor=harbor.admin.actor, now=cast.NOW)
    assert (added.code, added.label) == (5, "C1")
    made.classifications.filter(code=3).delete()
    assert add_classification(made, label="C2", meaning="", actor=harbor.admin.actor, now=cast.NOW).code == 6


@pytest.mark.parametrize("label", ["", "=A1", "+1", "-1", "@x", "a;b", "a,b", '"', "a\nb", "x" * 65, "'a"])
def test_a_label_that_a_spreadsheet_or_a_file_would_misread_is_refused(label: str) -> None:
    harbor = cast.harbor()
    with pytest.raises(Invalid) as refusal:
        add_classification(a_list(harbor), label=label, meaning="", actor=harbor.admin.actor, now=cast.NOW)
    assert refusal.value.code == "list.label"


def test_a_label_is_taken_whatever_its_case() -> None:
    harbor = cast.harbor()
    with pytest.raises(Conflict) as refusal:
        add_classification(a_list(harbor), label="a1", meaning="", actor=harbor.admin.actor, now=cast.NOW)
    assert refusal.value.code == "list.label_taken"


def test_a_list_has_as_many_labels_as_fit_into_a_byte() -> None:
    harbor = cast.harbor()
    made = a_list(harbor)
    made.classifications.create(code=255, label="last")
    with pytest.raises(Conflict) as refusal:
        add_classification(made, label="more", meaning="", actor=harbor.admin.actor, now=cast.NOW)
    assert refusal.value.code == "list.labels_full"


def test_strangers_learn_nothing_of_a_list_by_trying_to_change_it() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    made = a_list(harbor)
    key = a_key(stranger.organisation.id)
    with pytest.raises(NotFound):
        add_classification(made, label="C1", meaning="", actor=stranger.actor, now=cast.NOW)
    with pytest.raises(NotFound):
        entitle_key(made, key, actor=stranger.actor, now=cast.NOW)
    seen = a_list(harbor, audience="public", tlp="clear")
    with pytest.raises(NotAllowed) as refusal:
        entitle_key(seen, key, actor=stranger.actor, now=cast.NOW)
    assert refusal.value.code == "list.other_publisher"


def test_a_publisher_entitles_its_own_active_keys_once() -> None:
    harbor = cast.harbor()
    made = a_list(harbor, signature_threshold=2)
    first, second = a_key(harbor.organisation.id), a_key(harbor.organisation.id, number=2)
    for key in (first, second, first):
        entitle_key(made, key, actor=harbor.admin.actor, now=cast.NOW)
    assert made.signers.count() == 2
    assert AuditEvent.objects.filter(action="list.key_entitled").count() == 2


def test_keys_that_are_pending_or_of_others_are_not_entitled() -> None:
    harbor = cast.harbor()
    made = a_list(harbor)
    pending = a_key(harbor.organisation.id, active=False)
    others = a_key(cast.lumen().organisation.id, number=2)
    for key in (pending, others):
        with pytest.raises(Conflict) as refusal:
            entitle_key(made, key, actor=harbor.admin.actor, now=cast.NOW)
        assert refusal.value.code == "key.not_active"


def test_a_hosted_key_stands_alone() -> None:
    harbor = cast.harbor()
    own, hosted = (
        a_key(harbor.organisation.id),
        a_key(harbor.organisation.id, number=2, custody=Custody.HOSTED),
    )
    first = a_list(harbor)
    entitle_key(first, own, actor=harbor.admin.actor, now=cast.NOW)
    second = a_list(harbor)
    entitle_key(second, hosted, actor=harbor.admin.actor, now=cast.NOW)
    third = a_list(harbor, signature_threshold=2)
    for made, key in ((first, hosted), (second, own), (third, hosted)):
        with pytest.raises(Conflict) as refusal:
            entitle_key(made, key, actor=harbor.admin.actor, now=cast.NOW)
        assert refusal.value.code == "list.hosted_key_alone"


def test_a_closed_list_takes_no_labels_and_no_keys() -> None:
    harbor = cast.harbor()
    made = a_list(harbor)
    HashList.objects.update(status=ListStatus.CLOSED)
    with pytest.raises(Conflict) as refusal:
        add_classification(made, label="C1", meaning="", actor=harbor.admin.actor, now=cast.NOW)
    assert refusal.value.code == "list.closed"
    with pytest.raises(Conflict):
        entitle_key(made, a_key(harbor.organisation.id), actor=harbor.admin.actor, now=cast.NOW)
