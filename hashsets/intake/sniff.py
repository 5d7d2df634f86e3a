"""Tells media, documents, programs and archives from text by their first bytes. Pure.

The exchange holds hashes and never content: whatever looks like content is refused while it arrives, before
any of it is kept. Every format that a reader knows passes here and is judged by that reader.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from accounts.errors import Unsupported
from hashsets.intake.readers import gzip
from hashsets.intake.readers.parquet import MAGIC as PARQUET
from hashsets.intake.readers.utf16 import MARKS

SNIFFED: Final = 4096  # bytes of the beginning that are looked at

# Offset, first bytes, what it is. Sources: the formats' own specifications.
_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\x00", "a TIFF image"),
    (0, b"MM\x00*", "a TIFF image"),
    (0, b"8BPS", "a Photoshop image"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"RIFF", "an image, a sound or a video"),
    (0, b"FORM", "an image or a sound"),
    (4, b"ftyp", "a video or an image"),
    (4, b"moov", "a video"),
    (4, b"mdat", "a video"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (0, b"\x00\x00\x01\xba", "an MPEG video"),
    (0, b"\x00\x00\x01\xb3", "an MPEG video"),
    (0, b"FLV\x01", "a Flash video"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"fLaC", "a FLAC sound"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"\xff\xfb", "an MP3 sound"),
    (0, b"\xff\xf1", "an AAC sound"),
    (0, b"#!AMR", "an AMR sound"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"{\\rtf", "an RTF document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (0, b"PK\x03\x04", "a ZIP archive or an Office document"),
    (0, b"PK\x05\x06", "a ZIP archive"),
    (0, b"PK\x07\x08", "a ZIP archive"),
    (0, b"\x1f\x9d", "a compress archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"(\xb5/\xfd", "a Zstandard archive"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"MSCF\x00", "a cabinet archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"!<arch>\n", "an archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\xfe\xed\xfa", "a program"),
    (0, b"\x00asm", "a program"),
    (0, b"#!/", "a program"),
    (0, b"SQLite format 3\x00", "a database"),
    (0, b"ARROW1", "an Arrow file"),
)
_BITMAP: Final = re.compile(rb"BM.{4}\x00{4}", re.DOTALL)
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|!--|html|svg|[a-z]+[ >:])", re.IGNORECASE
)
_MEDIA_TYPES: Final = re.compile(r"\s*(?:image|video|audio|font|model|message)/", re.IGNORECASE)


def require_no_media(media_type: str | None) -> None:
    """Refuse what its sender calls an image, a video or a sound. Errors: Unsupported `upload.media`."""
    if media_type is not None and _MEDIA_TYPES.match(media_type):
        _refuse_media("media")


def require_list(chunk: bytes, head: bytes, *, beginning: bool = True) -> None:
    """Refuse what cannot be a list: `head` is the beginning of the upload so far, `chunk` the piece at hand,
    which may be part of the `beginning`.

    Text passes, and so do Parquet and gzip whose content begins like a list; their readers judge the rest.
    Errors: Unsupported `upload.media`, `upload.binary`.
    """
    if head.startswith(gzip.MAGIC):
        if beginning:
            _require_list_within(head)
        return
    what = what_is(head)
    if what is not None:
        _refuse_media(what)
    if head.startswith((PARQUET, *MARKS)):
        return
    # No text that is read here has a zero byte, and hardly any other format does without.
    if b"\x00" in chunk:
        raise Unsupported(
            "The upload is not text: it holds zero bytes.",
            code="upload.binary",
            advice="Export the list as CSV in UTF-8 and send that.",
        )


def _require_list_within(head: bytes) -> None:
    """Errors: Unsupported `upload.media`, `upload.binary`."""
    inner = gzip.beginning(head, SNIFFED)
    if inner is None or inner.startswith(gzip.MAGIC):
        raise Unsupported(
            "The upload is a gzip archive that is damaged, or holds another archive.",
            code="upload.binary",
            advice="Compress the list itself, once, or send it without compression.",
        )
    require_list(inner, inner)


def what_is(head: bytes) -> str | None:
    """What a file that begins with `head` is, when it is something that cannot be a list of hashes."""
    for offset, magic, what in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return what
    if _BITMAP.match(head):
        return "a bitmap image"
    # MPEG transport streams repeat 0x47 every 188 bytes.
    if head[:1] == b"G" and len(head) > 376 and head[188:189] == head[376:377] == b"G":
        return "an MPEG video"
    if _MARKUP.match(head[:256]):
        return "a web page, a drawing or XML"
    return None


def _refuse_media(what: str) -> NoReturn:
    raise Unsupported(
        f"The upload is {what}. Only lists of hashes are taken here; nothing of the upload was kept.",
        code="upload.media",
        advice="Never send content. Compute the hashes where the content is, and send those as CSV.",
    )
