"""Refusals of what publishers arrange: lists, signers, keys, uploads in parts, decisions, ceremonies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.web.phrases.phrase import Phrase

CONTRIBUTE: Final[Mapping[str, Phrase]] = {
    # Lists
    "list.fixed": Phrase(_("This cannot change after a list was made.")),
    "list.fixed_types": Phrase(_("Kinds of hashes are only added: the list may hold some of each.")),
    "list.nothing_changes": Phrase(_("The list states all of this already.")),
    "list.change_waits": Phrase(
        _("Another change of this list waits for a second person."), _("Make it or end it first.")
    ),
    "list.signers_named": Phrase(
        _("The signers of this list are named already."),
        _("Name all of its signers anew; a second admin confirms that."),
    ),
    "transfer.under_way": Phrase(
        _("This list is being handed over: the officers are asked for the new publisher’s keys."),
        _("End the handing over first."),
    ),
    "transfer.officers_asked": Phrase(
        _("The officers are asked about this list already."), _("Confirm this when they have signed that.")
    ),
    "transfer.both_sides": Phrase(_("You had a hand in offering this list, so others take it over.")),
    "transfer.no_repository": Phrase(
        _("This list has no signers yet, so there is nothing to hand over."),
        _("The giver names its signers first."),
    ),
    "list.tlp": Phrase(_("A list for everyone must be TLP:CLEAR."), plainer=True),
    "list.audience": Phrase(_("Say who may see the list."), plainer=True),
    "list.audience_kinds": Phrase(
        _("Name kinds of organisations exactly when members of some kinds may see the list."), plainer=True
    ),
    "list.audience_organisations": Phrase(
        _("One of these organisations is not known here, or the audience is not of named ones."), plainer=True
    ),
    "list.hash_types": Phrase(_("Name at least one kind of hashes."), plainer=True),
    "list.scheme": Phrase(_("There is no such classification scheme."), plainer=True),
    "list.approvals_required": Phrase(_("Give a number from 1 to 9.")),
    "list.signature_threshold": Phrase(_("Give a number from 1 to 9.")),
    "list.label": Phrase(
        _(
            "A label has at most 64 letters, digits, spaces and . + / ( ) & - and starts with a letter or a "
            "digit."
        )
    ),
    "list.label_taken": Phrase(_("The list has this label already.")),
    "list.labels_full": Phrase(_("A list has at most 255 labels.")),
    "list.close_unsure": Phrase(_("Say that you are sure.")),
    "list.hosted_key_alone": Phrase(
        _("A list with a hosted key has that one key and needs one signature."),
        _("Sign with keys of your own, or lower the number of signatures to one."),
    ),
    "jurisdiction.unknown": Phrase(
        _("This is not a country code."),
        _("Use the two letters of ISO 3166-1, such as CA or GB; EU and UN are taken too."),
    ),
    "transfer.not_found": Phrase(_("There is no such offer.")),
    "transfer.offered_already": Phrase(_("This list is on offer already."), _("Withdraw that offer first.")),
    "transfer.taker": Phrase(_("A list is offered to another active member.")),
    "compare.order": Phrase(_("The older release comes first.")),
    "compare.release": Phrase(_("There is no such release.")),
    # Uploads
    "upload.not_found": Phrase(_("There is no such upload.")),
    "upload.submitted": Phrase(_("This upload has been submitted.")),
    "upload.too_many_open": Phrase(
        _("Your organisation has too many unfinished uploads."),
        _("Finish one, or wait: they are forgotten after a week."),
    ),
    "upload.incomplete": Phrase(_("The file has not come whole yet."), "", particular=True),
    "upload.offset": Phrase(_("The file goes on elsewhere."), "", particular=True),
    "upload.part_too_large": Phrase(_("This part is too large."), "", particular=True),
    "upload.length": Phrase(_("An upload has at least one byte.")),
    "withdrawal.nothing": Phrase(_("Name at least one entry.")),
    "withdrawal.too_many": Phrase(
        _("At most 100 entries are withdrawn at once this way."),
        _("Submit a file that removes them: more people look at it then."),
    ),
    "benign.unreadable": Phrase(_("A line cannot be read as a hash."), "", particular=True),
    "benign.too_many": Phrase(_("These are more hashes than an organisation may add."), "", particular=True),
    "benign.changed_meanwhile": Phrase(
        _("Somebody else of your organisation added hashes at the same moment."),
        _("Send them again; nothing of this upload was added."),
    ),
    "hash_type.unknown": Phrase(_("This kind of hash is not known here.")),
    # Decisions
    "quarantine.decision": Phrase(_("Say what shall happen to them.")),
    "quarantine.choose": Phrase(_("Choose what you decide about.")),
    "agreement.already": Phrase(_("The exchange has agreed to this already.")),
    "agreement.own_submission": Phrase(_("You submitted this yourself.")),
    "agreement.also_approved": Phrase(_("You approved this for its publisher.")),
    # Keys and signatures
    "key.not_found": Phrase(_("There is no such key.")),
    "key.malformed": Phrase(
        _("This is not a public key that can be read."),
        _("Paste all of the PEM block, with its first and its last line."),
        plainer=True,
    ),
    "key.unsupported": Phrase(_("This kind of key is not taken."), _("Use Ed25519 or ECDSA P-256.")),
    "key.type": Phrase(_("Keys are Ed25519 or ECDSA on the curve P-256.")),
    "key.keyid": Phrase(_("This is not the id of this key.")),
    "key.custody": Phrase(_("A key is hosted, or the organisation's own.")),
    "key.exists": Phrase(_("Your organisation has registered this key before.")),
    "key.proof": Phrase(
        _("The proof is not a signature by this key over the statement."),
        _("Sign exactly the three lines that are shown, each ended by a line feed."),
        plainer=True,
    ),
    "key.move": Phrase(_("This key is not, or no longer, in a state for that."), plainer=True),
    "key.second_person": Phrase(
        _("Whoever registered a key does not confirm it."), _("Ask another admin of your organisation.")
    ),
    "key.none_chosen": Phrase(_("Choose at least one key.")),
    "key.repeated": Phrase(_("A key is named twice; every signature must come from another key.")),
    "key.too_many": Phrase(_("So many keys cannot sign one list."), "", particular=True),
    "key.not_canonical": Phrase(_("This key is not in canonical form, or under another id.")),
    "key.hosted_alone": Phrase(_("A list that uses a hosted key has that one key and a threshold of 1.")),
    "key.other_organisation": Phrase(_("This key belongs to another organisation.")),
    "threshold.out_of_range": Phrase(
        _("So many signatures cannot be asked for of these keys."), "", particular=True
    ),
    "signature.missing": Phrase(_("Choose the file with the signature, or paste it.")),
    "signature.unreadable": Phrase(
        _("This does not look like a signature."),
        _("It is a small file that openssl or hashx wrote, or the same as hexadecimal or base64 text."),
    ),
    "signature.key": Phrase(_("Say which key signed it.")),
    "renewal.not_found": Phrase(_("No renewal of this list waits for signatures.")),
    "renewal.nothing_published": Phrase(_("Nothing is published yet, so there is nothing to sign again.")),
    # Ceremonies
    "ceremony.not_initialised": Phrase(
        _("This exchange has no officers yet, so no list can be opened."), _("Its operator names them first.")
    ),
    "ceremony.demo": Phrase(
        _("This exchange was made as a demonstration; its root can never be trusted for real work.")
    ),
    "ceremony.folder": Phrase(_("There are no signatures in this folder.")),
    "ceremony.none_sent": Phrase(_("Choose the signature files.")),
    "ceremony.zip": Phrase(_("This is not a zip file that can be read.")),
    "ceremony.too_much": Phrase(_("These are too many signature files at once.")),
    "repository.awaits_officers": Phrase(
        _("The exchange's officers have to sign first."), _("Wait for their ceremony.")
    ),
    "repository.not_found": Phrase(
        _("Nobody can sign this list yet."), _("Say under Signers which keys sign it.")
    ),
}
