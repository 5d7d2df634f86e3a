"""What each claimed endpoint is to be told: read in bulk, a handful of queries for hundreds of endpoints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from exchange.push.inline import DeltaFile, inline_deltas
from exchange.push.notice import Delta, News, Notice, compose
from exchange.sharing.models import Endpoint, EndpointCursor
from hashsets.core.manifest import delta_name
from hashsets.releases.models import Release, TargetFile

LONGEST_CHAIN = 32
"""Beyond this many releases a member takes the snapshot anyway, and adding up deltas would mislead."""


class Owed(NamedTuple):
    """One cursor that is behind, with its list's numbers at the moment of reading."""

    endpoint_id: UUID
    list_id: str
    notified: int
    latest: int
    urgent: int
    replays: int
    inline: bool
    member_id: UUID


_OWED = (
    *("endpoint_id", "hash_list_id", "notified_release"),
    *("hash_list__latest_release", "hash_list__urgent_release", "replays"),
    *("hash_list__inline_delta", "endpoint__organisation_id"),
)


@dataclass(frozen=True, slots=True)
class Published:
    """The newest release of one list, the delta bytes of those before it, and single delta files by their
    base."""

    release: Release
    delta_lengths: Mapping[int, int]
    delta_files: Mapping[int, tuple[DeltaFile, ...]]

    def delta_from(self, base: int) -> Delta | None:
        """How many bytes lead from `base` to the newest release; None when no unbroken chain does."""
        newest = self.release.number
        steps = range(base + 1, newest + 1)
        if base == 0 or len(steps) > LONGEST_CHAIN or not all(self.delta_lengths.get(step) for step in steps):
            return None
        files = self.delta_files.get(base, ())
        return Delta(
            base=base,
            release=newest,
            length=sum(self.delta_lengths[step] for step in steps),
            sha256=files[0].sha256 if len(steps) == 1 and len(files) == 1 else None,
        )

    def single_file(self, base: int) -> DeltaFile | None:
        """The one file that leads from `base` to the newest release, when it is one."""
        files = self.delta_files.get(base, ())
        return files[0] if len(files) == 1 else None


def notices_for(endpoints: Sequence[Endpoint]) -> dict[UUID, Notice]:
    """One notice for each endpoint that is behind on a list; endpoints that are owed nothing are left out."""
    owed = _owed_to(endpoints)
    published = _published(owed)
    inline = inline_deltas(_could_travel(owed, published))
    news: dict[UUID, list[News]] = defaultdict(list)
    for one in owed:
        if (newest := published.get((one.list_id, one.latest))) is not None:
            told = _news(one, newest)
            if told.delta and (carried := inline.get((one.member_id, one.list_id, one.notified))):
                told = replace(told, delta=replace(told.delta, inline=carried))
            news[one.endpoint_id].append(told)
    return {endpoint_id: compose(endpoint_id, told) for endpoint_id, told in news.items()}


def _could_travel(
    owed: Iterable[Owed], published: Mapping[tuple[str, int], Published]
) -> dict[tuple[UUID, str, int], DeltaFile]:
    """By (member, list, base): single delta files of lists whose publisher lets them travel in notices."""
    found = {}
    for one in owed:
        newest = published.get((one.list_id, one.latest)) if one.inline else None
        if newest is not None and (file := newest.single_file(one.notified)) is not None:
            found[one.member_id, one.list_id, one.notified] = file
    return found


def newest_news(endpoint: Endpoint) -> list[News]:
    """What could be told of all lists that `endpoint` follows, owed or not; without deltas."""
    followed = EndpointCursor.objects.allowed().filter(endpoint=endpoint, hash_list__latest_release__gt=0)
    told = [Owed(*row)._replace(notified=0, urgent=0) for row in followed.values_list(*_OWED)]
    published = _published(told)
    found = ((one, published.get((one.list_id, one.latest))) for one in told)
    return [_news(one, newest) for one, newest in found if newest is not None]


def _owed_to(endpoints: Iterable[Endpoint]) -> list[Owed]:
    behind = EndpointCursor.objects.owed().filter(endpoint_id__in=[endpoint.id for endpoint in endpoints])
    return [Owed(*row) for row in behind.values_list(*_OWED)]


def _published(owed: Sequence[Owed]) -> dict[tuple[str, int], Published]:
    """By (list, number): what notices need of the newest releases."""
    newest = {(one.list_id, one.latest) for one in owed}
    if not newest:
        return {}
    lists = {list_id for list_id, _ in newest}
    rows = Release.objects.filter(hash_list_id__in=lists, number__in={number for _, number in newest})
    releases = {(row.hash_list_id, row.number): row for row in rows}
    lengths = _delta_lengths(owed)
    files = _delta_files(newest)
    return {
        key: Published(release, lengths.get(key[0], {}), {key[1] - 1: files.get(key, ())})
        for key, release in releases.items()
        if key in newest
    }


def _delta_lengths(owed: Sequence[Owed]) -> dict[str, dict[int, int]]:
    """Per list the delta bytes of the releases that some endpoint has missed and may still add up."""
    followers = [one for one in owed if one.notified and one.latest - one.notified <= LONGEST_CHAIN]
    lengths: dict[str, dict[int, int]] = defaultdict(dict)
    if followers:
        rows = Release.objects.filter(
            hash_list_id__in={one.list_id for one in followers},
            number__gt=min(one.notified for one in followers),
        )
        for list_id, number, length in rows.values_list("hash_list_id", "number", "delta_length"):
            lengths[list_id][number] = length
    return lengths


def _delta_files(newest: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[DeltaFile, ...]]:
    """The delta files that lead from the release before to each of `newest`."""
    wanted = set(newest)
    files: dict[tuple[str, int], list[DeltaFile]] = defaultdict(list)
    rows = TargetFile.objects.filter(
        hash_list_id__in={list_id for list_id, _ in wanted}, release__in={number for _, number in wanted}
    )
    facts = rows.values_list("hash_list_id", "release", "path", "sha256", "length")
    for list_id, number, path, sha256, length in facts:
        slug = path.removeprefix(f"{list_id}/").partition(".")[0]
        if (list_id, number) in wanted and path == delta_name(list_id, slug, number - 1, number):
            files[list_id, number].append(DeltaFile(list_id, path, sha256, length))
    return {key: tuple(found) for key, found in files.items()}


def _news(one: Owed, newest: Published) -> News:
    release = newest.release
    return News(
        list_id=one.list_id,
        release=release.number,
        urgent=one.urgent > one.notified,
        published_at=release.published_at,
        manifest_sha256=release.manifest_sha256,
        manifest_length=release.manifest_length,
        timestamp_version=release.timestamp_version,
        snapshot_version=release.snapshot_version,
        delta=newest.delta_from(one.notified),
        replays=one.replays,
    )
