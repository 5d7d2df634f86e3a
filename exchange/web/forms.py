"""Reads forms as people send them. What they mean is for the verbs to check."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from accounts.errors import Invalid


@dataclass(frozen=True, slots=True)
class SubmissionForm:
    """A new submission as it was filled in; kept to show it again when something is missing."""

    mode: str = "add"
    urgent: bool = False
    note: str = ""


def text(request: HttpRequest, name: str) -> str:
    """One field; a field sent twice counts once, and a file under its name not at all."""
    return str(request.POST.get(name, ""))


def submission_form(request: HttpRequest) -> SubmissionForm:
    return SubmissionForm(
        mode=text(request, "mode"), urgent=text(request, "urgent") == "yes", note=text(request, "note")
    )


def uploaded(request: HttpRequest) -> UploadedFile[bytes]:
    """Errors: Invalid `submission.file` when no file was chosen."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise Invalid(
            "Choose a file.",
            code="submission.file",
            field="file",
            advice="It is a CSV file whose first line names the columns.",
        )
    return file
