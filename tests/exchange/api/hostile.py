"""The hostile corpus: requests that somebody would send to see what breaks, each with the one right answer.

Written by hand because fuzzing the OpenAPI description finds none of these: what breaks a server lies between
the lines of its description. `{list}` and `{submission}` in an address stand for real identifiers of
the stage.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

JSON = "application/json"
DEEP = b'{"list_id": ' + b"[" * 1_000 + b"]" * 1_000 + b"}"
LONG = "a" * 5_000
LIST: dict[str, Any] = {
    "title": "T",
    "jurisdiction": "CA",
    "legal_basis": "Act",
    "purpose": "Test",
    "hash_types": ["sha256"],
}
CONFIRMATION: dict[str, Any] = {
    "release": 1,
    "state_root": "0" * 64,
    "hash_types": ["sha256"],
    "applied_at": "2026-01-15T09:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request and the status that it deserves. `code` is asserted when it says more than the status."""

    name: str
    method: str
    path: str
    status: int
    code: str = ""
    body: bytes = b""
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    who: str = "member"  # member, publisher, person (Harbor's admin, just stepped up) or nobody


def corpus() -> Iterator[Hostile]:
    return chain(
        _bodies(),
        _fields_of_lists(),
        _fields_of_members(),
        _fields_of_publishers(),
        _cursors(),
        _addresses(),
        _tuf(),
        _ranges(),
        _authorizations(),
        _media_types(),
        _methods(),
        _headers(),
        _uploads(),
    )


def _bodies() -> Iterator[Hostile]:
    """JSON that parsers read differently, or not at all."""
    raw: dict[str, tuple[bytes, int, str]] = {
        "NUL as an escape": (b'{"list_id": "\\u0000"}', 400, "request.malformed"),
        "NUL as a byte": (b'{"list_id": "\x00"}', 400, "request.malformed"),
        "NUL in a key": (b'{"list\\u0000_id": "x"}', 400, "request.malformed"),
        "a lone surrogate": (b'{"list_id": "\\ud800"}', 400, "request.malformed"),
        "a lone low surrogate": (b'{"list_id": "\\udfff"}', 400, "request.malformed"),
        "a surrogate in UTF-8": (b'{"list_id": "\xed\xa0\x80"}', 400, "request.malformed"),
        "nested 1,000 deep": (DEEP, 400, "request.malformed"),
        "nested 100,000 deep": (b"[" * 100_000, 400, "request.malformed"),
        "nested objects": (b'{"a":' * 500 + b"1" + b"}" * 500, 400, "request.malformed"),
        "a key twice": (b'{"list_id": "a", "list_id": "b"}', 400, "request.malformed"),
        "a key twice inside": (b'{"list_id": {"a": 1, "a": 2}}', 400, "request.malformed"),
        "NaN": (b'{"list_id": NaN}', 400, "request.malformed"),
        "Infinity": (b'{"list_id": -Infinity}', 400, "request.malformed"),
        "a number of 5,000 digits": (b'{"list_id": ' + b"9" * 5_000 + b"}", 400, "request.malformed"),
        "a float beyond range": (b'{"list_id": 1e999}', 404, "list.not_found"),
        "UTF-16": ('{"list_id": "x"}'.encode("utf-16"), 400, "request.malformed"),
        "Latin-1": (b'{"list_id": "\xe9"}', 400, "request.malformed"),
        "a byte order mark": (b'\xef\xbb\xbf{"list_id": "x"}', 400, "request.malformed"),
        "a comment": (b'{"list_id": "x"} // no', 400, "request.malformed"),
        "two documents": (b'{"list_id": "x"}{"list_id": "y"}', 400, "request.malformed"),
        "single quotes": (b"{'list_id': 'x'}", 400, "request.malformed"),
        "cut off": (b'{"list_id": "x', 400, "request.malformed"),
        "an array": (b'[{"list_id": "x"}]', 400, "request.not_an_object"),
        "a string": (b'"list_id"', 400, "request.not_an_object"),
        "null": (b"null", 400, "request.not_an_object"),
        "nothing": (b"", 400, "request.invalid"),
        "more than a mebibyte": (
            b'{"list_id": "' + b"a" * (1 << 20) + b'"}',
            413,
            "request.too_large",
        ),
        "an unknown field": (b'{"list_id": "x", "admin": true}', 400, "request.unknown_field"),
        "a prototype": (b'{"__proto__": {"admin": true}}', 400, "request.unknown_field"),
        "an empty key": (b'{"": 1}', 400, "request.unknown_field"),
        "a wrong type": (b'{"list_id": {"$ne": null}}', 400, "request.invalid"),
        "a wrong list": (b'{"list_id": ["x"]}', 400, "request.invalid"),
        "true": (b'{"list_id": true}', 400, "request.invalid"),
        "a long id": (json.dumps({"list_id": LONG}).encode(), 400, "request.invalid"),
        "SQL": (b'{"list_id": "\' OR 1=1 --"}', 404, "list.not_found"),
        "a path": (b'{"list_id": "../../etc/passwd"}', 404, "list.not_found"),
        "right-to-left": ('{"list_id": "\u202eabc"}'.encode(), 404, "list.not_found"),
    }
    for name, (body, status, code) in raw.items():
        yield Hostile(f"body: {name}", "POST", "/api/v1/subscriptions", status, code, body)


def _fields_of_lists() -> Iterator[Hostile]:
    wrong: dict[str, dict[str, Any]] = {
        "a title of spaces": {"title": "   "},
        "a title with a bell": {"title": "a\x07b"},
        "a long title": {"title": LONG},
        "a title that is a number": {"title": {"a": 1}},
        "a jurisdiction in full-width letters": {"jurisdiction": "\uff23\uff21"},
        "an unknown jurisdiction": {"jurisdiction": "QQ"},
        "no hash types": {"hash_types": []},
        "an unknown hash type": {"hash_types": ["sha3"]},
        "hash types as text": {"hash_types": "sha256"},
        "hash types nested": {"hash_types": [["sha256"]]},
        "too many hash types": {"hash_types": ["sha256"] * 1_000},
        "no approvals": {"approvals_required": 0},
        "fewer approvals than none": {"approvals_required": -1},
        "a huge number of approvals": {"approvals_required": 10**30},
        "approvals as a float": {"approvals_required": 1.5},
        "approvals in Arabic digits": {"approvals_required": "\u0661"},
        "approvals as text": {"approvals_required": "many"},
        "a threshold beyond the keys": {"signature_threshold": 10**10},
        "an unknown audience": {"audience": "everybody"},
        "an audience that is no list": {"audience_organisations": "all"},
        "an audience of nobody": {"audience_organisations": ["not-a-uuid"]},
        "an audience of strangers": {"audience_organisations": ["00000000-0000-0000-0000-000000000000"]},
        "unknown kinds": {"audience": "kinds", "audience_kinds": ["x,y"]},
        "another's id": {"id": "a" * 26},
        "a public list of secrets": {"audience": "public", "tlp": "red"},
        "an unknown scheme": {"scheme": "\u0000x".strip("\x00")},
    }
    for name, change in wrong.items():
        body = json.dumps(LIST | change).encode()
        yield Hostile(f"list: {name}", "POST", "/api/v1/lists", 400, body=body, who="person")


def _fields_of_members() -> Iterator[Hostile]:
    told: dict[str, tuple[dict[str, Any], int]] = {
        "release 0": ({"release": 0}, 400),
        "a release beyond 32 bits": ({"release": 2**31}, 400),
        "a release beyond 64 bits": ({"release": 2**80}, 400),
        "a release as a float": ({"release": 1.5}, 400),
        "a release in Devanagari digits": ({"release": "\u0967"}, 400),
        "a release that is not there": ({"release": 2_000_000_000}, 404),
        "a short root": ({"state_root": "00"}, 400),
        "a root in capitals": ({"state_root": "A" * 64}, 400),
        "a root in full-width digits": ({"state_root": "\uff10" * 64}, 400),
        "types that are not of the list": ({"hash_types": ["nonsense"]}, 400),
        "a thousand types": ({"hash_types": ["sha256"] * 1_000}, 400),
        "a time that is none": ({"applied_at": "yesterday"}, 400),
        "a time in the year 10,000": ({"applied_at": "10000-01-01T00:00:00Z"}, 400),
        "a time before the release": ({"applied_at": "0001-01-01T00:00:00+14:00"}, 400),
        "a time far ahead": ({"applied_at": "9999-12-31T23:59:59-14:00"}, 400),
        "a time as a number": ({"applied_at": 1e18}, 400),
    }
    for name, (change, status) in told.items():
        body = json.dumps(CONFIRMATION | change).encode()
        yield Hostile(
            f"confirmation: {name}", "POST", "/api/v1/lists/{list}/confirmations", status, body=body
        )
    urls = {
        "loopback": "https://127.0.0.1/x",
        "loopback as one number": "https://2130706433/x",
        "the metadata service": "http://169.254.169.254/latest/",
        "a file": "file:///etc/passwd",
        "a script": "javascript:alert(1)",
        "a name and password": "https://user:pass@hooks.example/x",
        "an open bracket": "https://[::1/x",
        "a port beyond range": "https://hooks.example:99999999999/x",
        "a port in Arabic digits": "https://hooks.example:\u0664\u0664\u0663/x",
        "a line feed": "https://hooks.example/x\r\nHost: evil",
        "full-width dots": "https://127\uff0e0\uff0e0\uff0e1/x",
        "no host": "https:///x",
        "3,000 characters": "https://hooks.example/" + "a" * 3_000,
        "a label too long": "https://" + "a" * 300 + ".example/x",
    }
    for name, url in urls.items():
        yield Hostile(
            f"endpoint: {name}", "POST", "/api/v1/endpoints", 400, body=json.dumps({"url": url}).encode()
        )


def _fields_of_publishers() -> Iterator[Hostile]:
    signatures: dict[str, tuple[dict[str, Any], int]] = {
        "neither kind": ({}, 400),
        "both kinds": ({"hosted": True, "keyid": "0" * 64, "signature": "00"}, 400),
        "hosted as text": ({"hosted": "perhaps"}, 400),
        "a key id alone": ({"keyid": "0" * 64}, 400),
        "an endless signature": ({"keyid": "0" * 64, "signature": "00" * 5_000}, 400),
        "a signature in no hex": ({"keyid": "0" * 64, "signature": "zz"}, 400),
        "nothing to sign": ({"keyid": "0" * 64, "signature": "00"}, 404),
    }
    for name, (body, status) in signatures.items():
        yield Hostile(
            f"signature: {name}",
            "POST",
            "/api/v1/submissions/{submission}/signatures",
            status,
            body=json.dumps(body).encode(),
            who="publisher",
        )
    yield Hostile("approval by a credential", "POST", "/api/v1/submissions/{submission}/approve", 403,
                  who="publisher")  # fmt: skip
    yield Hostile("withdrawing what is published", "POST", "/api/v1/submissions/{submission}/withdraw", 409,
                  who="publisher")  # fmt: skip


def _cursors() -> Iterator[Hostile]:
    cursors = {
        "empty signature": "abc:",
        "no signature": "abc",
        "another signature": "WyJhIl0:1abcde:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "NUL": "%00",
        "a lone surrogate": "%ED%A0%80",
        "not UTF-8": "%ff%fe",
        "a number": "12345",
        "a negative number": "-1",
        "too long": "a" * 3_000,
        "padding": base64.urlsafe_b64encode(b'{"r":1,"p":0}').decode(),
        "a zlib bomb": ".eJwrSSwuAQAEXQHB:1abcde:" + "A" * 43,
        "spaces": "%20%20",
    }
    for name, cursor in cursors.items():
        yield Hostile(
            f"cursor: {name}",
            "GET",
            f"/api/v1/lists/{{list}}/releases?cursor={cursor}",
            400,
            "page.cursor",
        )
    for name, limit in {
        "zero": "0",
        "negative": "-1",
        "huge": "9" * 400,
        "Arabic digits": "%D9%A1",
        "superscript": "%C2%B2",
        "hexadecimal": "0x10",
        "a plus": "%2B5",
        "NUL": "1%00",
        "a float": "1e1",
        "nothing": "",
    }.items():
        yield Hostile(f"limit: {name}", "GET", f"/api/v1/attempts?limit={limit}", 400, "page.limit")
    for name, cursor in {"a huge offset": "9" * 30, "Arabic digits": "%D9%A1", "negative": "-1"}.items():
        yield Hostile(
            f"problems: {name}",
            "GET",
            f"/api/v1/submissions/{{submission}}/problems?cursor={cursor}",
            400,
            "page.cursor",
            who="publisher",
        )


def _addresses() -> Iterator[Hostile]:
    paths = {
        "a NUL": "/api/v1/lists/%00",
        "a surrogate": "/api/v1/lists/%ED%A0%80",
        "not UTF-8": "/api/v1/lists/%ff%fe",
        "upwards": "/api/v1/lists/..%2f..%2fsettings",
        "a very long id": "/api/v1/lists/" + "a" * 6_000,
        "SQL": "/api/v1/lists/%27%20OR%201=1",
        "a template": "/api/v1/lists/%7B%7B7*7%7D%7D",
        "a percent sign": "/api/v1/lists/%25s%25n",
        "a huge release": "/api/v1/lists/{list}/releases/" + "9" * 400,
        "a release beyond 64 bits": "/api/v1/lists/{list}/releases/99999999999999999999",
        "a negative release": "/api/v1/lists/{list}/releases/-1",
        "a release in Arabic digits": "/api/v1/lists/{list}/releases/%D9%A1",
        "a release with a fraction": "/api/v1/lists/{list}/releases/1.0",
        "a half UUID": "/api/v1/submissions/1234",
        "a UUID in braces": "/api/v1/submissions/%7B00000000-0000-0000-0000-000000000000%7D",
        "a UUID in full-width digits": "/api/v1/submissions/%EF%BC%900000000-0000-0000-0000-000000000000",
        "an endpoint of nobody": "/api/v1/endpoints/00000000-0000-0000-0000-000000000000",
        "another version": "/api/v2/lists",
        "no version": "/api/",
        "two slashes": "/api/v1//lists",
        "a dot": "/api/v1/./lists",
        "a file of ours": "/api/v1/../settings.py",
        "a trailing slash": "/api/v1/lists/{list}/",
    }
    for name, path in paths.items():
        yield Hostile(f"address: {name}", "GET", path, 404)


def _tuf() -> Iterator[Hostile]:
    names = {
        "upwards": "..%2f..%2f..%2fetc%2fpasswd",
        "a backslash": "..%5c..%5cetc",
        "a NUL": "timestamp.json%00.png",
        "version 0": "0.root.json",
        "a leading zero": "01.root.json",
        "a huge version": "9" * 300 + ".root.json",
        "Arabic digits": "%D9%A1.root.json",
        "another role": "1.admin.json",
        "capitals": "TIMESTAMP.JSON",
        "a line feed": "timestamp.json%0a",
        "a query": "1.root.json%3fx",
        "not UTF-8": "%ff.root.json",
    }
    for name, text in names.items():
        yield Hostile(f"tuf metadata: {name}", "GET", f"/tuf/{{list}}/metadata/{text}", 404)
    targets = {
        "upwards": "../../../settings.py",
        "encoded upwards": "..%2f..%2f..%2fsettings.py",
        "an absolute path": "/etc/passwd",
        "the wrong folder": "{list}/../{list}/" + "0" * 64 + ".manifest.json",
        "no digest": "{list}/manifest.json",
        "a digest in capitals": "{list}/" + "A" * 64 + ".manifest.json",
        "a hidden file": "{list}/" + "0" * 64 + "..manifest",
        "a NUL": "{list}/" + "0" * 64 + ".m%00",
        "a digest of nothing": "{list}/" + "0" * 64 + ".manifest.json",
        "very deep": "a/" * 900 + "x",
        "5,000 characters": "{list}/" + "0" * 64 + "." + "a" * 5_000,
    }
    for name, text in targets.items():
        yield Hostile(f"tuf target: {name}", "GET", f"/tuf/{{list}}/targets/{text}", 404)
    for name, repository in {
        "upwards": "..",
        "encoded": "%2e%2e%2f",
        "NUL": "%00",
        "another root": "uploads",
        "SQL": "%27--",
    }.items():
        yield Hostile(f"tuf repository: {name}", "GET", f"/tuf/{repository}/metadata/timestamp.json", 404)


def _ranges() -> Iterator[Hostile]:
    ranges = {
        "beyond the end": ("bytes=99999999-", 416),
        "an empty suffix": ("bytes=-0", 416),
        "beyond every file": ("bytes=999999999999999999-999999999999999999", 416),
        "backwards": ("bytes=5-1", 200),
        "negative": ("bytes=--5", 200),
        "a thousand ranges": ("bytes=" + ",".join(f"{n}-{n}" for n in range(1_000)), 200),
        "digits without end": ("bytes=" + "9" * 5_000 + "-", 200),
        "Arabic digits": ("bytes=\u0661-".encode().decode("latin-1"), 200),
        "another unit": ("lines=1-2", 200),
        "nothing": ("bytes=-", 200),
    }
    for name, (value, status) in ranges.items():
        yield Hostile(
            f"range: {name}",
            "GET",
            "/tuf/{list}/metadata/timestamp.json",
            status,
            headers={"Range": value},
        )


def _authorizations() -> Iterator[Hostile]:
    values = {
        "no scheme": "nonsense",
        "another scheme": "Digest username=x",
        "no key": "Bearer ",
        "a key of spaces": "Bearer      ",
        "two keys": "Bearer a, Bearer b",
        "too long": "Bearer " + "a" * 100_000,
        "a key with NUL": "Bearer hx_live_\x00",
        "Latin-1": "Bearer \xe9\xff",
        "UTF-8 seen as Latin-1": "Bearer \u00e2\u0080\u008b",
        "Basic that is no base64": "Basic !!!!",
        "Basic of bytes": "Basic " + base64.b64encode(b"\xff\xfe\xfd").decode(),
        "Basic without a colon": "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic with NUL": "Basic " + base64.b64encode(b"u:\x00").decode(),
        "a key of the right form": "Bearer hx_live_" + "a" * 38,
        "a key with full-width digits": "Bearer hx_live_" + "\xef\xbc\x91" * 12 + "ab",
        "a JSON web token": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    }
    for name, value in values.items():
        for path in ("/api/v1/who", "/tuf/{list}/metadata/timestamp.json"):
            yield Hostile(
                f"authorization: {name} at {path.split('/')[1]}",
                "GET",
                path,
                401,
                headers={"Authorization": value},
                who="nobody",
            )
    yield Hostile("authorization: none", "GET", "/api/v1/who", 401, "unauthenticated", who="nobody")
    yield Hostile("authorization: a forged session", "GET", "/api/v1/who", 401, who="nobody",
                  headers={"Cookie": "hx_session=" + "a" * 32})  # fmt: skip
    yield Hostile("authorization: an endless cookie", "GET", "/api/v1/who", 401, who="nobody",
                  headers={"Cookie": "hx_session=" + "\xff" * 50_000})  # fmt: skip


def _media_types() -> Iterator[Hostile]:
    for name, media in {
        "a form": "application/x-www-form-urlencoded",
        "a multipart form": "multipart/form-data; boundary=x",
        "a multipart form without a boundary": "multipart/form-data",
        "XML": "application/xml",
        "YAML": "application/yaml",
        "an unknown type": "x/y",
        "half a type": "application/",
        "noise": "\xff\xfe",
        "a pickle": "application/python-pickle",
    }.items():
        yield Hostile(f"media: {name}", "POST", "/api/v1/subscriptions", 415, body=b"a=b", media=media)
    for charset in ("utf-7", "utf-16", "hex", "undefined", "idna", "nonsense", "rot13", "zlib"):
        yield Hostile(
            f"media: the character set {charset}",
            "POST",
            "/api/v1/subscriptions?note=%C3%A9",
            404,
            "list.not_found",
            b'{"list_id": "x"}',
            f"application/json; charset={charset}",
        )
    yield Hostile("media: an odd character set for an upload", "POST",
                  "/api/v1/lists/{list}/submissions?mode=drop&note=%C3%A9", 400, "submission.mode", b"sha256",
                  "text/csv; charset=hex", who="publisher")  # fmt: skip
    yield Hostile("accept: an image", "GET", "/api/v1/who", 406, headers={"Accept": "image/png"})
    yield Hostile("accept: noise", "GET", "/api/v1/who", 406, headers={"Accept": ";;;,,,/"})
    yield Hostile("accept: without end", "GET", "/api/v1/who", 406,
                  headers={"Accept": ",".join(f"x/y{n}" for n in range(2_000))})  # fmt: skip
    yield Hostile("format: asked in the query", "GET", "/api/v1/who?format=xml", 404)


def _methods() -> Iterator[Hostile]:
    for method, path in (
        ("DELETE", "/api/v1/lists"),
        ("PUT", "/api/v1/lists/{list}"),
        ("PATCH", "/api/v1/submissions/{submission}"),
        ("POST", "/api/v1/who"),
        ("DELETE", "/api/v1/attempts"),
        ("TRACE", "/api/v1/who"),
        ("CONNECT", "/api/v1/who"),
        ("PROPFIND", "/api/v1/lists"),
        ("get", "/api/v1/who?lowercase"),
        ("POST", "/tuf/{list}/metadata/timestamp.json"),
        ("DELETE", "/tuf/{list}/targets/x"),
        ("PUT", "/tuf/{list}/targets/x"),
    ):
        lower = method == "get"
        yield Hostile(f"method: {method} {path}", method, path, 200 if lower else 405)
    yield Hostile("method: overridden by a header", "POST", "/api/v1/subscriptions", 400,
                  headers={"X-HTTP-Method-Override": "DELETE"})  # fmt: skip


def _headers() -> Iterator[Hostile]:
    for name, headers, status in (
        ("a language without end", {"Accept-Language": "fr," * 20_000}, 200),
        ("a language with NUL", {"Accept-Language": "\x00\xff;q=nan"}, 200),
        ("a quality beyond range", {"Accept-Language": "fr;q=9e999"}, 200),
        ("an entity tag without end", {"If-None-Match": '"' + "a" * 60_000}, 200),
        ("entity tags by the thousand", {"If-None-Match": ",".join(['"x"'] * 10_000)}, 200),
        ("a date that is none", {"If-Modified-Since": "the day after \xff"}, 200),
        ("a forwarded address", {"X-Forwarded-For": "127.0.0.1, \x00"}, 200),
        ("another host", {"X-Forwarded-Host": "evil.example"}, 200),
        ("a request id with a line feed", {"X-Request-ID": "a\r\nSet-Cookie: x=y"}, 200),
        ("an origin", {"Origin": "null"}, 200),
        ("htmx", {"HX-Request": "true", "HX-Current-URL": "\xff"}, 200),
    ):
        yield Hostile(f"header: {name}", "GET", "/api/v1/lists/{list}", status, headers=headers)


def _uploads() -> Iterator[Hostile]:
    base = "/api/v1/lists/{list}/submissions"
    png = b"\x89PNG\r\n\x1a\n" + b"\x00" * 200
    for name, query, body, status in (
        ("no mode", "", b"sha256\n", 400),
        ("an unknown mode", "?mode=drop", b"sha256\n", 400),
        ("two modes", "?mode=add&mode=drop", b"sha256\n", 400),
        ("a mode with NUL", "?mode=add%00", b"sha256\n", 400),
        ("urgent as a number", "?mode=add&urgent=1", b"sha256\n", 400),
        ("a note with NUL", "?mode=add&note=a%00b", b"sha256\n", 400),
        ("a note with a surrogate", "?mode=add&note=%ED%A0%80", b"\xff\xd8\xff\xe0", 415),
        ("a long note", "?mode=add&note=" + "a" * 2_000, b"sha256\n", 413),
        ("nothing", "?mode=add", b"", 400),
        ("a picture", "?mode=add", png, 415),
    ):
        yield Hostile(f"upload: {name}", "POST", base + query, status, body=body, media="text/csv",
                      who="publisher")  # fmt: skip
    yield Hostile("upload: called a picture", "POST", base + "?mode=add", 415, body=b"sha256\n",
                  media="image/png", who="publisher")  # fmt: skip
    yield Hostile("upload: by a member", "POST", base + "?mode=add", 403, body=b"sha256\n", media="text/csv")
