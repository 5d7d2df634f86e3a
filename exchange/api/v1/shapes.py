"""What the API says: one serializer per shape, used for output, input checks and the OpenAPI description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.errors import Invalid
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.core.schemes import SCHEMES
from hashsets.lists.models import Audience, Tlp


def checked(shape: type[serializers.Serializer[Any]], body: object) -> dict[str, Any]:
    """The validated input of a request. Unknown fields are refused: a misspelt one must not be ignored.

    Errors: rest_framework ValidationError (400), Invalid `request.unknown_field`.
    """
    serializer = shape(data=body)
    if isinstance(body, dict):
        unknown = sorted(str(name)[:40] for name in set(body) - set(serializer.fields))
        if unknown:
            known = ", ".join(serializer.fields)
            raise Invalid(
                f"There is no field '{unknown[0]}' here.",
                code="request.unknown_field",
                field=unknown[0],
                advice=f"The fields are: {known}.",
            )
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class Whole(serializers.IntegerField):
    """A JSON number without a fraction. The framework's own also takes text, in the digits of any script."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class PublisherOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField()
    jurisdiction = serializers.CharField()


class ListOut(serializers.Serializer[Any]):
    """A list as its readers see it."""

    id = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    publisher = PublisherOut(source="organisation")
    jurisdiction = serializers.CharField()
    legal_basis = serializers.CharField()
    purpose = serializers.CharField()
    tlp = serializers.CharField()
    audience = serializers.CharField()
    hash_types = serializers.ListField(child=serializers.CharField())
    scheme = serializers.CharField()
    status = serializers.CharField()
    latest_release = serializers.IntegerField()
    released_at = serializers.DateTimeField(allow_null=True)
    inline_delta = serializers.BooleanField(
        help_text="small deltas may travel in notices, to members who ask for it"
    )
    entries = serializers.IntegerField(help_text="entries of the newest release")
    subscribed = serializers.BooleanField()
    own = serializers.BooleanField(help_text="published by the asking organisation")


class ListSettings(serializers.Serializer[Any]):
    inline_delta = serializers.BooleanField(
        help_text="let small deltas (8 KB at most) travel in notices, to members who ask for it"
    )


class ListIn(serializers.Serializer[Any]):
    """A new list."""

    title = serializers.CharField(max_length=300)
    description = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    jurisdiction = serializers.RegexField(r"\A[A-Z]{2}\Z", help_text="ISO 3166-1 alpha-2")
    legal_basis = serializers.CharField(max_length=1_000)
    purpose = serializers.CharField(max_length=1_000)
    tlp = serializers.ChoiceField(choices=Tlp.choices, default=Tlp.AMBER)
    audience = serializers.ChoiceField(choices=Audience.choices, default=Audience.NAMED)
    audience_kinds = serializers.ListField(child=serializers.CharField(max_length=16), default=list)
    audience_organisations = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=1_000
    )
    hash_types = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(HASH_TYPES)), min_length=1, max_length=20
    )
    scheme = serializers.ChoiceField(choices=sorted(SCHEMES), default="none")
    approvals_required = Whole(min_value=1, max_value=9, default=1)
    signature_threshold = Whole(min_value=1, max_value=9, default=1)


class CountsOut(serializers.Serializer[Any]):
    rows = serializers.IntegerField()
    adds = serializers.IntegerField()
    updates = serializers.IntegerField()
    removals = serializers.IntegerField()
    reclassified = serializers.IntegerField(
        allow_null=True, help_text="updates that take a classification away or change it; null = not counted"
    )
    unchanged = serializers.IntegerField()
    problems = serializers.IntegerField()


class RefusedOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class SubmissionOut(serializers.Serializer[Any]):
    """A submission as its publisher sees it."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    list_id = serializers.CharField(source="hash_list_id")
    mode = serializers.CharField()
    urgent = serializers.BooleanField()
    note = serializers.CharField()
    state = serializers.CharField()
    received_at = serializers.DateTimeField()
    upload_sha256 = serializers.CharField()
    upload_length = serializers.IntegerField()
    rows_done = serializers.IntegerField()
    rows_expected = serializers.IntegerField()
    base_release = serializers.IntegerField()
    counts = serializers.SerializerMethodField()
    per_type = serializers.DictField()
    problem_counts = serializers.DictField(child=serializers.IntegerField())
    sample = serializers.ListField(child=serializers.DictField(), help_text="truncated hashes")
    operations_digest = serializers.CharField()
    refused = serializers.SerializerMethodField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField()

    @extend_schema_field(CountsOut)
    def get_counts(self, row: Any) -> dict[str, int]:
        return dict(CountsOut(row).data)

    @extend_schema_field(RefusedOut(allow_null=True))
    def get_refused(self, row: Any) -> dict[str, str] | None:
        return {"code": row.refused_code, "message": row.refused_message} if row.refused_code else None


class SigningKeyOut(serializers.Serializer[Any]):
    """A key that signs releases; the private half is never shown."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    keyid = serializers.CharField()
    scheme = serializers.CharField()
    custody = serializers.CharField()
    status = serializers.CharField()
    created_at = serializers.DateTimeField()


class HostedKeyIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)


class SignerIn(serializers.Serializer[Any]):
    key_id = serializers.UUIDField()


class ReasonIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1_000)


class SignatureIn(serializers.Serializer[Any]):
    """Either `hosted: true`, or a detached signature by one of the list's own keys."""

    hosted = serializers.BooleanField(default=False)
    keyid = serializers.RegexField(r"\A[0-9a-f]{64}\Z", required=False)
    signature = serializers.RegexField(r"\A[0-9a-f]{2,512}\Z", required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        detached = "keyid" in attrs and "signature" in attrs
        if attrs["hosted"] == detached or ("keyid" in attrs) != ("signature" in attrs):
            raise serializers.ValidationError("Give either 'hosted': true, or both 'keyid' and 'signature'.")
        return attrs


class DraftOut(serializers.Serializer[Any]):
    """What is to be signed: `signed_part` is the exact text, `manifest_sha256` the file it covers."""

    id = serializers.UUIDField()
    list_id = serializers.CharField(source="hash_list_id")
    state = serializers.CharField()
    release = serializers.SerializerMethodField()
    list_version = serializers.IntegerField()
    manifest_sha256 = serializers.CharField()
    state_root = serializers.CharField()
    trouble = serializers.CharField(help_text="what keeps a signed draft from being published; else empty")
    signed_part = serializers.SerializerMethodField()
    signatures = serializers.SerializerMethodField()

    def get_release(self, row: Any) -> int:
        return int(row.base_release) + 1

    def get_signed_part(self, row: Any) -> str:
        return bytes(row.signed_part).decode()

    def get_signatures(self, row: Any) -> list[str]:
        return [str(signature.signing_key.keyid) for signature in row.signatures.all()]


class ReleaseOut(serializers.Serializer[Any]):
    """A release as readers see it."""

    list_id = serializers.CharField(source="hash_list_id")
    number = serializers.IntegerField()
    urgent = serializers.BooleanField()
    manifest_sha256 = serializers.CharField()
    manifest_length = serializers.IntegerField()
    state_root = serializers.CharField()
    entries = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())
    adds = serializers.IntegerField()
    updates = serializers.IntegerField()
    removals = serializers.IntegerField()
    delta_length = serializers.IntegerField()
    snapshot_length = serializers.IntegerField()
    withdrawn_by = serializers.IntegerField(
        allow_null=True, help_text="release that replaced it by legal erasure: its files are gone"
    )
    published_at = serializers.DateTimeField()


class SubscriptionOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    list_id = serializers.CharField(source="hash_list_id")
    created_at = serializers.DateTimeField()
    policy = serializers.DictField(
        help_text="trust policy: publisher_kinds, jurisdictions, classifications (lists of names), "
        "minimum_publishers, minimum_jurisdictions; applied by hashx, never by the exchange"
    )
    inline_delta = serializers.BooleanField(
        help_text="small deltas travel in notices, where the publisher lets them; bodies have 16 KB at most"
    )


class SubscriptionChange(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    policy = serializers.DictField(required=False, help_text="replaces the trust policy; {} asks for nothing")
    inline_delta = serializers.BooleanField(
        required=False, help_text="whether small deltas travel in the notices to your endpoints"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Say what is to change: policy or inline_delta.")
        return attrs


class SubscriptionIn(serializers.Serializer[Any]):
    list_id = serializers.CharField(max_length=26)


class EndpointOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField()
    state = serializers.CharField()
    created_at = serializers.DateTimeField()
    verified_at = serializers.DateTimeField(allow_null=True)
    paused_reason = serializers.CharField()
    failures = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()


class EndpointIn(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=2_000)
    description = serializers.CharField(max_length=300, allow_blank=True, default="")


class EndpointChange(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=2_000)


class ReplayIn(serializers.Serializer[Any]):
    """`release` is the first to be told of again."""

    list_id = serializers.CharField(max_length=64)
    release = Whole(min_value=1, max_value=2**31 - 1)


class AuthorityIn(serializers.Serializer[Any]):
    """`pem` holds certificates of authorities and nothing else."""

    pem = serializers.CharField(max_length=16_384)


class AuthorityDecision(serializers.Serializer[Any]):
    """`pem_sha256` names the certificates that are agreed to, as they were read."""

    agree = serializers.BooleanField()
    pem_sha256 = serializers.RegexField(r"\A[0-9a-f]{64}\Z", required=False)


class AuthorityOut(serializers.Serializer[Any]):
    endpoint_id = serializers.UUIDField(source="id")
    organisation = serializers.CharField(source="organisation.name")
    host = serializers.CharField()
    pem = serializers.CharField(source="proposed_authority")
    pem_sha256 = serializers.CharField(source="proposed_authority_sha256", help_text="sent with a yes")


class NewEndpointOut(EndpointOut):
    """`secret` is shown once."""

    secret = serializers.CharField()


class ConfirmationIn(serializers.Serializer[Any]):
    release = Whole(min_value=1, max_value=2**31 - 1)
    state_root = serializers.RegexField(r"\A[0-9a-f]{64}\Z")
    hash_types = serializers.ListField(child=serializers.CharField(max_length=32), max_length=40)
    applied_at = serializers.DateTimeField()


class ConfirmationOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    list_id = serializers.CharField(source="hash_list_id")
    release = serializers.IntegerField()
    state_root = serializers.CharField()
    hash_types = serializers.ListField(child=serializers.CharField())
    matches = serializers.BooleanField()
    applied_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()


class AttemptOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    endpoint_id = serializers.UUIDField()
    notice_id = serializers.CharField()
    kind = serializers.CharField()
    urgent = serializers.BooleanField()
    releases = serializers.DictField(child=serializers.IntegerField())
    started_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    outcome = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()


class AttemptShown(AttemptOut):
    """With what was sent and the beginning of what was answered."""

    request_body = serializers.CharField()
    response_head = serializers.CharField()


class ActorOut(serializers.Serializer[Any]):
    """Who the exchange takes the asker for."""

    organisation_id = serializers.UUIDField()
    organisation = serializers.CharField()
    organisation_kind = serializers.CharField()
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # hides the framework's own
    permissions = serializers.ListField(child=serializers.CharField())


class ChangeOut(serializers.Serializer[Any]):
    """One operation of one release. After a removal only the key is said."""

    release = serializers.IntegerField()
    op = serializers.ChoiceField(choices=["add", "update", "remove"])
    type = serializers.CharField(source="hash_type")
    hash = serializers.CharField()
    item = serializers.SerializerMethodField(help_text="groups the hashes of one file; beyond 2^53")
    added = serializers.IntegerField(allow_null=True, help_text="the release that added the entry")
    classification = serializers.CharField(allow_null=True)
    quality = serializers.IntegerField(allow_null=True)
    labels = serializers.ListField(child=serializers.IntegerField())
    source_ref = serializers.CharField(allow_null=True)

    def get_item(self, row: Any) -> str | None:
        return str(row["item"]) if row["item"] else None


class ChangesOut(serializers.Serializer[Any]):
    items = ChangeOut(many=True)
    next = serializers.CharField(help_text="where to go on, also when nothing is new")
    more = serializers.BooleanField(help_text="whether there is more to read now")
    latest_release = serializers.IntegerField()


class ProblemRowOut(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    advice = serializers.CharField()
