"""Every page of the table answers, and asks the database no more often when there is more of everything."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.exchange.web.matrix import MATRIX
from tests.exchange.web.walks.growth import ONCE, grow, tables
from tests.exchange.web.walks.scenery import NOBODY, Scenery
from tests.exchange.web.walks.visits import VISITS, Stop, stops

pytestmark = pytest.mark.django_db

# Tables of which the scenery has nothing, because no page shows them.
UNSEEN = {
    "accounts.SignOnBinding", "accounts.SecondStepReset", "accounts.Exemption", "hashsets.Erasure",
    "hashsets.ListChange", "exchange.CallCount", "exchange.RememberedCall",
}  # fmt: skip


def test_every_page_that_is_read_has_a_visit() -> None:
    assert set(VISITS) == {name for name, row in MATRIX.items() if "GET" in row}


@pytest.mark.slow
def test_no_page_asks_more_often_when_there_is_more_of_everything(scenery: Scenery) -> None:
    asked = stops(scenery)
    few = questions(scenery, asked, first=True)
    before = {model: model._default_manager.count() for model in tables()}
    assert {model._meta.label for model, rows in before.items() if not rows} == UNSEEN
    grow(times=2)
    thin = {
        model._meta.label: (before[model], now)
        for model in tables()
        if (now := model._default_manager.count()) < 3 * before[model] and model._meta.label not in ONCE
    }
    assert thin == {}, "the scenery has not grown"
    many = questions(scenery, asked)
    more = {str(stop): (few[stop], many[stop]) for stop in asked if few[stop] != many[stop]}
    assert more == {}


def questions(scenery: Scenery, asked: Iterable[Stop], *, first: bool = False) -> dict[Stop, int]:
    """How often each page asks the database, once it has been seen: a first look may fill what is kept."""
    found = {}
    for stop in asked:
        browser = scenery.browser(stop.who)
        if first or stop.who == NOBODY:
            _read(browser.get(stop.address))
        with CaptureQueriesContext(connection) as taken:
            answer = browser.get(stop.address)
            _read(answer)
        assert answer.status_code == stop.status, (str(stop), answer.status_code)
        found[stop] = len(taken)
    return found


def _read(answer: object) -> None:
    """To its end: what is sent as it is read asks as it is read."""
    if getattr(answer, "streaming", False):
        b"".join(answer.streaming_content)  # type: ignore[attr-defined]
