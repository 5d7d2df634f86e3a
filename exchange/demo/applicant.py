"""One applicant in the queue of the sample world, by the real verbs: handed in, its domain not proven yet."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from accounts.vetting.apply import answer_question, resume_application, start_application, submit_application
from accounts.vetting.codes import code_digest, new_code
from accounts.vetting.models import Case

EMAIL: Final = "wanda@brightwater.example"
_ANSWERS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("kind", {"kind": "company"}),
    ("name", {"name": "Brightwater Video"}),
    ("jurisdiction", {"jurisdiction": "DE"}),
    ("registration", {"register": "Handelsregister Hamburg", "register_number": "HRB 4711"}),
    ("domain", {"domain": "brightwater.example"}),
    ("contact", {"contact_name": "Wanda Brook", "contact_role": "Trust lead", "phone": "+49 40 555 0199"}),
    ("purpose", {"wanted": "subscribe", "purpose": "We host short videos and want to stop known material."}),
    ("policies", {"terms": "https://brightwater.example/terms", "transparency": ""}),
    ("interests", {"interests": ""}),
)  # fmt: skip


def apply_for_membership(*, now: datetime) -> str:
    """Apply as Brightwater Video; returns the code with which a visitor can come back as the applicant.

    In a real exchange the code is in the applicant's mail alone; the demo prints what its visitor needs.
    """
    case = start_application(email=EMAIL, language="en", now=now)
    code = new_code()
    Case.objects.filter(id=case.id).update(code_digest=code_digest(code))
    resume_application(code, now=now)
    for question, given in _ANSWERS:
        answer_question(case.id, question, given, now=now)
    submit_application(case.id, declared=True, now=now)
    return code
