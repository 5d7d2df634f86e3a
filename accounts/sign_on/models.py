"""An organisation's own sign-on (OpenID Connect): where it is, for which domains, and whom it knows."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from accounts.identity.models import ConfirmedAs
from accounts.sealing.columns import SealedField


class SignOn(models.Model):
    """One identity provider of one organisation, as one of its admins has set it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.OneToOneField(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="sign_on"
    )
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=300)
    sealed_secret = SealedField(bound_to="sign-on:{id}:secret")
    # What the provider says when the person gave it a second factor: it counts only once an admin of the
    # exchange has agreed, and that agreement ends with every change of what it was given to.
    mfa_acr = models.CharField(max_length=300, blank=True, help_text="the acr value that says so")
    mfa_agreed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    set_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    # None also where the host stood in, and for a sign-on from before two people arranged it.
    confirmed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    confirmed_as = models.CharField(max_length=10, choices=ConfirmedAs.choices, default="", db_default="")

    def __str__(self) -> str:
        return f"{self.issuer} of {self.organisation_id}"


class SignOnDomain(models.Model):
    """An e-mail domain whose people are offered this sign-on. A domain is one organisation's alone."""

    sign_on = models.ForeignKey(SignOn, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253, unique=True)

    def __str__(self) -> str:
        return self.domain


class SignOnBinding(models.Model):
    """Which person the provider's subject is: set at the first sign-on and never moved.

    By subject and not by address: addresses are given to new people, subjects never are (OpenID Connect Core,
    section 5.7).
    """

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "issuer", "subject"], name="sign_on_subject_once"
            ),
            models.UniqueConstraint(fields=["organisation", "issuer", "user"], name="sign_on_person_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.issuer}"
