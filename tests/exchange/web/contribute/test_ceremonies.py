"""The officers' ceremony in the browser: several lists at once, keys that the exchange never sees."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from hashsets.trust import ceremony
from hashsets.trust.models import DIRECTORY, AwaitedFile, Repository
from tests import cast
from tests.exchange.web.contribute.given import own_key, p256, page, sent, signed_with_own, text_of
from tests.exchange.web.stage import signed_in
from tests.hashsets.releases.world import NOW, bare_list
from tests.hashsets.trust.test_ceremony import HOST, Officer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def production(settings: Settings) -> None:
    settings.HX_DEMO = False


@pytest.fixture
def officers(tmp_path: Path) -> list[Officer]:
    return [Officer(tmp_path, "one"), Officer(tmp_path, "two", p256=True)]


@pytest.fixture
def client() -> Client:
    return signed_in(cast.operator(now=NOW).officer.user)


def two_lists(officers: list[Officer]) -> list[str]:
    """Two lists that wait for the officers, as does the directory."""
    pems = [officer.pem.read_bytes() for officer in officers]
    ceremony.begin(pems, threshold=2, actor=HOST, now=NOW)
    crew = cast.harbor(now=NOW)
    key = own_key(crew, p256())
    lists = [bare_list(crew, title=f"List {number}", now=NOW) for number in range(2)]
    for hash_list in lists:
        signed_with_own(crew, hash_list, key)
    return [hash_list.id for hash_list in lists]


def taken_away(client: Client, folder: Path) -> Path:
    """The downloaded file, unpacked on the officers' machine."""
    answer = sent(client, "/ceremonies/export", status=200)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        packed.extractall(folder)
    return folder / "ceremony"


def brought_back(folder: Path) -> dict[str, list[SimpleUploadedFile]]:
    files = sorted((folder / "signatures").iterdir())
    return {"signatures": [SimpleUploadedFile(file.name, file.read_bytes()) for file in files]}


def test_several_lists_are_opened_with_files_carried_to_and_fro(
    client: Client, officers: list[Officer], tmp_path: Path
) -> None:
    lists = two_lists(officers)
    shown = page(client, "/ceremonies")
    for name in (*lists, DIRECTORY):
        assert f"{name}.1.root" in shown
    assert "2 of 2 must sign" in shown
    assert "0 signatures given, 2 missing." in shown
    folder = taken_away(client, tmp_path / "stick")
    assert (
        "publisher" in (folder / "SUMMARY.txt").read_text()
        or lists[0] in (folder / "SUMMARY.txt").read_text()
    )
    officers[0].sign(folder)
    sent(client, "/ceremonies/import", brought_back(folder))
    assert "6 signatures are taken." in (first := page(client, "/ceremonies"))
    assert "1 signatures given, 1 missing." in first
    assert not Repository.objects.filter(timestamp_version__gte=1).exists()
    officers[1].sign(folder)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in (folder / "signatures").glob("*.sig"):
            archive.write(file, f"anywhere/{file.name}")
    sent(client, "/ceremonies/import", {"signatures": SimpleUploadedFile("all.zip", packed.getvalue())})
    done = page(client, "/ceremonies")
    assert "3 repositories are in force." in done
    assert "Nothing waits for the officers." in done
    assert Repository.objects.filter(timestamp_version__gte=1).count() == 3


@pytest.mark.slow
def test_what_is_no_signature_is_refused_by_itself(client: Client, officers: list[Officer]) -> None:
    two_lists(officers)
    wrong = [
        SimpleUploadedFile("../../etc/passwd", b"x" * 64),
        SimpleUploadedFile("<script>.sig", b"x" * 64),
        SimpleUploadedFile(f"directory.1.root.{'0' * 64}.sig", b"x" * 64),
    ]
    sent(client, "/ceremonies/import", {"signatures": wrong})
    shown = page(client, "/ceremonies")
    assert "3 files were refused" in shown
    assert "<script>.sig" not in shown
    assert AwaitedFile.objects.filter(signatures={}).count() == AwaitedFile.objects.count()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "says", "status"),
    [
        ([], "Choose the signature files.", 400),
        ([SimpleUploadedFile("a.zip", b"PK no zip")], "This is not a zip file that can be read.", 400),
        (
            [SimpleUploadedFile("a.sig", b"x" * (17 << 20))],
            "These are too many signature files at once.",
            413,
        ),
    ],
)
def test_what_cannot_be_read_is_said(
    client: Client, officers: list[Officer], files: list[SimpleUploadedFile], says: str, status: int
) -> None:
    two_lists(officers)
    assert says in text_of(sent(client, "/ceremonies/import", {"signatures": files}, status=status))


@pytest.mark.slow
def test_before_there_are_officers_the_page_says_who_names_them(client: Client) -> None:
    assert "None are named yet" in page(client, "/ceremonies")


@pytest.mark.slow
@pytest.mark.parametrize("who", ["admin", "stranger", "exchange-admin"])
def test_ceremonies_are_the_officers_alone(officers: list[Officer], who: str) -> None:
    lists = two_lists(officers)
    people = {
        "admin": cast.harbor(now=NOW).admin.user,
        "stranger": cast.stranger(now=NOW).user,
        "exchange-admin": cast.operator(now=NOW).admin.user,
    }
    other = signed_in(people[who])
    assert lists[1] not in page(other, "/ceremonies", 403)
    sent(other, "/ceremonies/export", status=403)
    sent(other, "/ceremonies/import", status=403)
