"""Signing a release, or a list's content anew, in three ways: hosted, elsewhere, or in this browser.

The pages ask for presence before anything is shown: a file that was chosen would not survive the question.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Conflict, Invalid, Refusal
from accounts.identity.roles import Permission
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.wakeups import wake
from exchange.web.contribute.detached import LONGEST, signature_hex
from exchange.web.contribute.signable import Signable, signable_draft, signable_renewal
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, blank, file, posted, radios, sent_file, textarea
from exchange.web.forms import text
from exchange.web.shown import apart
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList
from hashsets.releases.sign import add_signature, draft_to_sign
from hashsets.trust import renewal


class SignaturePage(Page):
    """What signing a release and signing again have in common."""

    def signable(self) -> Signable:
        raise NotImplementedError

    def keep(self, keyid: str, signature: str) -> str:
        """Hand the signature to the verb, and say in one sentence what happens next."""
        raise NotImplementedError

    def get(self, request: HttpRequest, **_address: object) -> HttpResponseBase:
        found = self.signable()
        return self.desk(found, blank(*self.asked(found)))

    def post(self, request: HttpRequest, **_address: object) -> HttpResponseBase:
        found = self.signable()
        form = posted(request, *self.asked(found))
        try:
            signature = signature_hex(_signature_in(request, form))
            done = self.keep(_chosen(found, text(request, "key")), signature)
        except (Invalid, Conflict) as refusal:
            return self.desk(found, form.refused(_at_field(refusal)), status=status_of(refusal).value)
        messages.success(request, done)
        return HttpResponseRedirect(found.done_address)

    def desk(self, found: Signable, form: Form, *, status: int = 200) -> HttpResponse:
        return self.show(
            "web/contribute/signature.html",
            status=status,
            to_sign=found,
            list=found.hash_list,
            form=form,
            p256=any(key.p256 for key in found.free),
        )

    def asked(self, found: Signable) -> tuple[Field, ...]:
        keys = tuple(Option(key.keyid, f"{apart(key.name)} ({key.short})") for key in found.free)
        choice = radios("key", gettext_lazy("With which key was it signed?"), keys)
        return (
            *((choice,) if len(keys) > 1 else ()),
            file("file", gettext_lazy("The file with the signature"), optional=True),
            textarea(
                "signature",
                gettext_lazy("Or paste the signature"),
                hint=gettext_lazy("Hexadecimal or base64."),
                rows=2,
                longest=LONGEST,
                optional=True,
            ),
        )


class SignRelease(SignaturePage):
    needs: ClassVar = {"GET": person(Permission.RELEASE_SIGN), "POST": person(Permission.RELEASE_SIGN)}

    def signable(self) -> Signable:
        return signable_draft(Submission.objects.seen(self.kwargs["submission_id"], self.actor))

    def keep(self, keyid: str, signature: str) -> str:
        submission = Submission.objects.seen(self.kwargs["submission_id"], self.actor)
        draft = draft_to_sign(submission)
        add_signature(draft.id, keyid=keyid, signature=signature, actor=self.actor, now=self.now)
        wake("publish")
        return _("Signed. The release is published as soon as every signature is there.")


class SignedPart(Page):
    """The exact bytes that a signature is put under, as a file."""

    needs: ClassVar = {"GET": need(Permission.RELEASE_SIGN)}

    def get(self, request: HttpRequest, submission_id: uuid.UUID) -> HttpResponseBase:
        return _as_file(signable_draft(Submission.objects.seen(submission_id, self.actor)))


class SignAgain(SignaturePage):
    needs: ClassVar = {"GET": person(Permission.RELEASE_SIGN), "POST": person(Permission.RELEASE_SIGN)}

    def signable(self) -> Signable:
        return signable_renewal(self._list(), actor=self.actor)

    def keep(self, keyid: str, signature: str) -> str:
        left = renewal.add_renewal_signature(
            self._list(), keyid=keyid, signature=signature, actor=self.actor, now=self.now
        )
        return said_after_renewal(left)

    def _list(self) -> HashList:
        return HashList.objects.seen(self.kwargs["list_id"], self.actor)


class SignAgainHosted(Page):
    needs: ClassVar = {"POST": person(Permission.RELEASE_SIGN)}

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = HashList.objects.seen(list_id, self.actor)
        found = signable_renewal(hash_list, actor=self.actor)
        left = renewal.sign_renewal_hosted(hash_list, actor=self.actor, now=self.now)
        messages.success(request, said_after_renewal(left))
        return HttpResponseRedirect(found.done_address)


class RenewalPart(Page):
    needs: ClassVar = {"GET": need(Permission.RELEASE_SIGN)}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        return _as_file(signable_renewal(HashList.objects.seen(list_id, self.actor), actor=self.actor))


def said_after_renewal(left: renewal.Renewal | None) -> str:
    if left is None:
        return _("Signed again, and published. Members fetch the new signature with their next look.")
    return _("Signed. Other signatures are still missing.")


def _signature_in(request: HttpRequest, form: Form) -> bytes:
    sent = sent_file(request, "file")
    if sent is not None:
        return bytes(sent.read(LONGEST + 1))
    return form.value("signature").encode(errors="replace")


def _chosen(found: Signable, keyid: str) -> str:
    """The key's id; nobody is asked when there is only one."""
    if not keyid and len(found.free) == 1:
        return found.free[0].keyid
    if keyid not in {key.keyid for key in found.own}:
        raise Invalid("Say which key signed it.", code="signature.key", field="key")
    return keyid


def _at_field(refusal: Refusal) -> Refusal:
    """Where on this form the verb's refusal belongs."""
    if refusal.code == "signature.invalid":
        refusal.field = "file"
    return refusal


def _as_file(found: Signable) -> HttpResponse:
    answer = HttpResponse(found.part, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    return answer
