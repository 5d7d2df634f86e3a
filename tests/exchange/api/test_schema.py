"""The served description of the API is a valid one, and says all that our own client asks and reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from django.test import Client
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate

from exchange.client import api, drafts, keys, parts, sign
from exchange.client.fetch import Session
from hashsets.core.policy import TrustPolicy

pytestmark = pytest.mark.django_db
LIST, ROW = "a" * 26, "6b1f5d1e-0000-4000-8000-000000000001"
NEXT = "the next page"


@pytest.fixture(scope="module")
def schema(django_db_setup: None) -> dict[str, Any]:
    answer = Client().get("/api/v1/schema/?format=json")
    assert answer.status_code == 200
    return dict(answer.json())


class DescribedExchange:
    """Stands in a session's place: it refuses what the description does not allow, and answers with exactly
    what it promises, every optional thing included."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self.asked: list[tuple[str, str]] = []
        self.says: dict[str, Any] = {}

    def json(
        self, method: str, path: str, *, query: Any = None, body: Any = None, idempotent: bool = False
    ) -> Any:
        operation = self._operation(method, path)
        self._check_parameters(operation, query or {}, "query")
        if body is not None and body != {}:
            OAS30Validator(self._form_of(operation["requestBody"])).validate(body)
            assert set(body) <= set(self._form_of(operation["requestBody"])["properties"])
        else:
            assert not operation.get("requestBody", {}).get("required")
        return self._answer(operation, last="cursor" in (query or {}))

    def upload(
        self, path: str, stream: BinaryIO, *, length: int, media_type: str, query: Any, advance: Any
    ) -> Any:
        operation = self._operation("POST", path)
        self._check_parameters(operation, query, "query")
        assert media_type in operation["requestBody"]["content"]
        return self._answer(operation)

    def send_part(self, path: str, part: bytes, *, offset: int) -> Any:
        operation = self._operation("PATCH", path)
        self._check_parameters(operation, {"Upload-Offset": offset, "Upload-Checksum": "sha256"}, "header")
        self.says["offset"] = offset + len(part)
        return self._answer(operation)

    def file_bytes(self, path: str, *, limit: int) -> bytes:
        operation = self._operation("GET", path)
        assert "200" in operation["responses"]
        return b"line"

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        found = [
            (template, methods)
            for template, methods in self._schema["paths"].items()
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), f"/{path}")
        ]
        found.sort(key=lambda one: one[0].count("{"))  # `keys/own` before `keys/{key_id}`
        assert found, f"no such path is described: {path}"
        template, methods = found[0]
        assert method.lower() in methods, f"{method} of {template} is not described"
        self.asked.append((method, template))
        return dict(methods[method.lower()])

    def _check_parameters(self, operation: Mapping[str, Any], given: Iterable[str], kind: str) -> None:
        described = {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == kind}
        assert set(given) <= set(described), f"not described: {set(given) - set(described)}"
        needed = {name for name, one in described.items() if one.get("required")}
        assert needed <= set(given)

    def _answer(self, operation: Mapping[str, Any], *, last: bool = False) -> Any:
        good = operation["responses"][min(operation["responses"])]
        answer = self._sample(self._form_of(good))
        if isinstance(answer, dict) and set(answer) == {"items", "next"}:
            answer["next"] = None if last else NEXT
        return answer

    def _form_of(self, carrier: Mapping[str, Any]) -> Any:
        return self._plain(carrier["content"]["application/json"]["schema"])

    def _plain(self, form: Any) -> Any:
        """With every reference followed."""
        if isinstance(form, list):
            return [self._plain(one) for one in form]
        if not isinstance(form, dict):
            return form
        if "$ref" in form:
            return self._plain(self._schema["components"]["schemas"][form["$ref"].rpartition("/")[2]])
        if len(form.get("allOf", ())) == 1:
            return self._plain(form["allOf"][0])
        return {name: self._plain(one) for name, one in form.items()}

    def _sample(self, form: Mapping[str, Any], name: str = "") -> Any:
        """A value of this form that is unlike any default."""
        if name in self.says:
            return self.says[name]
        for choice in (*form.get("oneOf", ()), *form.get("enum", ())):
            return self._sample(choice, name) if isinstance(choice, dict) else choice
        match form.get("type"):
            case "object":
                more = form.get("additionalProperties")
                extra = {"one": self._sample(more)} if isinstance(more, dict) and more else {}
                members = form.get("properties", {}).items()
                return extra | {member: self._sample(one, member) for member, one in members}
            case "array":
                return [self._sample(form["items"])]
            case "integer" | "number":
                return 7
            case "boolean":
                return True
        return {"uuid": ROW, "date-time": "2026-01-31T12:00:00Z"}.get(form.get("format", ""), "text")


@pytest.fixture
def described(schema: dict[str, Any]) -> DescribedExchange:
    return DescribedExchange(schema)


def test_it_is_a_valid_description(schema: dict[str, Any]) -> None:
    validate(schema)
    assert {"credential", "credentialAsPassword", "session"} <= set(schema["components"]["securitySchemes"])


def test_what_is_told_in_pages_is_described_in_pages(schema: dict[str, Any]) -> None:
    pages = [name for name in schema["components"]["schemas"] if name.startswith("Paginated")]
    assert len(pages) >= 14
    bare = [
        path
        for path, methods in schema["paths"].items()
        for answer in methods.get("get", {}).get("responses", {}).values()
        if answer.get("content", {}).get("application/json", {}).get("schema", {}).get("type") == "array"
    ]
    assert bare == []


def session_of(described: DescribedExchange) -> Session:
    return cast(Session, described)


CALLS: dict[str, tuple[Callable[[Session], Any], set[str]]] = {
    # What is read, and the fields that another answer than this one carries.
    "who": (api.who_am_i, {"mirror"}),  # said by mirrors alone
    "lists": (api.all_lists, set()),
    "list": (lambda session: api.one_list(session, LIST), set()),
    "subscribe": (lambda session: api.subscribe(session, LIST), {"policy"}),
    "subscriptions": (api.subscriptions, {"policy"}),
    "policy": (lambda session: api.set_policy(session, ROW, TrustPolicy()), {"policy"}),
    "submission": (lambda session: api.submission(session, ROW), set()),
    "problems": (lambda session: api.problems_of(session, ROW, at_most=5), set()),
    "register": (lambda session: api.register_endpoint(session, "https://a.example/", description=""), set()),
    "endpoint": (lambda session: api.one_endpoint(session, ROW), {"secret"}),
    "verify": (lambda session: api.verify_endpoint(session, ROW), {"secret"}),
    "keys": (keys.held_keys, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CALLS))
def test_what_the_client_asks_and_reads_is_described(described: DescribedExchange, name: str) -> None:
    call, elsewhere = CALLS[name]
    read = call(session_of(described))
    for one in read if isinstance(read, list) else [read]:
        empty = {field for field, value in asdict(one).items() if not value} - elsewhere
        assert not empty, f"read but not described: {empty}"
    if isinstance(read, list):
        assert len(read) == 2  # a page, and by its cursor the next one


def test_what_the_client_sends_is_described(described: DescribedExchange, tmp_path: Path) -> None:
    session, file = session_of(described), tmp_path / "rows.csv"
    file.write_bytes(b"md5\n" + b"0" * 40)
    api.post_confirmation(
        session, LIST, release=3, state_root="ab" * 32, hash_types=["md5"], applied_at="2026-01-31T12:00:00Z"
    )
    for media_type in ("text/csv", "text/plain"):
        api.submit_file(
            session, LIST, file, mode="add", urgent=True, note="n", media_type=media_type,
            advance=lambda _: None, hash_type="md5",
        )  # fmt: skip
    assert api.problems_csv(session, ROW) == b"line"
    sign.upload_signature(session, f"api/v1/submissions/{ROW}/signatures", keyid="a" * 64, signature="ab")
    sign.upload_signature(session, f"api/v1/lists/{LIST}/renewal/signatures", keyid="a" * 64, signature="ab")
    public = keys.PublicHalf("c" * 64, "ed25519", "ed25519", "ab" * 32)
    assert keys.register(session, public, name="mine", proof="ab" * 64).keyid
    assert keys.own_organisation(session)
    described.says["list_id"] = LIST
    for draft in (drafts.draft_of(session, ROW), drafts.renewal_of(session, LIST)):
        assert (draft.release, draft.list_version, draft.signed_part) == (7, 7, b"text")


def test_a_file_that_is_sent_in_parts_is_described(described: DescribedExchange, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"0" * 100)
    described.says["offset"] = 0
    asked = parts.Asked("add", urgent=False, note="", hash_type="")
    assert parts.submit_in_parts(session_of(described), LIST, file, asked, advance=lambda _: None).id
    assert [method for method, _ in described.asked] == ["POST", "PATCH", "POST", "GET"]
