"""Opening repositories, drawing versions, checking signatures, signing online, renewing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from tuf.api.metadata import Snapshot, Targets

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Corrupt, Invalid, Refusal, TooLarge, Unsupported
from accounts.signing_keys.models import Custody, SigningKeyStatus
from hashsets.trust import keys, lifetimes, list_role, metadata, online, repository
from hashsets.trust.export import export_repository
from hashsets.trust.list_role import TargetFacts
from hashsets.trust.models import Repository, SignedFile
from hashsets.trust.resign import due_repositories, overdue_repositories, resign_repository
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member

pytestmark = pytest.mark.django_db

FACTS = TargetFacts(1, "0" * 64)


def test_opening_a_repository_twice_changes_nothing() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    before = list(SignedFile.objects.filter(repository_id=hash_list.id).values_list("sha256", flat=True))
    other = publishing.own_key(harbor)
    repository.open_repository(hash_list, publisher_keys=[other.row], threshold=1, now=publishing.now())
    after = list(SignedFile.objects.filter(repository_id=hash_list.id).values_list("sha256", flat=True))
    assert after == before
    assert AuditEvent.objects.filter(action="repository.opened").count() == 1


def test_a_rule_that_nobody_could_rely_on_is_refused() -> None:
    harbor, northland = cast.harbor(), cast.northland()
    hash_list = publishing.new_list(harbor)
    one, two = publishing.own_key(harbor).row, publishing.own_key(harbor).row
    foreign = publishing.own_key(northland).row
    pending, hosted = publishing.own_key(harbor).row, publishing.own_key(harbor).row
    pending.status, hosted.custody = SigningKeyStatus.PENDING, Custody.HOSTED
    cases: list[tuple[list[Any], int, str]] = [
        ([], 1, "threshold.out_of_range"),
        ([one], 2, "threshold.out_of_range"),
        ([one], 0, "threshold.out_of_range"),
        ([one, one], 2, "key.repeated"),
        ([one, foreign], 1, "key.other_organisation"),
        ([one, pending], 1, "key.not_active"),
        ([one, hosted], 2, "key.hosted_alone"),
        ([two] + [publishing.own_key(harbor).row for _ in range(keys.MAX_KEYS)], 1, "key.too_many"),
    ]
    for chosen, threshold, code in cases:
        with pytest.raises(Invalid) as refusal:
            repository.open_repository(
                hash_list, publisher_keys=chosen, threshold=threshold, now=publishing.now()
            )
        assert refusal.value.code == code
    assert not Repository.objects.filter(id=hash_list.id).exists()


def test_one_key_under_two_ids_does_not_count_twice() -> None:
    key = publishing.own_key(cast.harbor(), scheme="ecdsa-sha2-nistp256").row
    for change in ({"keyid": "f" * 64}, {"public": key.public + "\n"}, {"scheme": "ecdsa-sha2-nistp384"}):
        fields = {"keyid": key.keyid, "keytype": key.keytype, "scheme": key.scheme, "public": key.public}
        with pytest.raises((Invalid, Unsupported)):
            keys.key_of(**(fields | change))


def test_a_version_is_never_given_out_twice() -> None:
    harbor = cast.harbor()
    hash_list = publishing.open_list(harbor, [publishing.own_key(harbor)])
    drawn = []
    for _ in range(5):
        with transaction.atomic():
            drawn.append(repository.draw_list_version(hash_list.id))
    assert drawn == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "path",
    [
        "manifest.json",
        "/manifest.json",
        "{id}/../x",
        "{id}/a/b",
        "other/manifest.json",
        "{id}/",
        "{id}/.x",
        "{id}/A",
    ],
)
def test_a_list_names_only_its_own_files(path: str) -> None:
    list_id = "a" * 26
    with pytest.raises(Invalid) as refusal:
        list_role.prepare(
            list_id,
            version=1,
            expires=list_role.expiry(publishing.now()),
            targets={path.format(id=list_id): FACTS},
        )
    assert refusal.value.code == "target.path"


def test_a_list_that_clients_could_not_read_is_refused() -> None:
    many = {f"a/{number:08x}-{'x' * 100}.parquet": FACTS for number in range(20_000)}
    with pytest.raises(TooLarge):
        list_role.prepare("a", version=1, expires=list_role.expiry(publishing.now()), targets=many)


def test_only_valid_signatures_of_entitled_keys_count() -> None:
    harbor = cast.harbor()
    ours = [publishing.own_key(harbor), publishing.own_key(harbor, scheme="ecdsa-sha2-nistp256")]
    stranger = publishing.own_key(cast.northland())
    hash_list = publishing.open_list(harbor, ours, threshold=2)
    part = publishing.draft(hash_list, {"manifest.json": b"1"})
    delegation = repository.delegation_bytes(hash_list.id)
    good = {key.row.keyid: key.sign(part) for key in ours}
    assert list_role.valid_signatures(delegation, part, good) == set(good)
    assert list_role.threshold(delegation) == 2
    first, second = (key.row.keyid for key in ours)
    bad: list[dict[str, str]] = [
        {},
        {stranger.row.keyid: stranger.sign(part)},
        {first: ours[0].sign(part + b" ")},
        {first: good[second]},
        {second: good[first]},
        {first: "", second: "zz"},
        {first: "é", second: "00" * 5_000},
        {"": good[first], "x" * 10_000: good[first]},
    ]
    for signatures in bad:
        assert list_role.valid_signatures(delegation, part, signatures) == set()


def test_a_list_version_below_its_threshold_is_not_published() -> None:
    harbor = cast.harbor()
    both = [publishing.own_key(harbor), publishing.own_key(harbor)]
    hash_list = publishing.open_list(harbor, both, threshold=2)
    part = publishing.draft(hash_list, {"manifest.json": b"1"})
    with pytest.raises(Conflict) as refusal:
        publishing.commit(hash_list, publishing.sign(part, both[:1]))
    assert refusal.value.code == "list.threshold_not_met"
    assert not SignedFile.objects.filter(repository_id=hash_list.id, role="list").exists()


def test_a_key_that_was_taken_out_publishes_nothing_new(member: Member) -> None:
    """Even though the delegation that names it is still in force for what is published."""
    harbor = cast.harbor()
    old, new = publishing.own_key(harbor), publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [old])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [old])
    repository.delegate(hash_list, publisher_keys=[new.row], threshold=1, now=publishing.now())
    with pytest.raises(Conflict) as refusal:
        publishing.publish(hash_list, {"manifest.json": b"2"}, [old])
    assert refusal.value.code == "list.threshold_not_met"
    resign_repository(hash_list.id, now=publishing.now())
    assert member.fetch(hash_list.id) == b"1"
    # Revocation: the remaining key signs the same content as the next version, and both take effect at once.
    publishing.publish(hash_list, {"manifest.json": b"1"}, [new])
    assert member.fetch(hash_list.id) == b"1"
    newest = SignedFile.objects.filter(repository_id=hash_list.id, role="snapshot").order_by("-version")[0]
    named = metadata.read(bytes(newest.content), Snapshot).signed.meta
    assert {name: facts.version for name, facts in named.items()} == {"targets.json": 2, "list.json": 3}


def test_a_list_version_that_was_not_drawn_or_is_not_newer_is_refused() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    first = publishing.sign(publishing.draft(hash_list, {"manifest.json": b"1"}), [key])
    second = publishing.sign(publishing.draft(hash_list, {"manifest.json": b"2"}), [key])
    publishing.commit(hash_list, second)
    invented = list_role.prepare(
        hash_list.id, version=9, expires=list_role.expiry(publishing.now()), targets={}
    )
    for content in (first, second, publishing.sign(invented, [key])):
        with pytest.raises(Conflict) as refusal:
            publishing.commit(hash_list, content)
        assert refusal.value.code == "list.version"


def test_a_publishers_keys_cannot_reach_into_another_list() -> None:
    """One publisher, two lists, the same key: a list version of one is not published as the other's."""
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    first, second = publishing.open_list(harbor, [key]), publishing.open_list(harbor, [key])
    for hash_list in (first, second):
        publishing.draft(hash_list, {"manifest.json": b"1"})
    foreign = publishing.sign(publishing.draft(second, {"manifest.json": b"2"}), [key])
    with transaction.atomic():
        repository.draw_list_version(first.id)
    with pytest.raises(Corrupt) as refusal:
        publishing.commit(first, foreign)
    assert refusal.value.code == "target.path"


def test_an_expired_list_version_is_not_published() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    part = publishing.draft(hash_list, {"manifest.json": b"1"}, at=publishing.ago(days=401))
    with pytest.raises(Conflict) as refusal:
        publishing.commit(hash_list, publishing.sign(part, [key]))
    assert refusal.value.code == "list.expired"


@pytest.mark.django_db(transaction=True)
def test_versions_are_given_out_inside_a_transaction_only() -> None:
    harbor = cast.harbor()
    hash_list = publishing.open_list(harbor, [publishing.own_key(harbor)])
    row = Repository.objects.get(id=hash_list.id)
    with pytest.raises(RuntimeError):
        online.sign_online(row, list_bytes=None, now=publishing.now())
    with pytest.raises(RuntimeError):
        repository.draw_list_version(hash_list.id)


@pytest.mark.django_db(transaction=True)
def test_eight_processes_at_once_give_out_every_version_once(blobs: Path, tmp_path: Path) -> None:
    """Signing, drawing and writing out, all at the same time: no gap in the timestamps, the newest one
    served.
    """
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    failures: list[BaseException] = []
    drawn: list[int] = []

    def work() -> None:
        try:
            for _ in range(4):
                resign_repository(hash_list.id, now=publishing.now())
                with transaction.atomic():
                    drawn.append(repository.draw_list_version(hash_list.id))
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(drawn) == list(range(2, 34))
    export_repository(hash_list.id, now=publishing.now())
    rows = SignedFile.objects.filter(repository_id=hash_list.id, role="timestamp").order_by("version")
    assert [row.version for row in rows] == list(range(1, 35))
    served_now = publishing.metadata_path(hash_list.id, "timestamp.json").read_bytes()
    assert served_now == bytes(rows.reverse()[0].content)
    with publishing.served(blobs) as address:
        assert Member(address, tmp_path / "fresh").fetch(hash_list.id) == b"1"


def test_the_same_part_and_signatures_give_the_same_bytes() -> None:
    harbor = cast.harbor()
    one, two = publishing.own_key(harbor), publishing.own_key(harbor, scheme="ecdsa-sha2-nistp256")
    hash_list = publishing.open_list(harbor, [one, two])
    part = publishing.draft(hash_list, {"manifest.json": b"1", "b.parquet": b"2"})
    signatures = {key.row.keyid: key.sign(part) for key in (one, two)}
    backwards = dict(reversed(signatures.items()))
    assert list_role.assemble(part, signatures) == list_role.assemble(part, backwards)
    assert metadata.read(list_role.assemble(part, {}), Targets).signed_bytes == part
    for other in (part + b" ", part.replace(b'"version":1', b'"version": 1'), b"{}", b"", b"\xff"):
        with pytest.raises(Corrupt):
            list_role.assemble(other, signatures)


def test_timestamps_are_renewed_every_six_hours_and_snapshots_at_half_life(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    at = publishing.ago(days=4)
    hash_list = publishing.open_list(harbor, [key], at=at)
    first = publishing.publish(hash_list, {"manifest.json": b"1"}, [key], at=at)
    assert hash_list.id not in due_repositories(at + timedelta(hours=5), 10)
    assert hash_list.id in due_repositories(at + lifetimes.RESIGN_EVERY, 10)
    assert hash_list.id in overdue_repositories(at + timedelta(hours=13))
    soon = resign_repository(hash_list.id, now=at + timedelta(hours=6))
    assert (soon.snapshot_version, soon.timestamp_version) == (
        first.snapshot_version,
        first.timestamp_version + 1,
    )
    late = resign_repository(hash_list.id, now=publishing.now())
    assert late.snapshot_version == first.snapshot_version + 1
    assert hash_list.id not in overdue_repositories(publishing.now())
    assert member.fetch(hash_list.id) == b"1"


def test_the_demos_officer_renews_roots_by_itself(new_member: Callable[[str], Member]) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    at = publishing.ago(days=300)
    hash_list = publishing.open_list(harbor, [key], at=at)
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key], at=at)
    done = resign_repository(hash_list.id, now=publishing.now())
    assert (done.root_version, done.targets_version) == (2, 2)
    assert new_member("fresh").fetch(hash_list.id) == b"1"


def test_one_broken_repository_does_not_keep_the_others_waiting() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key], at=publishing.ago(hours=7))
    publishing.private_keys_of(hash_list.id).update(sealed="k1:broken")
    at = publishing.now()
    with pytest.raises(Refusal):
        resign_repository(hash_list.id, now=at)
    assert hash_list.id not in due_repositories(at, 10)
    assert hash_list.id in due_repositories(at + timedelta(minutes=6), 10)


def test_a_publisher_whose_name_no_terminal_should_see_is_refused() -> None:
    facts = metadata.PublisherFacts("Harbor", "ngo", "CA", "own")
    for name in ("Har\x1b[2Jbor", "Har\nbor", "Har\u202ebor", "Har\u2028bor", "\x00"):
        with pytest.raises(Invalid) as refusal:
            metadata.targets_part(
                version=1,
                expires=publishing.now(),
                role="list",
                paths=["a/*"],
                keys=[],
                threshold=1,
                publisher=replace(facts, name=name),
            )
        assert refusal.value.code == "publisher.unprintable"
