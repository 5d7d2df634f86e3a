"""Problems of single rows in a submission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.web.phrases.phrase import Phrase

PROBLEMS: Final[Mapping[str, Phrase]] = {
    "hash.unreadable": Phrase(
        _("The hash is not in any form that this hash type accepts."),
        _("Check the column and the hash type; hexadecimal is always accepted."),
    ),
    "hash.missing": Phrase(_("The row has no hash."), _("Leave the row out, or add its hash.")),
    "hash.trivial": Phrase(
        _("This is the hash of an empty file or of a trivial one, which everybody has."),
        _("Remove the row; look for files that could not be read when the list was made."),
    ),
    "hash.all_zero": Phrase(
        _("Every bit of this hash is zero, which no real file produces."),
        _("Remove the row; the hash was probably never computed."),
    ),
    "hash.all_one": Phrase(
        _("Every bit of this hash is one, which no real file produces."),
        _("Remove the row; the hash was probably never computed."),
    ),
    "hash.benign": Phrase(
        _("This is the hash of innocent content that members or public collections know."),
        _(
            "Look at the source: a logo, an icon or a part of an operating system does not belong on the "
            "list."
        ),
    ),
    "hash.repeated_byte": Phrase(
        _("This hash repeats a single byte, which no real file produces."),
        _("Remove the row; it looks like a placeholder."),
    ),
    "hash.unbalanced": Phrase(
        _("This perceptual hash has far more zeros than ones, or the reverse, as those of flat images have."),
        _("Look at the source: a blank or nearly blank image would match many innocent ones."),
    ),
    "hash.low_quality": Phrase(
        _("The quality of this perceptual hash is below the limit, so it would match unrelated images."),
        _("Leave the row out, or have a second person confirm it."),
    ),
    "hash.repetitive": Phrase(
        _("This perceptual hash repeats the same pattern, as those of pages, frames and logos do."),
        _("Look at the source: a page with a border would match many innocent ones."),
    ),
    "item.unreadable": Phrase(
        _("The item key is too long or contains characters that cannot be kept."),
        _("Use at most 200 printable characters."),
    ),
    "classification.unknown": Phrase(
        _("This classification is not one of the list's."),
        _("Use a code of the list's classification scheme, or add the code to the list first."),
    ),
    "quality.unreadable": Phrase(
        _("The quality is not a whole number from 0 to 100."),
        _("Give a whole number from 0 to 100, or leave the cell empty."),
    ),
    "labels.unreadable": Phrase(
        _("The labels are not known to the list, or there are too many of them."),
        _("Use the list's own labels, separated by semicolons, at most 32 in a row."),
    ),
    "source_ref.unreadable": Phrase(
        _("The source reference is too long or contains characters that cannot be kept."),
        _("Use at most 200 printable characters, and no names of people or files."),
    ),
    "entry.contradictory": Phrase(
        _("An earlier line says something different about the same hash and item; that line was used."),
        _("Keep one of the two lines."),
    ),
    "entry.different": Phrase(
        _("The list already has this entry with other facts, and this submission may only add."),
        _("Send it as an update."),
    ),
    "entry.absent": Phrase(
        _("The list does not have this entry, and this submission may only update."),
        _("Send it as an addition."),
    ),
    "row.columns": Phrase(
        _("The line does not have as many cells as the first line names columns."),
        _("Add or remove separators; put cells that contain the separator into quotation marks."),
    ),
    "row.quotes": Phrase(
        _("The quotation marks on this line do not surround whole cells."),
        _("Put the whole cell into quotation marks and double the marks inside it; cells cannot span lines."),
    ),
    "row.json": Phrase(
        _("This is not a JSON object whose values are texts, whole numbers or null."),
        _('Write one object per row, such as {"sha256": "…"}, each field once.'),
    ),
    "row.fields": Phrase(
        _("This row does not have the fields that the first row has."),
        _("Give every row the same fields; write null where there is nothing. Only hashes may be left out."),
    ),
    "row.control": Phrase(
        _("The line contains control characters."),
        _("Remove them; they usually come from a damaged export."),
    ),
    "hash_type.unknown": Phrase(
        _("There is no hash type of this name."),
        _("Use names such as sha256, sha1, md5 or pdq, in any case."),
    ),
    "hash_type.not_in_list": Phrase(
        _("The list does not take hashes of this type."),
        _("Send them to a list that does, or have the type added to this one."),
    ),
}
