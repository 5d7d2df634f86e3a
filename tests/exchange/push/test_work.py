"""`manage.py work`: everything goes on without Celery and without a broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from exchange.push.models import Attempt
from hashsets.trust import push_key
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.world import cursor_of, endpoint_of, follow, new_list, publish

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.django_db(transaction=True)
@override_settings(ALLOWED_HOSTS=["127.0.0.1"])
def test_it_delivers_what_is_owed_on_both_lanes(members: Members) -> None:
    push_key.ensure_key(NOW)
    hash_list, other = new_list(cast.harbor()), new_list(cast.harbor(), "Urgent")
    publish(hash_list)
    publish(other, urgent=True)
    routine = endpoint_of(cast.lumen(), members.url("ok"))
    urgent = endpoint_of(cast.lumen(), members.url("delay/0"))
    follow(cast.lumen(), hash_list, routine)
    follow(cast.lumen(), other, urgent)
    said = StringIO()
    call_command("work", "push", "push-urgent", "--once", stdout=said)
    assert (cursor_of(routine, hash_list), cursor_of(urgent, other)) == (1, 1)
    assert Attempt.objects.filter(urgent=True).count() == 1
    assert "looked at" in said.getvalue()


def test_it_knows_its_queues() -> None:
    with pytest.raises(CommandError, match="no queue nosuch"):
        call_command("work", "nosuch", "--once")


def test_it_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "HX_DEMO": "1",
        "HX_VAR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "exchange.settings",
    }
    for name in ("DATABASE_URL", "REDIS_URL"):
        env.pop(name, None)
    with subprocess.Popen(
        [sys.executable, "manage.py", "work"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Working on data, push, push-urgent.")
        try:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()  # or the end of the block would wait for it for ever
