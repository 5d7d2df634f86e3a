"""How numbers, times, sizes and digests are written for people, in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

_MINUS: Final = "\u2212"
# The characters that set a direction: one of them too many would end the fence around it.
_TURNING: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_UNITS: Final = (gettext_noop("kB"), gettext_noop("MB"), gettext_noop("GB"), gettext_noop("TB"))


def number(value: int) -> str:
    """12400 as '12,400' or '12\u202f400'."""
    return str(number_format(value, use_l10n=True, force_grouping=True))


def added(value: int) -> str:
    return f"+{number(value)}"


def removed(value: int) -> str:
    """With a real minus sign, which screen readers read and fonts align."""
    return f"{_MINUS}{number(value)}"


def percent(share: float) -> str:
    """A share from 0 to 1. Never rounded up to 100: 'everybody' must mean everybody."""
    shown = 100 if share >= 1 else min(99.9, round(share * 100, 1))
    whole = shown == int(shown)
    return _("%(number)s%%") % {"number": number_format(shown, 0 if whole else 1, use_l10n=True)}


def size(length: int) -> str:
    """Bytes in decimal units, as disks are sold and as downloads are shown."""
    if length < 1000:
        return ngettext("%(n)s byte", "%(n)s bytes", length) % {"n": number(length)}
    value, unit = float(length), ""
    for unit in _UNITS:  # noqa: B007 - the unit that fits is the last one tried
        value /= 1000
        if value < 1000:
            break
    return f"{number_format(value, 0 if value >= 100 else 1, use_l10n=True)}\u00a0{_(unit)}"


def duration(seconds: float) -> str:
    """'0.8 s', '42 s', '3 min 5 s', '2 h 10 min', '4 days'."""
    if seconds < 0.1:
        return f"<\u00a0{number_format(0.1, 1, use_l10n=True)}\u00a0s"
    if seconds < 10:
        return f"{number_format(seconds, 1, use_l10n=True)}\u00a0s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\u00a0s"
    if whole < 3600:
        return f"{whole // 60}\u00a0min {whole % 60}\u00a0s"
    if whole < 2 * 86400:
        return f"{whole // 3600}\u00a0h {whole % 3600 // 60}\u00a0min"
    days = whole // 86400
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": number(days)}


def instant(at: datetime) -> SafeString:
    """A `<time>` element in UTC, which is what every organisation's clocks agree on."""
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{} UTC</time>',
        at.isoformat(timespec="seconds"),
        date_format(at, _("j F Y, H:i")),
    )


def digest(value: str) -> SafeString:
    """A file's digest in groups of eight that may wrap: people compare it with what their tool prints."""
    groups = ((value[start : start + 8],) for start in range(0, len(value), 8))
    return format_html(
        '<code class="digest" translate="no">{}</code>', format_html_join(SafeString("<wbr>"), "{}", groups)
    )


def apart(words: str) -> str:
    """Somebody's own words inside a sentence of ours, so that words from right to left turn nothing else
    around. In a template `<bdi>` does this; these characters do it where there is no markup.
    """
    return f"\u2068{words.translate(_TURNING)}\u2069"


def short(value: str) -> str:
    """The beginning of a digest, to recognise it by."""
    return f"{value[:12]}\u2026"
