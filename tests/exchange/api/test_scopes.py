"""A key reads what its scopes say, of its own organisation too: whoever steals it learns no more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.credentials.issue import issue_credential
from accounts.identity.models import Membership
from accounts.identity.roles import CREDENTIAL_SCOPES, TEST_SCOPES, Permission, Role
from hashsets.lists.models import Audience, HashList
from tests import cast
from tests.exchange.api.conftest import Asker, Private
from tests.exchange.api.matrix import MATRIX, PERSON
from tests.exchange.api.test_strangers import collections, markers, operations, reads, route_of
from tests.hashsets.releases.world import NOW

OTHERS = sorted(CREDENTIAL_SCOPES - {Permission.LIST_VIEW})
ABSENT = "a" * 26


def key_with(crew: cast.Crew, *scopes: Permission, mode: str = "live") -> Asker:
    issued = issue_credential(
        crew.organisation,
        name="narrow",
        scopes=scopes,
        mode=mode,
        expires_at=NOW + timedelta(days=30),
        actor=crew.admin.actor,
        now=NOW,
    )
    return Asker(issued.key)


def keys_with(private: Private, *scopes: Permission) -> list[Asker]:
    """The publisher's, and that of a member who follows the list."""
    return [key_with(private.world.crew, *scopes), key_with(private.lumen, *scopes)]


@pytest.mark.parametrize("scope", OTHERS)
def test_a_key_without_the_right_to_read_reads_no_list(private: Private, scope: Permission) -> None:
    for ask in keys_with(private, scope):
        for path in reads(private):
            answer = ask("get", path)
            if path.startswith("/tuf/"):  # 403 would say to a TUF client that there is no newer root
                assert answer.status_code == 404, path
            else:
                assert (answer.status_code, answer.json()["code"]) == (403, "permission.missing"), path
                assert answer.json()["facts"] == {"permission": "list.view"}
            text = answer.text_seen.decode("utf-8", "replace")
            assert not [marker for marker in markers(private) if marker in text], path


def test_all_scopes_but_that_one_together_read_no_list_either(private: Private) -> None:
    for ask in keys_with(private, *OTHERS):
        assert {ask("get", path).status_code for path in reads(private)} == {403, 404}
        assert private.hash_list.id not in ask("get", "/api/v1/lists").text_seen.decode()


def test_the_right_to_read_alone_reads_the_list(private: Private) -> None:
    for ask in keys_with(private, Permission.LIST_VIEW):
        told = {path: ask("get", path).status_code for path in reads(private) if "2.root" not in path}
        assert set(told.values()) == {200}, told


@pytest.mark.parametrize("scope", OTHERS)
def test_whether_there_is_such_a_list_makes_no_difference_to_it(private: Private, scope: Permission) -> None:
    for ask in keys_with(private, scope):
        for path in reads(private):
            there, nowhere = ask("get", path), ask("get", path.replace(private.hash_list.id, ABSENT))
            assert (there.status_code, there.text_seen) == (nowhere.status_code, nowhere.text_seen), path


@pytest.mark.parametrize("scope", OTHERS)
def test_a_key_reads_what_its_one_scope_says_and_nothing_else(private: Private, scope: Permission) -> None:
    """Every read of every route, of things that are there and are the key's own."""
    paths = [(path, route_of(method, path)) for method, path, _ in operations(private) if method == "get"]
    paths = [(path, cell) for path, cell in paths if not path.startswith("/tuf/")]
    paths += [(path, ("GET", path.removeprefix("/api/v1/"))) for path in collections()]
    ask, own = key_with(private.world.crew, scope), (scope.value, "any member", "anybody")
    tried = 0
    for path, cell in paths:
        if MATRIX[cell].removeprefix(PERSON) in own:
            continue
        answer = ask("get", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission.missing"), path
        tried += 1
    assert tried > 15


def test_what_is_public_is_there_for_such_a_key_as_for_anybody(private: Private) -> None:
    HashList.objects.filter(id=private.hash_list.id).update(audience=Audience.PUBLIC)
    ask = key_with(private.world.crew, Permission.SUBMISSION_CREATE)
    for path in reads(private):
        theirs, anybodys = ask("get", path), Asker()("get", path)
        assert (theirs.status_code, theirs.text_seen) == (anybodys.status_code, anybodys.text_seen), path
    assert ask("get", "/api/v1/lists").json() == Asker()("get", "/api/v1/lists").json()
    assert (
        ask("get", f"/api/v1/lists/{private.hash_list.id}/releases/7").json()["code"] == "release.not_found"
    )


def test_it_still_does_what_it_may_on_a_list_that_it_does_not_read(private: Private) -> None:
    ask = key_with(private.lumen, Permission.SUBSCRIPTION_MANAGE)
    assert ask("post", "/api/v1/subscriptions", json={"list_id": private.hash_list.id}).status_code in (
        200,
        201,
        409,
    )
    assert ask("get", f"/api/v1/lists/{private.hash_list.id}").status_code == 403


@pytest.mark.parametrize("scope", sorted(TEST_SCOPES))
def test_a_test_key_reaches_no_more_than_before_whatever_its_scope(
    private: Private, scope: Permission
) -> None:
    """A stranger sees every public list; a test key the sandbox alone, without the right to read as well."""
    HashList.objects.filter(id=private.hash_list.id).update(audience=Audience.PUBLIC)
    ask = key_with(private.world.crew, scope, mode="test")
    assert {ask("get", path).status_code for path in reads(private)} <= {403, 404}
    assert ask("get", "/api/v1/lists").json()["items"] == []


def test_a_person_whose_only_role_waits_for_a_second_one_reads_no_list(private: Private) -> None:
    place = cast.person(private.world.crew.organisation, "New Person", (Role.CONTRIBUTOR,), now=NOW)
    Membership.objects.filter(user=place.user).update(confirmed_roles=[])
    client = Client()
    client.force_login(place.user)
    pages = [f"/lists/{private.hash_list.id}{rest}" for rest in ("", "/releases", "/releases/1", "/compare")]
    pages += [f"/catalogue/{private.hash_list.id}", *reads(private)]

    def told() -> set[int]:
        answers = [client.get(path) for path in pages if "2.root" not in path]
        for answer in answers:
            answer.close()
        return {answer.status_code for answer in answers}

    assert told() <= {403, 404}
    for path in ("/lists", "/catalogue", "/api/v1/lists"):
        assert private.hash_list.title not in client.get(path).content.decode(), path
    Membership.objects.filter(user=place.user).update(confirmed_roles=[Role.CONTRIBUTOR.value])
    assert told() == {200}
