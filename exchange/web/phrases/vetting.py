"""Refusals of applying, vetting and membership."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.web.phrases.phrase import Phrase

VETTING: Final[Mapping[str, Phrase]] = {
    "agreement.accepted": Phrase(_("Your organisation has accepted it already.")),
    "agreement.exists": Phrase(_("A version was published meanwhile."), _("Look at it first.")),
    "agreement.grace": Phrase(_("Members have 7 to 180 days to accept.")),
    "agreement.not_newest": Phrase(
        _("This is not the newest version any more."), _("Read the newest one and accept that.")
    ),
    "agreement.operator": Phrase(_("Members accept the agreement, not the operator.")),
    "answer.choice": Phrase(_("Choose one of the answers.")),
    "answer.phone": Phrase(
        _("This is not a telephone number in the international form."),
        _("Begin with + and the country code, such as +1 613 555 0123."),
    ),
    "answer.url": Phrase(_("This is not an address with https:// in front.")),
    "application.appeal_late": Phrase(_("An appeal has to come within sixty days of the decision.")),
    "application.code": Phrase(
        _("This code does not belong to an application."),
        _("Copy it from the newest mail: an older code no longer counts."),
    ),
    "application.declaration": Phrase(
        _("Confirm that what you say is true and that you may say it for the organisation.")
    ),
    "application.email": Phrase(_("This is not an e-mail address.")),
    "application.kind_stays": Phrase(_("A member's kind stays as it is.")),
    "application.no_domain": Phrase(_("There is no domain to look at yet.")),
    "application.no_password": Phrase(_("This person can sign in already."), _("Go to the sign-in page.")),
    "application.not_found": Phrase(_("There is no such application.")),
    "application.question": Phrase(_("There is no such question.")),
    "application.state": Phrase(
        _("This is not possible in the state that the application is in."), plainer=True
    ),
    "application.too_many": Phrase(
        _("Too many applications were begun with this address today."),
        _("Continue one of them with the code in your mail, or try again tomorrow."),
    ),
    "application.unfinished": Phrase(
        _("Some questions are not answered yet."), _("Go through the task list.")
    ),
    "case.conflict_unasked": Phrase(_("Say first that you have no conflict of interest in this case.")),
    "case.conflicted": Phrase(_("You declared a conflict of interest in this case.")),
    "case.decided_part": Phrase(_("You decided in this case, so you collect nothing for it.")),
    "case.decision_waits": Phrase(_("A decision is proposed: give it back first, then ask.")),
    "case.item": Phrase(_("There is no such item on this case's checklist.")),
    "case.not_found": Phrase(_("There is no such case.")),
    "case.other_part": Phrase(
        _("Whoever collected evidence or proposed does not decide."),
        _("A colleague who took no part in this case has to decide it."),
    ),
    "case.part_decided": Phrase(
        _("You have decided this case already."), _("Tell a colleague, who opens a review of the member.")
    ),
    "case.state": Phrase(_("This is not possible in the state that the case is in."), plainer=True),
    "checklist.changed": Phrase(
        _("Somebody else has changed this checklist meanwhile."),
        _("Look at the newest version and make your change there."),
    ),
    "checklist.code": Phrase(_("An item's code has small letters, digits and dashes.")),
    "checklist.days": Phrase(_("Evidence counts for 1 to 398 days.")),
    "checklist.length": Phrase(_("A checklist has 1 to 30 items.")),
    "checklist.nothing": Phrase(_("At least one item has to be required.")),
    "checklist.track": Phrase(_("There is no such checklist.")),
    "checklist.twice": Phrase(_("Two items have the same code.")),
    "checklist.version": Phrase(_("Say which version you edit.")),
    "condition.blocked": Phrase(_("This right cannot be blocked.")),
    "condition.due": Phrase(_("A condition is due within 398 days.")),
    "condition.not_found": Phrase(_("There is no such condition.")),
    "condition.owner": Phrase(_("Name who sees to the condition.")),
    "date.form": Phrase(_("Give the day as year-month-day.")),
    "decision.conditions": Phrase(_("Conditions and probation belong to an approval.")),
    "decision.gone": Phrase(_("This proposal was decided or given back already.")),
    "decision.incomplete": Phrase(
        _("Not every required check has passed."), _("Complete the checklist first.")
    ),
    "decision.none": Phrase(_("No decision is proposed in this case.")),
    "decision.not_again": Phrase(_("An appeal is decided by people who had no hand in the first decision.")),
    "decision.outcome": Phrase(_("Say how to decide.")),
    "decision.probation": Phrase(_("Probation ends within 398 days.")),
    "decision.reason": Phrase(_("Say why it is declined.")),
    "decision.too_many": Phrase(_("These are too many conditions.")),
    "decision.waits": Phrase(_("A decision is proposed already.")),
    "domain.name": Phrase(
        _("This is not a domain name."),
        _("Give the domain of your organisation's website and e-mail, such as example.org."),
    ),
    "duty_contact.email": Phrase(_("This is not an e-mail address.")),
    "duty_contact.exists": Phrase(_("This address is a duty contact already.")),
    "duty_contact.language": Phrase(_("This language is not offered.")),
    "duty_contact.none": Phrase(_("There is no duty contact to check."), _("Add one first.")),
    "duty_contact.not_found": Phrase(_("There is no such duty contact.")),
    "duty_contact.phone": Phrase(
        _("This is not a telephone number in the international form."),
        _("Begin with + and the country code, such as +1 613 555 0123."),
    ),
    "duty_contact.too_many": Phrase(
        _("An organisation names at most 10 duty contacts."), _("Remove one first.")
    ),
    "evidence.not_by_person": Phrase(
        _("The exchange finds this out itself; a person can only say that it failed or is not needed.")
    ),
    "evidence.result": Phrase(_("Say what came out.")),
    "measure.elsewhere": Phrase(_("The end of a membership is carried out elsewhere.")),
    "measure.gone": Phrase(_("This measure was carried out or dropped already.")),
    "measure.hearing": Phrase(
        _("The member may still answer."),
        _("Wait for its word or for the day, or suspend at once if harm is going on."),
    ),
    "measure.kind": Phrase(_("Say what to do.")),
    "measure.not_found": Phrase(_("There is no such measure.")),
    "measure.replied": Phrase(_("Your organisation has answered, or it is decided.")),
    "measure.second_person": Phrase(
        _("Whoever proposed a measure does not carry it out."), _("Ask a colleague.")
    ),
    "measure.state": Phrase(_("This is not possible in the state that the member is in."), plainer=True),
    "measure.waits": Phrase(_("Another measure waits for this member."), _("Carry it out or drop it first.")),
    "organisation.kind_unknown": Phrase(_("This is not a kind of organisation.")),
    "organisation.move": Phrase(_("The organisation's state has changed meanwhile."), plainer=True),
    "organisation.name_taken": Phrase(_("Another organisation has this name.")),
    "organisation.operator": Phrase(_("The organisation that runs the exchange cannot be suspended.")),
    "review.none": Phrase(_("No review is open for your organisation.")),
}
