"""The officers' ceremony in the browser: what waits, carry it out as one file, bring signatures back.

Several lists at once. The private keys never come here: officers sign away from the exchange, and what they
bring back is checked against the rows.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Final

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from accounts.errors import Conflict, Invalid, TooLarge
from accounts.identity.roles import Permission
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.web.door import Page
from exchange.web.fields import Form, blank, file
from exchange.web.shown import digest, instant, number
from hashsets.trust import ceremony, directory, officers
from hashsets.trust.carried import SIGNATURES
from hashsets.trust.models import AwaitedFile, Repository

PAGE: Final = 25
MOST_FILES: Final = 10_000  # of one import: a signature per officer, file and list
MOST_BYTES: Final = 16 << 20
LONGEST_SIGNATURE: Final = 1_024
SENT: Final = file(
    "signatures",
    gettext_lazy("Signature files"),
    hint=gettext_lazy("The files that end in .sig, or one zip file of them."),
    accept=".sig,.zip",
    multiple=True,
)


@dataclass(frozen=True, slots=True)
class Request:
    """One file that waits for officers; `says` is what signing it promises, as officers will read it."""

    name: str
    says: tuple[str, ...]
    given: str
    missing: str
    since: SafeString


class Ceremonies(Page):
    needs: ClassVar = {"GET": need(Permission.CEREMONY_RUN)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return ceremony_page(self, request, blank(SENT))


class ExportCeremony(Page):
    """Everything that waits, with a summary to read, as one zip file."""

    needs: ClassVar = {"POST": person(Permission.CEREMONY_RUN)}

    def back(self) -> str:
        return reverse("web:ceremonies")

    def post(self, request: HttpRequest) -> HttpResponseBase:
        content = io.BytesIO()
        with TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as place:
            folder = Path(place)
            ceremony.export_requests(folder, actor=self.actor, now=self.now)
            with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
                packed.writestr(f"ceremony/{SIGNATURES}/", b"")
                for path in sorted(folder.rglob("*")):
                    if path.is_file():
                        packed.write(path, f"ceremony/{path.relative_to(folder)}")
        answer = HttpResponse(content.getvalue(), content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="ceremony-{self.now:%Y%m%d-%H%M}.zip"'
        return answer


class ImportCeremony(Page):
    needs: ClassVar = {"POST": person(Permission.CEREMONY_RUN)}

    def back(self) -> str:
        return reverse("web:ceremonies")

    def post(self, request: HttpRequest) -> HttpResponseBase:
        try:
            with TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as place:
                folder = Path(place) / SIGNATURES
                folder.mkdir()
                for name, content in signatures_in(request.FILES.getlist("signatures")):
                    (folder / name).write_bytes(content)
                done = ceremony.import_signatures(Path(place), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            form = blank(SENT).refused(refusal)
            return ceremony_page(self, request, form, status=status_of(refusal).value)
        self._tell(request, done)
        return HttpResponseRedirect(self.back())

    def _tell(self, request: HttpRequest, done: ceremony.Imported) -> None:
        said = ngettext("%(n)s signature is taken.", "%(n)s signatures are taken.", done.accepted)
        messages.success(request, said % {"n": number(done.accepted)})
        if done.installed:
            said = ngettext(
                "%(n)s repository is in force.", "%(n)s repositories are in force.", len(done.installed)
            )
            messages.success(request, said % {"n": number(len(done.installed))})
        if done.refused:
            said = ngettext(
                "%(n)s file was refused: not a valid signature of an officer over what waits.",
                "%(n)s files were refused: not valid signatures of officers over what waits.",
                len(done.refused),
            )
            messages.error(request, said % {"n": number(len(done.refused))}, extra_tags="bad")


def ceremony_page(page: Page, request: HttpRequest, form: Form, *, status: int = 200) -> HttpResponse:
    waiting = AwaitedFile.objects.of_officers()
    rows = page_of(waiting, request, key="created_at", render=_itself, descending=False, size=PAGE)
    missing = officers.missing_of(rows.items)
    says = officers.describe_awaited(rows.items)
    try:
        present = officers.officers_in_force()
    except Conflict:
        present = None
    fingerprint = directory.root_fingerprint()
    return page.show(
        "web/contribute/ceremonies.html",
        status=status,
        page=replace(
            rows,
            items=[
                _request(awaited, missing[awaited.pk], lines)
                for awaited, lines in zip(rows.items, says, strict=True)
            ],
        ),
        waiting=number(waiting.count()),
        unopened=number(Repository.objects.filter(timestamp_version=0).count()),
        officers=present,
        keys=[digest(key.keyid) for key in present.keys] if present else [],
        fingerprint=digest(fingerprint) if fingerprint else None,
        form=form,
    )


def signatures_in(files: list[UploadedFile[bytes]]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the signature files that were sent, those inside zip files included.

    Errors: Invalid `ceremony.none_sent`, `ceremony.zip`; TooLarge `ceremony.too_much`.
    """
    if not files:
        raise Invalid("Choose the signature files.", code="ceremony.none_sent", field="signatures")
    if sum(one.size or 0 for one in files) > MOST_BYTES:
        raise _too_much()
    found = 0
    for one in files:
        for name, content in _unpacked(one):
            found += 1
            if found > MOST_FILES:
                raise _too_much()
            plain = Path(name).name
            # A name that is none of ours is kept under one that the check refuses, and counted there.
            yield (plain if _is_plain(plain) else f"not-ours-{found}"), content


def _unpacked(sent: UploadedFile[bytes]) -> Iterator[tuple[str, bytes]]:
    if not str(sent.name).endswith(".zip"):
        yield str(sent.name), sent.read(LONGEST_SIGNATURE + 1)
        return
    try:
        with zipfile.ZipFile(sent.file or sent) as packed:
            for entry in packed.infolist()[: MOST_FILES + 1]:
                if not entry.is_dir() and entry.filename.endswith(".sig"):
                    with packed.open(entry) as inside:
                        yield entry.filename, inside.read(LONGEST_SIGNATURE + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise Invalid(
            "This is not a zip file that can be read.", code="ceremony.zip", field="signatures"
        ) from None


def _is_plain(name: str) -> bool:
    return name.isascii() and 0 < len(name) <= 160 and all(one.isalnum() or one in "._-" for one in name)


def _itself(awaited: AwaitedFile) -> AwaitedFile:
    return awaited


def _request(awaited: AwaitedFile, missing: int, says: list[str]) -> Request:
    return Request(
        name=f"{awaited.repository_id}.{awaited.version}.{awaited.role}",
        says=tuple(says),
        given=number(len(awaited.signatures)),
        missing=number(missing),
        since=instant(awaited.created_at),
    )


def _too_much() -> TooLarge:
    return TooLarge(
        "These are too many signature files at once.", code="ceremony.too_much", field="signatures"
    )
