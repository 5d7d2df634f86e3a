"""Classification schemes as data: the labels that publishers already use. Code 0 always means "not
classified".

A list starts from a scheme and may append its own labels; codes are per list and append-only, and the
manifest states them, so nobody needs this table to read a list. What the labels mean in law differs by
country and is for the list to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from accounts.errors import Invalid

__all__ = ["MAX_CODE", "SCHEMES", "UNCLASSIFIED", "Label", "Scheme", "scheme"]

UNCLASSIFIED: Final = 0
MAX_CODE: Final = 255


@dataclass(frozen=True, slots=True)
class Label:
    """`code` is the number stored in segments, `name` what people write in a file, `title` what it means."""

    code: int
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Scheme:
    """A set of labels; `source` says who uses them."""

    slug: str
    title: str
    labels: tuple[Label, ...]
    source: str = ""

    @property
    def codes(self) -> dict[str, int]:
        """Name -> code."""
        return {label.name: label.code for label in self.labels}


def _scheme(slug: str, title: str, source: str, *labels: tuple[str, str]) -> Scheme:
    numbered = enumerate(labels, 1)
    return Scheme(slug, title, tuple(Label(code, *label) for code, label in numbered), source)


# Order gives the codes: append, never insert. INHOPE's Universal Classification Schema v3 would be the
# neutral core to map the others to; its labels are not public in a form that we could take over, so it is not
# here.
SCHEMES: Final[dict[str, Scheme]] = {
    one.slug: one
    for one in (
        _scheme("none", "No classification", ""),
        _scheme(
            "ncmec",
            "NCMEC categories",
            "United States: the National Center for Missing and Exploited Children",
            ("A1", "Prepubescent child, sex act"),
            ("A2", "Prepubescent child, lascivious exhibition"),
            ("B1", "Pubescent child, sex act"),
            ("B2", "Pubescent child, lascivious exhibition"),
        ),
        _scheme(
            "uk",
            "United Kingdom categories A to C",
            "England and Wales: Sentencing Council guideline on indecent images of children",
            ("A", "Penetrative sexual activity, sexual activity with an animal, or sadism"),
            ("B", "Non-penetrative sexual activity"),
            ("C", "Other indecent images"),
        ),
        _scheme(
            "interpol",
            "INTERPOL baseline and worst-of",
            "INTERPOL: illegal in any country, and the narrower worst-of list",
            ("baseline", "Illegal in any country: a real child, and the criteria of the baseline met"),
            ("worst-of", "Severe, confirmed by at least two countries or agencies"),
        ),
        _scheme(
            "terrorist-content",
            "Terrorist and violent extremist content",
            "Kinds of content that hash-sharing programmes distinguish",
            ("imminent-threat", "Imminent credible threat"),
            ("graphic-violence", "Graphic violence against defenceless people"),
            ("glorification", "Glorification of terrorist acts"),
            ("recruitment", "Recruitment and instruction"),
            ("perpetrator", "Content made by a perpetrator or accomplice of an attack"),
            ("publication", "Publication of a listed organisation"),
        ),
        _scheme(
            "intimate-images",
            "Intimate images shared without consent",
            "Programmes for people affected, such as StopNCII",
            ("nude", "Nude or nearly nude"),
            ("sexual-act", "Sexual act"),
            ("synthetic", "Synthetic or altered"),
        ),
    )
}


def scheme(slug: str) -> Scheme:
    """The scheme called `slug`; Invalid `scheme.unknown`."""
    try:
        return SCHEMES[slug]
    except KeyError:
        raise Invalid(
            "This classification scheme is not known here.",
            code="scheme.unknown",
            field="scheme",
            advice=f"Known schemes: {', '.join(SCHEMES)}.",
        ) from None
