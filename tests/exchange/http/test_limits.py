"""Limits on calls: kept through a flush of the cache and over processes, one caller's not another's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache, caches
from django.test import Client
from pytest_django import Settings

from accounts.errors import Throttled
from exchange.calls import limit
from exchange.calls.forget import forget, forgetting_due
from exchange.calls.models import CallCount
from tests import cast
from tests.exchange.api.conftest import MEMBER_SCOPES, Asker, key_of
from tests.hashsets.releases.world import NOW
from tests.services import Redis

NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_counted(transactional_db: None) -> Iterator[None]:
    limit.forget_tallies()
    yield
    limit.forget_tallies()


def call(
    who: str = "a", *, times: int = 1, per_minute: int = 20, per_day: int = 1_000, now: datetime = NOON
) -> None:
    for _ in range(times):
        limit.count_call(who, per_minute=per_minute, per_day=per_day, now=now)


def test_one_call_too_many_is_refused_until_the_minute_ends() -> None:
    call(times=20)
    with pytest.raises(Throttled) as refused:
        call()
    assert refused.value.facts["retry_after"] == 55
    call("b", times=20)
    call(now=NOON + timedelta(seconds=55))


def test_the_day_has_a_limit_of_its_own() -> None:
    for minute in range(5):
        call(times=20, per_day=100, now=NOON + timedelta(minutes=minute))
    with pytest.raises(Throttled, match="a day"):
        call(per_day=100, now=NOON + timedelta(minutes=9))


def test_a_real_redis_that_is_flushed_in_the_middle_gives_nobody_another_minute(
    redis_server: Redis, settings: Settings
) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": redis_server.url}}
    call(times=10)
    caches["default"].set("there", 1)
    redis_server.flush()
    assert caches["default"].get("there") is None
    call(times=10)
    redis_server.flush()
    limit.forget_tallies()  # and every process was started anew
    with pytest.raises(Throttled):
        call(times=3)


def test_a_flushed_cache_and_a_new_process_forget_nothing_that_was_written() -> None:
    call(times=20)
    cache.clear()
    limit.forget_tallies()  # what a process that has just started knows
    with pytest.raises(Throttled):
        call(times=3)


def test_many_calls_cost_few_writes(django_assert_max_num_queries: object) -> None:
    with django_assert_max_num_queries(60):  # type: ignore[operator]
        call(times=100, per_minute=1_000)
    assert sum(CallCount.objects.filter(window="minute").values_list("calls", flat=True)) >= 90


def test_the_api_answers_429_and_says_when_to_come_back(settings: Settings) -> None:
    settings.HX_CALLS_PER_MINUTE, settings.HX_STRANGER_CALLS_PER_MINUTE = 5, 3
    asker = Asker(key_of(cast.lumen(now=NOW), MEMBER_SCOPES).key)
    told = [asker("get", "/api/v1/who") for _ in range(13)]
    refused = [answer for answer in told if answer.status_code == 429]
    assert {answer.status_code for answer in told} == {200, 429}
    assert refused[0].json()["code"] == "throttled"
    assert 1 <= int(refused[0]["Retry-After"]) <= 60
    assert 429 in [Asker()("get", "/api/v1/lists").status_code for _ in range(9)]


def test_counts_are_forgotten_after_two_days() -> None:
    call(times=3)
    assert forgetting_due(NOON + timedelta(days=1), 10) == []
    assert forgetting_due(NOON + timedelta(days=3), 10) == ["counts"]
    forget("counts", now=NOON + timedelta(days=3))
    assert CallCount.objects.count() == 0


def asked_from(address: str) -> int:
    return Client(REMOTE_ADDR=address).get("/api/v1/lists").status_code


@pytest.mark.parametrize(
    ("address", "times"),
    [
        ("198.51.100.7", 1),
        ("::ffff:198.51.100.7", 1),
        ("2001:db8:1:1::{0:x}", 1),
        ("2001:db8:1:1{0:02x}::1", 2),
        ("2001:db8:1:{0:x}00::1", 4),
    ],
    ids=["IPv4", "IPv4 in IPv6", "/64", "/56", "/48"],
)
def test_strangers_are_counted_by_address_or_network(settings: Settings, address: str, times: int) -> None:
    settings.HX_STRANGER_CALLS_PER_MINUTE = 5
    freezing = [asked_from(address.format(number)) for number in range(5 * times + 3)]
    assert freezing == [200] * (5 * times) + [429] * 3
    assert asked_from("203.0.113.1") == 200


def test_one_stranger_whose_address_is_written_in_several_ways_is_one(settings: Settings) -> None:
    settings.HX_STRANGER_CALLS_PER_MINUTE = 4
    ways = ("198.51.100.7", "::ffff:198.51.100.7", "::FFFF:c633:6407")
    assert [asked_from(ways[number % 3]) for number in range(6)] == [200] * 4 + [429] * 2
