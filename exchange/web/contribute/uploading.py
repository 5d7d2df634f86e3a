"""Submitting a change, one question a page: what it does and why, the file, check it all, submit.

The file is stored when it comes, in parts that a script can go on sending after a broken line, or whole from
a plain form; it becomes a submission when the person has looked at the answers and says so.
"""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass, replace
from typing import BinaryIO, ClassVar, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Conflict, Invalid, NotFound, Throttled
from accounts.identity.roles import Permission
from exchange.http.permissions import need
from exchange.http.problems import status_of
from exchange.wakeups import wake
from exchange.web.contribute import intents
from exchange.web.door import Page
from exchange.web.fields import (
    Field,
    Form,
    Option,
    blank,
    checkbox,
    file,
    options,
    posted,
    radios,
    select,
    sent_file,
    textarea,
)
from exchange.web.forms import text
from exchange.web.list_facts import type_title
from exchange.web.parts import Row
from exchange.web.shown import digest, percent, size
from exchange.web.words import MODE, MODE_MEANS, word
from hashsets.intake.models import Upload
from hashsets.intake.uploads import PART_LIMIT, Intent, forget_upload_in_parts, seen_upload, submit_upload
from hashsets.intake.whole import keep_whole
from hashsets.lists.models import HashList

ACCEPTED = ".csv,.tsv,.txt,.json,.jsonl,.parquet,.gz,text/csv,text/plain"
WHAT = (
    radios("mode", gettext_lazy("What does the file do to the list?"), options(MODE, MODE_MEANS)),
    textarea(
        "note",
        gettext_lazy("Why?"),
        hint=gettext_lazy("Whoever approves it reads this. No names of people, no file names."),
        rows=3,
        optional=True,
    ),
    checkbox(
        "urgent",
        gettext_lazy("It is urgent"),
        hint=gettext_lazy(
            "It goes before every other change of this list, also before one that is waiting for its "
            "signature, and members are told at once."
        ),
    ),
)


class ChangePage(Page):
    """What the pages of a change have in common: a list of one's own that takes changes."""

    def hash_list(self) -> HashList:
        found = HashList.objects.seen(self.kwargs["list_id"], self.actor)
        found.require_publisher(self.actor)
        found.require_active()
        return found

    def begin_anew(self, hash_list: HashList) -> HttpResponse:
        return HttpResponseRedirect(reverse("web:new-submission", args=[hash_list.id]))


class NewSubmission(ChangePage):
    needs: ClassVar = {
        "GET": need(Permission.SUBMISSION_CREATE),
        "POST": need(Permission.SUBMISSION_CREATE),
    }

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.hash_list()
        said = intents.begun(request, hash_list) or Intent("add")
        known = {"mode": said.mode, "note": said.note, "urgent": "yes" if said.urgent else ""}
        return self._form(hash_list, blank(*WHAT, values=known))

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list, form = self.hash_list(), posted(request, *WHAT)
        try:
            intents.begin(
                request,
                hash_list,
                mode=form.value("mode"),
                urgent=form.ticked("urgent"),
                note=form.value("note"),
            )
        except Invalid as refusal:
            return self._form(hash_list, form.refused(refusal), status=status_of(refusal).value)
        return HttpResponseRedirect(reverse("web:submission-file", args=[hash_list.id]))

    def _form(self, hash_list: HashList, form: Form, *, status: int = 200) -> HttpResponse:
        return self.show("web/contribute/change.html", status=status, list=hash_list, form=form)


class SubmissionFile(ChangePage):
    """The file: chosen, dropped or pasted. What was pasted is never shown again: it is hashes."""

    needs: ClassVar = {
        "GET": need(Permission.SUBMISSION_CREATE),
        "POST": need(Permission.SUBMISSION_CREATE),
    }

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.hash_list()
        said = intents.begun(request, hash_list)
        if said is None:
            return self.begin_anew(hash_list)
        return self._form(hash_list, blank(*_file_fields(hash_list), values={"type": said.hash_type}))

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.hash_list()
        if intents.begun(request, hash_list) is None:
            return self.begin_anew(hash_list)
        form = posted(request, *_file_fields(hash_list))
        try:
            intents.name_type(request, hash_list, text(request, "type"))
            upload = self._stored(request, hash_list)
        except (Invalid, Conflict, Throttled) as refusal:
            refusal.field = refusal.field if refusal.field == "type" else "file"
            return self._form(hash_list, form.refused(refusal), status=status_of(refusal).value)
        replaced = intents.name_file(request, hash_list, upload.id)
        if replaced is not None:  # unfinished uploads take room, and an organisation has few of them
            forget_upload_in_parts(replaced)
        return HttpResponseRedirect(reverse("web:check-submission", args=[hash_list.id, upload.id]))

    def _stored(self, request: HttpRequest, hash_list: HashList) -> Upload:
        """The upload that a script has sent, or what is in the form."""
        sent = text(request, "upload")
        if sent:
            return upload_to(hash_list, sent, self)
        chosen, pasted = sent_file(request, "file"), text(request, "pasted")
        if chosen is None and not pasted.strip():
            raise Invalid("Choose a file, or paste hashes.", code="submission.file", field="file")
        whole = cast(BinaryIO, chosen) if chosen is not None else io.BytesIO(pasted.encode(errors="replace"))
        media_type = chosen.content_type if chosen is not None else None
        return keep_whole(hash_list, whole, media_type=media_type, actor=self.actor, now=self.now)

    def _form(self, hash_list: HashList, form: Form, *, status: int = 200) -> HttpResponse:
        # Hashes that were pasted are not given back: no page holds them.
        shown = Form(
            tuple(replace(one, value="") if one.name == "pasted" else one for one in form), form.mistakes
        )
        return self.show(
            "web/contribute/change_file.html",
            status=status,
            list=hash_list,
            form=shown,
            part_limit=PART_LIMIT,
            types=", ".join(type_title(slug) for slug in hash_list.hash_types),
        )


@dataclass(frozen=True, slots=True)
class UploadFacts:
    row: Upload
    size: str
    digest: SafeString
    whole: bool
    share: str


class CheckSubmission(ChangePage):
    """All answers once more, each with a way to change it; submitting is what the person answers for."""

    needs: ClassVar = {
        "GET": need(Permission.SUBMISSION_CREATE),
        "POST": need(Permission.SUBMISSION_CREATE),
    }

    def get(self, request: HttpRequest, list_id: str, upload_id: uuid.UUID) -> HttpResponseBase:
        hash_list = self.hash_list()
        upload = upload_to(hash_list, str(upload_id), self)
        if upload.submitted_at is not None:
            return HttpResponseRedirect(reverse("web:submission", args=[upload.id]))
        said = intents.begun(request, hash_list)
        return (
            self.begin_anew(hash_list) if said is None else self._answers(hash_list, upload, said, Form(()))
        )

    def post(self, request: HttpRequest, list_id: str, upload_id: uuid.UUID) -> HttpResponseBase:
        hash_list = self.hash_list()
        upload = upload_to(hash_list, str(upload_id), self)
        said = intents.begun(request, hash_list)
        if said is None:
            if upload.submitted_at is not None:  # pressed twice: it is done
                return HttpResponseRedirect(reverse("web:submission", args=[upload.id]))
            return self.begin_anew(hash_list)
        if text(request, "step") == "discard":
            forget_upload_in_parts(upload.id)
            intents.forget(request, hash_list)
            messages.success(request, _("The file is deleted. Nothing was submitted."))
            return HttpResponseRedirect(reverse("web:list", args=[hash_list.id]))
        try:
            submission = submit_upload(upload.id, said, actor=self.actor, now=self.now)
        except (Invalid, Conflict, Throttled) as refusal:
            mistakes = Form(()).refused(refusal)
            return self._answers(hash_list, upload, said, mistakes, status=status_of(refusal).value)
        intents.forget(request, hash_list)
        wake("validate")
        words = _("Submission %(reference)s is received and stored.") % {"reference": submission.reference}
        messages.success(request, words)
        return HttpResponseRedirect(reverse("web:submission", args=[submission.id]))

    def _answers(
        self, hash_list: HashList, upload: Upload, said: Intent, form: Form, *, status: int = 200
    ) -> HttpResponse:
        what = reverse("web:new-submission", args=[hash_list.id])
        where = reverse("web:submission-file", args=[hash_list.id])
        rows = [
            Row(_("What it does"), f"{word(MODE, said.mode)}. {word(MODE_MEANS, said.mode)}", what),
            Row(_("Why"), said.note, what),
            Row(_("Urgent"), _("Yes") if said.urgent else _("No"), what),
            Row(_("File"), size(upload.length), where),
        ]
        if said.hash_type:
            rows.append(Row(_("Kind of hashes"), type_title(said.hash_type), where))
        facts = UploadFacts(
            row=upload,
            size=size(upload.length),
            digest=digest(upload.sha256),
            whole=upload.received >= upload.length,
            share=percent(upload.received / upload.length),
        )
        return self.show(
            "web/contribute/change_check.html",
            status=status,
            list=hash_list,
            rows=rows,
            upload=facts,
            form=form,
            replaces=said.mode == "replace",
        )


def upload_to(hash_list: HashList, upload_id: str, page: Page) -> Upload:
    """One's own upload to this list. Errors: NotFound `upload.not_found`."""
    nothing = NotFound("There is no such upload.", code="upload.not_found")
    try:
        upload = seen_upload(uuid.UUID(upload_id), page.actor)
    except ValueError:
        raise nothing from None
    if upload.hash_list_id != hash_list.id or upload.person_id != page.actor.person_id:
        raise nothing
    return upload


def _file_fields(hash_list: HashList) -> tuple[Field, ...]:
    kinds = [Option(slug, type_title(slug)) for slug in hash_list.hash_types]
    return (
        file(
            "file",
            gettext_lazy("The file"),
            hint=gettext_lazy(
                "CSV, JSON, JSON Lines or Parquet, also compressed with gzip; or one hash a line. Choose it, "
                "or drop it here. The file's name is not kept."
            ),
            accept=ACCEPTED,
            optional=True,
        ),
        textarea(
            "pasted",
            gettext_lazy("Or paste hashes"),
            hint=gettext_lazy("One a line. They are not shown again on any page."),
            rows=4,
            longest=None,
            optional=True,
        ),
        select(
            "type",
            gettext_lazy("Kind of hashes, if the file does not name it"),
            [Option("", gettext_lazy("The file names it")), *kinds],
            hint=gettext_lazy("A CSV file names its columns in the first line, for example sha256."),
        ),
    )
