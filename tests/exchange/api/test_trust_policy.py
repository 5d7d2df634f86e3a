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
