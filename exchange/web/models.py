"""Tries to sign in, so that guessing passwords is slow whichever process answers."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SignInTry(models.Model):
    """One try, noted before the password is looked at and forgotten after a success or a quarter of an hour.

    Who and where are keyed digests: the table says nothing about people who do not exist here, and little
    about those who do.
    """

    who = models.CharField(max_length=32, help_text="keyed digest of the e-mail address")
    place = models.CharField(max_length=32, help_text="keyed digest of the network address")
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["who", "place", "at"], name="sign_in_try_by_who"),
            models.Index(fields=["place", "at"], name="sign_in_try_by_place"),
            models.Index(fields=["at"], name="sign_in_try_by_age"),
        ]

    def __str__(self) -> str:
        return f"a try at {self.at:%Y-%m-%d %H:%M}"
