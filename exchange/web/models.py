"""Tries to sign in, so that guessing is slow whichever process answers; and the sessions that are open."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class SignInTry(models.Model):
    """One try, noted before the password is looked at and forgotten after a success or a quarter of an hour.

    Who and where are keyed digests: the table says nothing about people who do not exist here, and little
    about those who do.
    """

    who = models.CharField(max_length=32, help_text="keyed digest of the e-mail address")
    place = models.CharField(
        max_length=32,
        help_text="keyed digest of the IPv4 address, the /64 of IPv6, or the person's own browser",
    )
    wider = models.CharField(
        max_length=32, default="", db_default="", help_text="keyed digest of the /56, for IPv6"
    )
    widest = models.CharField(
        max_length=32, default="", db_default="", help_text="keyed digest of the /48, for IPv6"
    )
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["who", "place", "at"], name="sign_in_try_by_who"),
            models.Index(fields=["place", "at"], name="sign_in_try_by_place"),
            models.Index(fields=["at"], name="sign_in_try_by_age"),
        ]

    def __str__(self) -> str:
        return f"a try at {self.at:%Y-%m-%d %H:%M}"


class OpenSession(models.Model):
    """Where somebody is signed in: what they recognise it by, and what is deleted to end it.

    A session lives as long as its row in the session store; this row only tells about it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    session_key = models.CharField(max_length=40, unique=True)
    epoch = models.PositiveIntegerField(help_text="the person's session epoch when it began")
    how = models.CharField(max_length=16, help_text="the proof that it began with")
    device = models.CharField(max_length=200, help_text="what the browser called itself")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-seen_at"], name="open_session_by_user"),
            models.Index(fields=["seen_at"], name="open_session_by_age"),
        ]

    def __str__(self) -> str:
        return f"a session of {self.user_id} since {self.started_at:%Y-%m-%d %H:%M}"
