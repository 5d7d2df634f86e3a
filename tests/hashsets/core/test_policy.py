"""Trust policies: strict reading, one spelling, and what they leave out."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import Invalid
from accounts.identity.models import OrganisationKind
from hashsets.core.policy import PUBLISHER_KINDS, TrustPolicy

WHOLE: dict[str, Any] = {
    "publisher_kinds": ["government", "ngo"],
    "jurisdictions": ["CA", "GB"],
    "classifications": ["A1", "unclassified"],
    "minimum_publishers": 3,
    "minimum_jurisdictions": 2,
}


def test_a_policy_knows_every_kind_of_organisation() -> None:
    assert set(OrganisationKind.values) == PUBLISHER_KINDS


def test_what_is_written_is_what_is_read() -> None:
    assert TrustPolicy.parse(WHOLE).document() == WHOLE
    assert TrustPolicy.parse({}).document() == {}
    assert TrustPolicy.parse({"jurisdictions": [], "minimum_publishers": 1}) == TrustPolicy()


def test_order_and_repetition_make_no_second_policy() -> None:
    again = {**WHOLE, "jurisdictions": ["GB", "CA", "GB"]}
    assert TrustPolicy.parse(again) == TrustPolicy.parse(WHOLE)


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ([], "policy.malformed", "policy"),
        (None, "policy.malformed", "policy"),
        ({"publisher_kind": ["ngo"]}, "policy.unknown_field", "publisher_kind"),
        ({1: 2}, "policy.unknown_field", "1"),
        ({"publisher_kinds": ["NGO"]}, "policy.unknown_kind", "publisher_kinds"),
        ({"publisher_kinds": "ngo"}, "policy.malformed", "publisher_kinds"),
        ({"publisher_kinds": [["ngo"]]}, "policy.malformed", "publisher_kinds"),
        ({"jurisdictions": ["gb"]}, "policy.malformed", "jurisdictions"),
        ({"jurisdictions": ["GB\n"]}, "policy.malformed", "jurisdictions"),
        ({"jurisdictions": ["GB"] * 301}, "policy.malformed", "jurisdictions"),
        ({"classifications": [""]}, "policy.malformed", "classifications"),
        ({"classifications": ["x" * 65]}, "policy.malformed", "classifications"),
        ({"minimum_publishers": 0}, "policy.malformed", "minimum_publishers"),
        ({"minimum_publishers": 2.0}, "policy.malformed", "minimum_publishers"),
        ({"minimum_publishers": True}, "policy.malformed", "minimum_publishers"),
        ({"minimum_jurisdictions": 10**30}, "policy.malformed", "minimum_jurisdictions"),
        ({"jurisdictions": ["GB"], "minimum_jurisdictions": 2}, "policy.impossible", "minimum_jurisdictions"),
    ],
)
def test_what_could_be_meant_otherwise_is_refused(document: object, code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        TrustPolicy.parse(document)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_list_is_left_out_by_its_publisher_and_its_jurisdiction() -> None:
    policy = TrustPolicy.parse(WHOLE)
    assert policy.why_not("ngo", "GB") == ""
    assert policy.why_not("company", "GB") == "publisher_kind"
    assert policy.why_not("ngo", "US") == "jurisdiction"
    assert TrustPolicy().why_not("", "") == ""
