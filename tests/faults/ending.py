"""What is there when everything has come to rest: read past the exchange, for the rules."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from tests.faults.history import Event
from tests.faults.members import Listener
from tests.faults.rules import Act, End, Held, Published, Row
from tests.stack import Stack

_HEX_64 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def digest_of(hashes: AbstractSet[str]) -> str:
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def ending(
    stack: Stack,
    *,
    listeners: Sequence[Listener],
    content: Mapping[str, AbstractSet[str]],
    leaks: Sequence[str],
) -> End:
    """`content`: what each list must hold by what was sent to it."""
    held = tuple(
        Held(one.name, list_id, *one.state(list_id), digest_of(one.hashes(list_id)))
        for one in listeners
        for list_id in one.lists
    )
    with stack.rows() as ask:
        rows = ask(
            "SELECT s.id, s.note, s.hash_list_id, s.upload_sha256, s.state, s.submitted_by_id, "
            "(SELECT string_agg(a.approver_id::text, ',') FROM hashsets_approval a "
            "WHERE a.submission_id = s.id AND a.void_at IS NULL) FROM hashsets_submission s"
        )
        releases = ask(
            "SELECT hash_list_id, number, submission_id, manifest_sha256, state_root, entries "
            "FROM hashsets_release"
        )
        acts = ask("SELECT number, action, subject_id, digest FROM accounts_auditevent ORDER BY number")
        cursors = ask("SELECT endpoint_id, hash_list_id, notified_release FROM exchange_endpointcursor")
    return End(
        submissions=tuple(_row(row) for row in rows),
        releases=tuple(Published(r[0], r[1], str(r[2]), *r[3:]) for r in releases),
        acts=tuple(Act(*act) for act in acts),
        cursors=tuple((str(endpoint), list_id, number) for endpoint, list_id, number in cursors),
        held=held,
        subscribers=tuple((one.name, list_id) for one in listeners for list_id in one.lists),
        expected={list_id: digest_of(hashes) for list_id, hashes in content.items()},
        broken=tuple(_complaints(stack, content)),
        leaks=tuple(leaks),
    )


def _row(row: tuple[Any, ...]) -> Row:
    id_, note, list_id, sha256, state, submitter, approvers = row
    people = tuple((approvers or "").split(",")) if approvers else ()
    return Row(str(id_), note, list_id, sha256, state, str(submitter), people)


def _complaints(stack: Stack, lists: Iterable[str]) -> Iterable[str]:
    """Of the exchange's own verifiers: the audit chain, and every tenth release recomputed from its files."""
    with stack.rows() as ask:
        newest = dict(ask("SELECT id, latest_release FROM hashsets_hashlist"))
    asked = [["verify_audit"]]
    for list_id in lists:
        numbers = sorted({newest[list_id], *range(1, newest[list_id] + 1, 10)}) if newest[list_id] else []
        asked += [["verify_release", list_id, str(number)] for number in numbers]
    for argv in asked:
        done = stack.manage(*argv, check=False)
        if done.returncode != 0:
            yield f"{' '.join(argv)}: {done.stdout[-300:]}{done.stderr[-300:]}"


def leaks_in(texts: Mapping[str, str], *, secrets: Mapping[str, str], hashes: AbstractSet[str]) -> list[str]:
    """Where something stands that must stand nowhere: `place: whose`, never the thing itself."""
    found = [
        f"{place}: {name}" for place, text in texts.items() for name, it in secrets.items() if it in text
    ]
    for place, text in texts.items():
        if hashes & set(_HEX_64.findall(text.lower())):
            found.append(f"{place}: a hash value")
    return found


def places(stack: Stack, history: Sequence[Event], receivers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """All that is written or said where secrets could be: logs, mail, notices, error pages, addresses."""
    files = [*(stack.var / "log").glob("*.log"), stack.var / "console.log", *(stack.var / "mail").rglob("*")]
    texts = {path.name: _text(path) for path in files if path.is_file()}
    asked = [event.facts for event in history if event.what == "asked"]
    texts["error pages"] = "\n".join(facts["said"] for facts in asked)
    texts["addresses"] = "\n".join(facts["path"] for facts in asked)
    for name, bodies in receivers.items():
        texts[f"notices to {name}"] = "\n".join(bodies)
    return texts


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
