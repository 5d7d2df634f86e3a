"""The officers' ceremony: carry out what waits for them, bring their signatures back. Batched, by folder.

(1) `begin` names the officers by their public keys. (2) `export_requests` writes everything that waits into a
folder. (3) Each officer signs on a machine of their own (`officer_sign`, or openssl). (4) `import_signatures`
checks each signature against the rows, never against the folder, and puts into force what enough of them have
signed. Some signatures today and others tomorrow is fine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.db import transaction
from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid
from accounts.identity.acting import Actor, ActorKind
from accounts.identity.roles import Permission
from hashsets.trust import directory, metadata, officers, signed_files
from hashsets.trust.carried import IN_FORCE, REQUESTS, SIGNATURES, place, write_anew
from hashsets.trust.export import export_repository
from hashsets.trust.handover import complete_transfer, end_what_counts_no_more, record_transfer
from hashsets.trust.keys import check_threshold, key_from_pem
from hashsets.trust.metadata import OfficerSet
from hashsets.trust.models import DIRECTORY, AwaitedFile, Repository, RoleName, SignedFile

SUMMARY: Final = "SUMMARY.txt"
_MAX_SIGNATURE_BYTES: Final = 1_024
_SIGNATURE_NAME: Final = re.compile(r"(?P<request>[a-z0-9.]{1,80})\.(?P<keyid>[0-9a-f]{64})\.sig")


@dataclass(frozen=True, slots=True)
class Imported:
    """`accepted` signatures, `refused` files with the reason, repositories put into force, and requests that
    still wait with the number of signatures missing."""

    accepted: int
    refused: tuple[tuple[str, str], ...]
    installed: tuple[str, ...]
    waiting: tuple[tuple[str, int], ...]


def begin(public_pems: Sequence[bytes], *, threshold: int, actor: Actor, now: datetime) -> OfficerSet:
    """Name the officers: for a new exchange, or in place of the present ones, who must sign the change as
    well.

    Errors: Invalid `key.…`, `threshold.out_of_range`; Conflict `ceremony.demo`; NotAllowed
    `permission.missing`.
    """
    _require_officer(actor)
    keys = [key_from_pem(pem) for pem in public_pems]
    check_threshold(keys, threshold)
    chosen = OfficerSet(tuple(keys), threshold)
    if not Repository.objects.filter(id=DIRECTORY).exists():
        with transaction.atomic():
            directory.open_directory(chosen, now=now)
        return chosen
    if officers.officers_in_force().demo:
        raise Conflict(
            "This exchange was made as a demonstration; its root can never be trusted for real work.",
            code="ceremony.demo",
            advice="Set up a fresh exchange without HX_DEMO.",
        )
    for repository_id in _repositories():
        _replace_officers(repository_id, chosen, actor=actor, now=now)
    return chosen


def export_requests(folder: Path, *, actor: Actor, now: datetime) -> list[str]:
    """Write what waits for the officers into `folder`, with a summary to read; return the names of the
    requests.

    Roots and targets that expire soon are added first.
    Errors: Corrupt `ceremony.file` when a folder inside `folder` is a link.
    """
    _require_officer(actor)
    requests, in_force, signatures = (place(folder, name) for name in (REQUESTS, IN_FORCE, SIGNATURES))
    for repository_id in _repositories():
        with transaction.atomic():
            officers.request_renewals(signed_files.lock_repository(repository_id), now=now)
    for written in (requests, in_force):
        _empty(written)
    signatures.mkdir(exist_ok=True)
    names, lines = [], []
    waiting = list(AwaitedFile.objects.of_officers().order_by("repository_id", "role"))
    for awaited, says in zip(waiting, officers.describe_awaited(waiting), strict=True):
        name = _name(awaited)
        write_anew(requests / f"{name}.json", bytes(awaited.signed_part))
        names.append(name)
        lines += [name, *(f"  {line}" for line in says), ""]
    _write_in_force(in_force, {DIRECTORY, *(awaited.repository_id for awaited in waiting)})
    summary = "\n".join(lines) or "Nothing waits for the officers.\n"
    write_anew(folder / SUMMARY, summary.encode())
    with transaction.atomic():
        record(
            Action.CEREMONY_EXPORTED,
            actor=actor,
            subject_type="repository",
            subject_id=DIRECTORY,
            organisation_id=None,
            now=now,
            facts={"requests": len(names)},
        )
    return names


def import_signatures(folder: Path, *, actor: Actor, now: datetime) -> Imported:
    """Check the signatures in `folder` and put into force, and write out, what enough officers have signed.

    Errors: Invalid `ceremony.folder` when there is no such folder, Corrupt `ceremony.file` when it is a link.
    A wrong signature refuses itself only.
    """
    _require_officer(actor)
    signatures = place(folder, SIGNATURES)
    if not signatures.is_dir():
        raise Invalid("There are no signatures in this folder.", code="ceremony.folder")
    given, refused = _read_signatures(signatures)
    installed: list[str] = []
    accepted = 0
    for repository_id in _repositories():
        count, bad, done = _import_into(repository_id, given, actor=actor, now=now)
        accepted += count
        refused += bad
        if done:
            installed.append(repository_id)
    stale = set(given) - {name for name, _ in refused}
    refused += [(name, "nothing waits under this name") for name in sorted(stale)]
    if Repository.objects.filter(id=DIRECTORY, timestamp_version__gte=1).exists():
        directory.refresh_directory(now)
    for repository_id in {*installed, DIRECTORY}:
        export_repository(repository_id, now=now)
    unsigned = AwaitedFile.objects.of_officers().order_by("id")
    waiting = [(_name(row), officers.missing_signatures(row)) for row in unsigned]
    return Imported(accepted, tuple(refused), tuple(installed), tuple(waiting))


def _write_in_force(folder: Path, repository_ids: Collection[str]) -> None:
    """Every root and the newest targets: what officers hold against what they know themselves."""
    roots = SignedFile.objects.filter(repository_id__in=repository_ids, role=RoleName.ROOT)
    targets = signed_files.newest_of_each(repository_ids, RoleName.TARGETS)
    for signed in (*roots, *targets):
        name = f"{signed.repository_id}.{signed.version}.{signed.role}.json"
        write_anew(folder / name, bytes(signed.content))


def _empty(folder: Path) -> None:
    """Requests of an earlier gathering would be taken for what waits now."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        path.unlink()


def _import_into(
    repository_id: str, given: dict[str, dict[str, str]], *, actor: Actor, now: datetime
) -> tuple[int, list[tuple[str, str]], bool]:
    """Signatures of one repository: how many were accepted, which were refused, whether something is in force
    now.
    """
    accepted, refused = 0, []
    with transaction.atomic():
        row = signed_files.lock_repository(repository_id)
        ended = end_what_counts_no_more(repository_id, now=now)
        for awaited in AwaitedFile.objects.of_officers().filter(repository=row):
            offered = given.pop(_name(awaited), {})
            taken = officers.add_signatures(awaited, offered)
            accepted += len(taken)
            refused += [
                (f"{_name(awaited)}.{keyid}.sig", "not a valid signature of an officer")
                for keyid in sorted(set(offered) - taken)
            ]
        done = officers.install(row, now=now)
        if done and repository_id != DIRECTORY:
            complete_transfer(repository_id, actor=actor, now=now)
        if ended is not None:
            record_transfer(Action.LIST_TRANSFER_ENDED, ended, ended.giver_id, actor=actor, now=now)
        if accepted or done:
            record(
                Action.CEREMONY_IMPORTED,
                actor=actor,
                subject_type="repository",
                subject_id=repository_id,
                organisation_id=None,
                now=now,
                facts={"signatures": accepted, "in_force": done},
            )
    return accepted, refused, done


def _replace_officers(repository_id: str, chosen: OfficerSet, *, actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        row = signed_files.lock_repository(repository_id)
        online, targets = _present(row)
        officers.await_root(row, officers=chosen, online=online, now=now)
        officers.await_targets(row, targets, now=now)
        record(
            Action.CEREMONY_ROOT_CREATED,
            actor=actor,
            subject_type="repository",
            subject_id=repository_id,
            organisation_id=None,
            now=now,
            facts={"keyids": [key.keyid for key in chosen.keys], "threshold": chosen.threshold},
        )


def _present(row: Repository) -> tuple[Key, Targets]:
    """The online key and the newest targets of a repository, whether in force or still waiting."""
    waiting = {file.role: bytes(file.signed_part) for file in AwaitedFile.objects.filter(repository=row)}
    if RoleName.ROOT in waiting:
        root = metadata.read_part(waiting[RoleName.ROOT], Root)
    else:
        root = metadata.read(signed_files.newest_bytes(row.id, RoleName.ROOT), Root).signed
    if RoleName.TARGETS in waiting:
        return officers.online_key_of(root), metadata.read_part(waiting[RoleName.TARGETS], Targets)
    targets = metadata.read(signed_files.newest_bytes(row.id, RoleName.TARGETS), Targets).signed
    return officers.online_key_of(root), targets


def _read_signatures(folder: Path) -> tuple[dict[str, dict[str, str]], list[tuple[str, str]]]:
    """Hex signatures by request and key id, and the files that are none."""
    given: dict[str, dict[str, str]] = {}
    refused: list[tuple[str, str]] = []
    for path in sorted(folder.iterdir()):
        match = _SIGNATURE_NAME.fullmatch(path.name)
        if (
            match is None
            or path.is_symlink()
            or not path.is_file()
            or path.stat().st_size > _MAX_SIGNATURE_BYTES
        ):
            refused.append((path.name, "not a signature file"))
            continue
        given.setdefault(match["request"], {})[match["keyid"]] = path.read_bytes().hex()
    return given, refused


def _repositories() -> list[str]:
    """The directory first: who the officers are is decided there."""
    ids = Repository.objects.exclude(id=DIRECTORY).order_by("id").values_list("id", flat=True)
    return [*Repository.objects.filter(id=DIRECTORY).values_list("id", flat=True), *ids]


def _name(awaited: AwaitedFile) -> str:
    return f"{awaited.repository_id}.{awaited.version}.{awaited.role}"


def _require_officer(actor: Actor) -> None:
    """Commands on the exchange's own host act as the system; anybody else needs the right."""
    if actor.kind is not ActorKind.SYSTEM:
        actor.require(Permission.CEREMONY_RUN)
