"""A trust policy over the API."""

from __future__ import annotations

from typing import Any

from tests.exchange.api.conftest import Asker, Private


def test_the_api_sets_and_shows_it(private: Private) -> None:
    ask: Any = Asker(private.member.key)
    (listed,) = ask("get", "/api/v1/subscriptions").json()["items"]
    path = f"/api/v1/subscriptions/{listed['id']}"
    policy = {"minimum_jurisdictions": 2}
    assert ask("patch", path, json={"policy": policy}).json()["policy"] == policy
    assert ask("get", "/api/v1/subscriptions").json()["items"][0]["policy"] == policy
    refused = ask("patch", path, json={"policy": {"minimum": 2}})
    assert (refused.status_code, refused.json()["code"]) == (400, "policy.unknown_field")
    assert ask("patch", path, json={}).status_code == 400


def test_a_member_asks_for_small_deltas_beside_its_policy(private: Private) -> None:
    ask: Any = Asker(private.member.key)
    (listed,) = ask("get", "/api/v1/subscriptions").json()["items"]
    path = f"/api/v1/subscriptions/{listed['id']}"
    assert listed["inline_delta"] is False
    policy = {"minimum_jurisdictions": 2}
    both = ask("patch", path, json={"inline_delta": True, "policy": policy}).json()
    assert (both["inline_delta"], both["policy"]) == (True, policy)
    # What is left out stays.
    assert ask("patch", path, json={"policy": {}}).json()["inline_delta"] is True
    assert ask("patch", path, json={"inline_delta": False}).json()["policy"] == {}
    # Refused as a whole.
    refused = ask("patch", path, json={"inline_delta": True, "policy": {"minimum": 2}})
    assert refused.status_code == 400
    assert ask("get", "/api/v1/subscriptions").json()["items"][0]["inline_delta"] is False
