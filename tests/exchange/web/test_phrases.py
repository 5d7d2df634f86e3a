"""What the rooms below say in English has a sentence that can be translated, and the same one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exchange.web.phrases import PROBLEMS, REFUSALS
from hashsets.core.reasons import REASONS
from hashsets.intake import problem_log

_ROOT = Path(__file__).resolve().parents[3]
# What a person at these pages can meet: the verbs that pages call, and the outcomes that a check stores.
_HEARD = (
    *(
        f"hashsets/intake/{name}.py"
        for name in (
            *("models", "quota", "receive", "sniff", "withdraw", "validate", "stage"),
            *("uploads", "whole", "emergency", "quarantine", "benign"),
        )
    ),
    "hashsets/intake/decode.py",
    "hashsets/intake/readers",
    "hashsets/releases/approve.py",
    "hashsets/releases/sign.py",
    "hashsets/releases/agree.py",
    *(f"hashsets/lists/{name}.py" for name in ("models", "change", "define", "statements")),
    *(f"hashsets/trust/{name}.py" for name in ("custody", "transfer", "renewal", "ceremony", "keys")),
    "accounts/signing_keys",
    "accounts/wording.py",
    "accounts/identity/jurisdictions.py",
    "accounts/identity/acting.py",
    "accounts/vetting",
    "accounts/standing",
    "accounts/domains",
    "accounts/membership/agreements.py",
    "accounts/membership/duty_contacts.py",
    "accounts/membership/confirm.py",
    "accounts/dual_control",
    "accounts/factors/forget.py",
    "exchange/sharing/part.py",
    "exchange/web",
    "exchange/http/pages.py",
    "exchange/sharing/coverage.py",
    *(f"exchange/sharing/{name}.py" for name in ("subscribe", "policy", "endpoints", "replay")),
    *(f"exchange/push/{name}.py" for name in ("challenge", "by_hand", "models")),
    *(f"accounts/credentials/{name}.py" for name in ("issue", "networks")),
    "exchange/access",
    "hashsets/lists/audience.py",
    "hashsets/core/policy.py",
)
# Said to programs, to the operator, or turned into another page before anybody reads it.
_UNHEARD = {
    "reset.mailbox",
    "proposal.people_first",
    "factor.people_first",
    "exemption.by_staff",
    "list.sandbox",
    "list.released",
    "upload.checksum",
    "submission.repeated_otherwise",
    "actor.no_organisation",
    "identifier.malformed",
    "staged.damaged",
    "organisation.not_chosen",
    "specimen.whole",
    "specimen.wrong",
}


@dataclass(frozen=True, slots=True)
class Said:
    code: str
    where: str


def said() -> Iterator[Said]:
    """Every refusal that is spelled out in those modules."""
    for place in _HEARD:
        path = _ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call):
                    words = {word.arg: word.value for word in node.keywords}
                    code = _text(words.get("code"))
                    if code and "." in code:
                        yield Said(code, f"{file.name}:{node.lineno}")


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def test_every_refusal_that_people_can_meet_has_a_sentence_to_translate() -> None:
    missing = {f"{one.code} ({one.where})" for one in said() if one.code not in REFUSALS.keys() | _UNHEARD}
    assert missing == set()


def test_every_problem_of_a_line_has_the_sentence_that_the_check_uses() -> None:
    kept = {reason.code: reason for reason in (*REASONS, *problem_log._OWN) if reason.code != "none"}
    told = {code: (phrase.message, phrase.advice) for code, phrase in PROBLEMS.items()}
    said_below = {code: (reason.sentence, reason.advice) for code, reason in kept.items()}
    assert {code: words for code, words in said_below.items() if told.get(code) != words} == {}
