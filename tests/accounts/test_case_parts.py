"""The database itself keeps preparers and deciders of a case apart, whatever a verb would do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.vetting.models import Case, CasePart, Checklist, Decision, Evidence
from tests import cast
from tests.cast import NOW

pytestmark = pytest.mark.django_db


def case(reference: str = "AP-AAAA-AAAA") -> Case:
    checklist, _ = Checklist.objects.get_or_create(
        track="company", version=1, defaults={"items": [], "made_at": NOW}
    )
    return Case.objects.create(
        id=reference, purpose="admission", state="open", checklist=checklist, email="a@b.example",
        code_digest=reference, code_sent_at=NOW, created_at=NOW, changed_at=NOW,
    )  # fmt: skip


def part(of: Case, who: cast.Person, kind: str, *, identifier: str = "") -> CasePart:
    spelled = identifier or f"{kind}{of.id}-{who.user.id.hex}"
    return CasePart.objects.create(id=spelled, case=of, person=who.user, kind=kind, taken_at=NOW)


def evidence(of: Case, by: CasePart) -> Evidence:
    return Evidence.objects.create(
        case=of, item="registry", result="passed", source="s", reference="r", part=by, found_at=NOW,
        expires_at=NOW + timedelta(days=398),
    )  # fmt: skip


def test_a_person_takes_one_part_in_a_case_and_may_take_another_elsewhere() -> None:
    olive = cast.operator().admin
    part(case(), olive, "p")
    part(case("AP-BBBB-BBBB"), olive, "d")
    with pytest.raises(IntegrityError), transaction.atomic():
        part(Case.objects.get(id="AP-AAAA-AAAA"), olive, "d")


def test_a_part_says_in_its_id_what_it_is() -> None:
    olive, one = cast.operator().admin, case()
    for lie in (f"d{one.id}-1", "pAP-BBBB-BBBB-1", "p"):
        with pytest.raises(IntegrityError), transaction.atomic():
            part(one, olive, "p", identifier=lie)


def test_evidence_comes_from_a_preparer_of_the_same_case_only() -> None:
    crew, one, other = cast.operator(), case(), case("AP-BBBB-BBBB")
    for wrong in (
        part(one, crew.admin, "d"),
        part(one, crew.second_admin, "x"),
        part(other, crew.admin, "p"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            evidence(one, wrong)
    evidence(one, part(one, crew.officer, "p"))


def test_a_decision_is_proposed_by_a_preparer_and_taken_by_a_decider_of_the_same_case() -> None:
    crew, one, other = cast.operator(), case(), case("AP-BBBB-BBBB")
    preparer, decider = part(one, crew.admin, "p"), part(one, crew.second_admin, "d")
    elsewhere = part(other, crew.officer, "d")

    def decided(proposed_by: CasePart, decided_by: CasePart | None) -> Decision:
        return Decision.objects.create(
            case=one, state="taken", outcome="approve", proposed_by=proposed_by, proposed_at=NOW,
            decided_by=decided_by, decided_at=NOW,
        )  # fmt: skip

    for pair in ((preparer, preparer), (decider, decider), (preparer, elsewhere), (preparer, None)):
        with pytest.raises(IntegrityError), transaction.atomic():
            decided(*pair)
    decided(preparer, decider)
    with pytest.raises(IntegrityError), transaction.atomic():
        decided(preparer, decider)
