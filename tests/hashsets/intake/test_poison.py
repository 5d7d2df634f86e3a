"""Poisoned entries are refused or set aside; good ones are never bothered."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from accounts.errors import NotAllowed, Refusal
from accounts.identity.acting import Actor
from hashsets.core.hashtypes import hash_type
from hashsets.core.pdq import pdq_of_luminance
from hashsets.intake.benign import add_benign_hashes, write_public_corpus
from hashsets.intake.quarantine import decide_quarantine
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from tests import cast
from tests.hashsets.intake.given import md5, sha256, staged
from tests.hashsets.lists.given import a_list

pytestmark = pytest.mark.django_db

chance = np.random.default_rng(20_260_115)


@pytest.fixture
def harbor() -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def photograph() -> Any:
    """A picture whose spectrum falls with frequency as those of photographs do."""
    side = 96
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    frequency[0, 0] = 1
    waves = chance.normal(size=(side, side)) + 1j * chance.normal(size=(side, side))
    picture = np.fft.ifft2(waves / frequency).real
    return 255 * (picture - picture.min()) / np.ptp(picture)


def pdq(picture: Any) -> tuple[str, int]:
    found = pdq_of_luminance(picture)
    return found.raw.hex(), found.quality


def page(*, border: int) -> Any:
    picture = np.full((256, 256), 255.0)
    if border:
        picture[:border] = picture[-border:] = picture[:, :border] = picture[:, -border:] = 0
    return picture


def few_bits_off(raw: str, bits: int) -> str:
    octets = np.frombuffer(bytes.fromhex(raw), np.uint8)
    flipped = np.unpackbits(octets)
    flipped[chance.choice(256, bits, replace=False)] ^= 1
    return np.packbits(flipped).tobytes().hex()


def poisoned(logo: str) -> list[tuple[str, str, int | str]]:
    """Forty entries that no list should have: type, hash, quality."""
    trivial = (b"", b"\n", b"\0", b" ", b"{}", b"null", b"test", bytes(512), bytes(4096), b"\xff" * 512)
    rows: list[tuple[str, str, int | str]] = []
    for content in trivial:
        rows.append(("sha256", hashlib.sha256(content).hexdigest(), ""))
        rows.append(("md5", hashlib.md5(content, usedforsecurity=False).hexdigest(), ""))
    for kind, width in (("sha256", 32), ("md5", 16), ("pdq", 32)):
        rows += [(kind, octet * width, "") for octet in ("00", "ff", "ab")]
    rows += [("pdq", "f" * 60 + "0000", 100), ("pdq", "0" * 50 + "f" * 14, 100), ("pdq", "ffff0000" * 8, 100)]
    rows += [("pdq", pdq(photograph())[0], quality) for quality in (0, 30, 49)]
    rows.append(("pdq", logo, 100))
    rows.append(("pdq", few_bits_off(logo, 31), 100))
    rows += [("sha256", sha256(1_000_001), ""), ("md5", md5(1_000_001), ""), ("md5", md5(1_000_002), "")]
    return rows


def sheet_of(rows: list[tuple[str, str, int | str]]) -> str:
    return "type,hash,quality\n" + "".join(f"{kind},{value},{quality}\n" for kind, value, quality in rows)


def test_forty_poisoned_entries_are_caught_and_a_thousand_good_ones_pass(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    logo = pdq(photograph())[0]
    write_public_corpus(
        {
            "md5": [bytes.fromhex(md5(1_000_001))],
            "sha256": [bytes.fromhex(sha256(n)) for n in range(1_000_001, 1_000_100)],
        }
    )
    owner = cast.lumen().contributor.actor
    add_benign_hashes(
        io.BytesIO(f"type,hash\npdq,{logo}\nmd5,{md5(1_000_002)}\n".encode()), actor=owner, now=cast.NOW
    )
    bad = poisoned(logo)
    assert len(bad) == len(set(bad)) == 40
    pictures = [pdq(photograph()) for _ in range(300)]
    good: list[tuple[str, str, int | str]] = [("pdq", raw, quality) for raw, quality in pictures]
    good += [("sha256", sha256(n), "") for n in range(400)] + [("md5", md5(n), "") for n in range(300)]
    caught = staged(harbor, hash_list, sheet_of(bad))
    assert (caught.rows, caught.problems, caught.adds) == (40, 40, 0)
    mixed = staged(harbor, hash_list, sheet_of(good + bad))
    assert (mixed.adds, mixed.problems) == (1_000, 40)
    assert mixed.set_aside["hash.benign"] == 5


def test_a_blank_page_and_one_with_a_border_are_set_aside(harbor: cast.Crew, hash_list: HashList) -> None:
    # The hash of a blank page is rounding noise, another one on every kind of processor: its quality tells.
    rows = [("pdq", *pdq(page(border=border))) for border in (0, 2, 6)]
    submission = staged(harbor, hash_list, sheet_of(list(rows)))
    assert (submission.rows, submission.problems, submission.adds) == (3, 3, 0)


def test_a_person_may_let_in_what_is_known_as_innocent(harbor: cast.Crew, hash_list: HashList) -> None:
    write_public_corpus({"md5": [bytes.fromhex(md5(1))]})
    submission = staged(harbor, hash_list, f"{md5(1)}\n{md5(2)}\n")
    assert (submission.adds, submission.set_aside) == (1, {"hash.benign": 1})
    decide_quarantine(
        submission.id,
        accept=True,
        codes=(),
        reason="It is no logo.",
        actor=harbor.approver.actor,
        now=cast.NOW,
    )
    validate_submission(submission.id, now=cast.NOW)
    submission.refresh_from_db()
    assert (submission.adds, submission.set_aside) == (2, {})


def test_members_add_to_what_they_added_before(harbor: cast.Crew) -> None:
    actor = harbor.contributor.actor

    def add(text: str, by: Actor = actor, **more: Any) -> dict[str, int]:
        return add_benign_hashes(io.BytesIO(text.encode()), actor=by, now=cast.NOW, **more)

    assert add(f"md5\n{md5(1)}\n{md5(2)}\n") == {"md5": 2}
    assert add(f"md5,sha256\n{md5(2)},{sha256(1)}\n{md5(3)},\n") == {"md5": 3, "sha256": 1}
    assert add(f"{hash_type('pdq').examples[0]}\n", stated_type="pdq") == {"pdq": 1}
    with pytest.raises(NotAllowed):
        add(f"md5\n{md5(1)}\n", by=harbor.viewer.actor)
    for text, code in (("md5\nnonsense\n", "benign.unreadable"), ("colour\n", "csv.column_unknown")):
        with pytest.raises(Refusal) as refusal:
            add(text)
        assert refusal.value.code == code


def test_the_public_collection_is_read_from_its_package(tmp_path: Any) -> None:
    pytest.importorskip("pymispwarninglists")
    call_command("load_benign")
    sizes = {path.stem: path.stat().st_size for path in (tmp_path / "benign").glob("*.hashes")}
    assert sizes["sha256"] % 32 == sizes["md5"] % 16 == 0
    assert sizes["sha256"] // 32 > 50_000
