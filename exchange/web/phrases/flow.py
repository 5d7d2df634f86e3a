"""Refusals of the flow: people and rights, lists, submissions, releases, subscriptions, endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.web.phrases.phrase import Phrase

FLOW: Final[Mapping[str, Phrase]] = {
    # People and rights
    "sign_in.refused": Phrase(_("The e-mail address or the password is wrong.")),
    "sign_in.throttled": Phrase(
        _("There were too many tries to sign in. Wait a quarter of an hour, then try again.")
    ),
    "permission.missing": Phrase(
        _("Your roles do not include what this needs."),
        _("Ask an admin of your organisation for a role that includes it."),
        plainer=True,
    ),
    "actor.person_needed": Phrase(
        _("Only a person who is signed in may do this."), _("Sign in on the website and do it there.")
    ),
    "organisation.not_active": Phrase(_("This organisation is not active.")),
    "organisation.not_found": Phrase(_("There is no such organisation.")),
    "route.undeclared": Phrase(_("This address declares no right for this method.")),
    # Lists, releases
    "list.not_found": Phrase(_("There is no such list.")),
    "list.closed": Phrase(_("This list is closed and takes no more changes.")),
    "list.other_publisher": Phrase(_("This list belongs to another publisher.")),
    "release.not_found": Phrase(_("There is no such release.")),
    "coverage.not_yours": Phrase(_("Only the publisher sees how far a release has come.")),
    "page.cursor": Phrase(_("This cursor is not one of ours."), _("Start again without a cursor.")),
    "page.limit": Phrase(_("limit must be a number from 1 to 200.")),
    # Uploads
    "submission.not_found": Phrase(_("There is no such submission.")),
    "submission.mode": Phrase(_("Say what the file does to the list.")),
    "submission.note": Phrase(_("The note is too long or contains characters that cannot be shown.")),
    "submission.file": Phrase(_("Choose a file."), _("It is a CSV file whose first line names the columns.")),
    "submission.needs_person": Phrase(_("A submission needs a person who answers for it.")),
    "upload.empty": Phrase(_("The upload is empty.")),
    "upload.too_large": Phrase(_("The upload is larger than this exchange takes."), "", True),
    "upload.quota": Phrase(
        _("Your organisation has uploaded as much today as this exchange takes in a day."),
        _("Go on after midnight UTC, or ask the operator for more."),
    ),
    "upload.media": Phrase(
        _("The upload is not a list of hashes. Nothing of it was kept."),
        _("Never send content. Compute the hashes where the content is, and send those as CSV."),
        True,
    ),
    "upload.binary": Phrase(
        _("The upload is not text in UTF-8."), _("Export the list as CSV in UTF-8 and send that."), True
    ),
    "upload.damaged": Phrase(_("The stored upload is not the file that was received.")),
    # What the check refuses as a whole
    "submission.no_change": Phrase(_("The list says all of this already, so there is nothing to release.")),
    "submission.nothing_usable": Phrase(
        _("None of the rows can be used."),
        _("Look at the first problems: most often a column or the mode is not the one meant."),
    ),
    "submission.not_processable": Phrase(
        _("This upload could not be processed: the work on it was cut off again and again."),
        _("Send it in smaller files, and tell the operator of this exchange."),
    ),
    "submission.being_signed": Phrase(
        _("This submission is being signed."), _("Return it instead; its draft is abandoned then.")
    ),
    "submission.decided": Phrase(_("This submission has been decided already.")),
    "csv.empty": Phrase(
        _("The file is empty."), _("Send a file with a line that names the columns and a line per hash.")
    ),
    "csv.encoding": Phrase(_("The file is not UTF-8."), _("Save it as 'CSV UTF-8' and send it again."), True),
    "csv.nul": Phrase(
        _("The file holds a zero byte, so it is not a text file."),
        _("Export the list as CSV; spreadsheets, images and archives cannot be read."),
        True,
    ),
    "csv.line_too_long": Phrase(_("A line is too long."), _("Each hash belongs on a line of its own."), True),
    "csv.too_many_rows": Phrase(_("The file has more rows than this exchange takes."), "", True),
    "csv.too_many_columns": Phrase(_("The file has too many columns."), "", True),
    "csv.no_header": Phrase(
        _("The first line should name the columns, but it looks like a row of hashes."),
        _("Name the columns in the first line: hash types such as sha256, or 'type' and 'hash'."),
        True,
    ),
    "csv.header_quotes": Phrase(
        _("The quotation marks in the line that names the columns do not pair up."), "", True
    ),
    "csv.column_unknown": Phrase(_("A column has a name that is not known here."), "", True),
    "csv.column_twice": Phrase(
        _("The first line names a column twice."), _("Keep one of the two columns."), True
    ),
    "csv.mixed_forms": Phrase(
        _("The file mixes the two ways of writing hashes."),
        _("Use either one column per hash type, or the two columns 'type' and 'hash'."),
        True,
    ),
    "csv.no_hash_column": Phrase(_("The file names no column with hashes."), "", True),
    "csv.type_not_in_list": Phrase(
        _("The file has a column of a hash type that this list does not take."),
        _("Remove the column, or send the file to a list that takes this type."),
        True,
    ),
    "csv.labels_not_configured": Phrase(
        _("This list has no labels, so the column 'labels' cannot be read."),
        _("Remove the column; use 'classification' for what the list classifies."),
    ),
    "csv.no_rows": Phrase(_("The file names columns and has no rows.")),
    "lines.type_unknown": Phrase(
        _("The lines look like hashes, but of no type that this list takes."), "", True
    ),
    "lines.type_ambiguous": Phrase(_("The hashes of the file could be of several types."), "", True),
    "submission.type": Phrase(_("This list does not take hashes of the type that was named."), "", True),
    "gzip.damaged": Phrase(
        _("The gzip file is damaged or cut off."), _("Compress the list again and send it whole.")
    ),
    "gzip.nested": Phrase(
        _("The gzip file holds another gzip file."), _("Compress the list once, or not at all.")
    ),
    "gzip.ratio": Phrase(
        _("The gzip file unpacks to far more than its size."),
        _("Send the list as it is, without compression."),
        True,
    ),
    "gzip.too_large": Phrase(_("The gzip file unpacks to more than this exchange takes."), "", True),
    "json.malformed": Phrase(_("The file is not JSON that can be read."), "", True),
    "json.too_large": Phrase(
        _("The JSON document is too large."),
        _("Send more rows as JSON Lines, an object a line, or as CSV."),
        True,
    ),
    "parquet.damaged": Phrase(
        _("This is not a Parquet file that can be read."),
        _("Write it again with a current version of its writer, or send the list as CSV."),
    ),
    "parquet.column_type": Phrase(
        _("A column is of a type that cannot be read here."),
        _("Write hashes as text or bytes, quality as whole numbers, everything else as text."),
        True,
    ),
    "parquet.cell_too_long": Phrase(
        _("A cell of the file is too long."),
        _("Each cell holds one hash, one name or one short reference."),
        True,
    ),
    "parquet.too_large": Phrase(
        _("A row group of the file unfolds to more than this exchange takes."),
        _("Write it with smaller row groups, a million rows at most."),
        True,
    ),
    "csv.misread": Phrase(_("The file could not be read."), "", True),
    # Decisions
    "approval.own_submission": Phrase(
        _("You cannot approve a submission of your own."),
        _("Ask another approver. Whoever issued a credential counts as its submitter."),
    ),
    "approval.not_staged": Phrase(
        _("This submission is not waiting for approval."),
        _("Reload it: it may still be validated, or someone may have decided already."),
    ),
    "approval.changed": Phrase(
        _("The change is no longer the one that you were shown."), _("Look at it again, then decide.")
    ),
    "approval.digest_missing": Phrase(
        _("Say which change you were shown."), _("Open the page of the change again, then decide.")
    ),
    "approval.base_moved": Phrase(
        _("The list has moved on since this was compared with it."),
        _("It is being compared again; look at the new result in a moment."),
    ),
    "approval.already": Phrase(_("You have approved this already; it needs someone else as well.")),
    "return.reason": Phrase(_("Give a reason of 1 to 1000 characters: the contributor reads it.")),
    "return.not_possible": Phrase(
        _("This submission can no longer be returned, or not yet."),
        _("A submission is returned between its validation and its publication."),
    ),
    "approval.nothing": Phrase(
        _("Nothing would change: all of its rows were set aside."),
        _("Decide about these rows first, or return the submission."),
    ),
    "approval.also_agreed": Phrase(
        _("You agreed to this for the exchange, so somebody else has to approve it.")
    ),
    "quarantine.own_submission": Phrase(
        _("You cannot decide about rows of a submission of your own."),
        _("Ask another approver. Whoever issued a credential counts as its submitter."),
    ),
    "quarantine.not_staged": Phrase(
        _("Rows that were set aside are decided about while the submission waits for approval.")
    ),
    "quarantine.nothing": Phrase(_("Nothing is left to decide about.")),
    "quarantine.code": Phrase(_("No rows were set aside under this code."), "", True),
    # Signing
    "draft.no_file": Phrase(_("This draft names no such file.")),
    "draft.not_found": Phrase(
        _("There is nothing to sign for this submission."),
        _("A draft exists once the submission is approved and its release is built."),
    ),
    "draft.not_open": Phrase(
        _("This draft does not wait for signatures."),
        _("It is still being built, fully signed, published or given up; look at its state."),
    ),
    "key.none_hosted": Phrase(
        _("This list has no hosted key; its signers sign with keys of their own."),
        _("Sign with `hashx sign`, or upload a detached signature."),
    ),
    "key.not_entitled": Phrase(
        _("This key may not sign this list."),
        _("An admin of the publisher entitles active keys; the exchange's officers then sign that rule."),
    ),
    "key.not_active": Phrase(_("The signing key is not active."), "", True),
    "key.not_hosted": Phrase(_("The exchange does not keep this key."), "", True),
    "signature.invalid": Phrase(_("This is not a valid signature of this key over this draft.")),
    # Words that people type
    "text.missing": Phrase(_("This may not be empty.")),
    "text.too_long": Phrase(_("This is too long."), "", True),
    "text.characters": Phrase(
        _("This holds a character that cannot be shown or stored."),
        _("Type the text again instead of pasting it."),
        True,
    ),
    "text.looks_like_hash": Phrase(
        _("This looks like a hash value, a key or a token, which may not appear in names and notes."),
        _("Describe it in words; hash values belong in a submission only."),
    ),
}
