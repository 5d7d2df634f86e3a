"""Whoever refers to a list never stands in the way of whoever publishes to it, in any order of checks."""

from __future__ import annotations

import threading

import pytest
from django.db import connections, transaction

from accounts.audit.models import AuditHead
from exchange.sharing.endpoints import register_endpoint
from exchange.sharing.models import Endpoint
from exchange.sharing.subscribe import subscribe
from hashsets.lists.models import HashList
from tests import cast
from tests.cast import NOW
from tests.exchange.world import cursor_of, new_list

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_endpoint_registered_while_its_list_is_locked_and_the_audit_wanted_is_no_deadlock() -> None:
    """Registering writes its audit event and then, at commit, has its references to the list checked; a
    publisher holds the list and wants the audit next.
    """
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    subscribe(hash_list.id, actor=lumen.integrator.actor, now=NOW)
    raised: list[BaseException] = []

    def register() -> None:
        try:
            register_endpoint(
                url="https://a.example.org/", description="", actor=lumen.integrator.actor, now=NOW
            )
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    registering = threading.Thread(target=register)
    with transaction.atomic():
        HashList.objects.lock(hash_list.id)
        registering.start()
        # On PostgreSQL it is through by then, and was not before; SQLite lets one write at a time.
        registering.join(1.0)
        AuditHead.objects.lock()
    registering.join(30)
    assert not registering.is_alive()
    assert raised == []
    assert cursor_of(Endpoint.objects.get(url="https://a.example.org/"), hash_list) == 0
