"""French is complete: every sentence of pages and code is in the compiled catalogue that the server reads."""

from __future__ import annotations

import ast
import gc
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

_EXCHANGE = Path(__file__).resolve().parents[3] / "exchange"
_CATALOGUE = _EXCHANGE / "locale" / "fr" / "LC_MESSAGES" / "django"
_MARKERS = {
    *("_", "gettext", "gettext_lazy", "gettext_noop"),
    *("ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy", "npgettext"),
}
_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_IN_TEMPLATE = re.compile(rf"\b(\w*gettext|_)\(({_LITERAL})(?:,\s*({_LITERAL}))?")
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def spoken() -> Iterator[tuple[str, str]]:
    """(message as the catalogue keys it, where it is said)."""
    for template in sorted((_EXCHANGE / "templates").rglob("*.html")):
        for call, first, second in _IN_TEMPLATE.findall(templatize(template.read_text())):
            words = [ast.literal_eval(text.removeprefix("u")) for text in (first, second) if text]
            yield ("\x04".join(words) if call == "pgettext" else words[0]), template.name
    for source in sorted(_EXCHANGE.rglob("*.py")):
        tree = _parsed(source.read_text())
        imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                named = node.func.id in imported and node.func.id in _MARKERS
                if named and node.args and isinstance(node.args[0], ast.Constant):
                    yield str(node.args[0].value), f"{source.name}:{node.lineno}"


def _parsed(source: str) -> ast.Module:
    # Python 3.11 miscounts the depth of a tree when the collector runs code of others while it is built.
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def catalogue() -> dict[str, str]:
    """What the compiled file answers; of a plural, its singular form."""
    with _CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    entries: dict[str | tuple[str, int], str] = compiled._catalog  # type: ignore[attr-defined]
    singular = {key[0]: text for key, text in entries.items() if not isinstance(key, str) and key[1] == 0}
    return {key: text for key, text in entries.items() if isinstance(key, str)} | singular


def written() -> dict[str, str]:
    """The text file that translators edit: message to translation (the first form of a plural)."""
    found: dict[str, str] = {}
    for block in _CATALOGUE.with_suffix(".po").read_text().split("\n\n"):
        words = dict(re.findall(r'^(msgctxt|msgid|msgstr(?:\[0\])?) (".*")$', block, re.MULTILINE))
        told = {name.removesuffix("[0]"): ast.literal_eval(text) for name, text in words.items()}
        key = f"{told['msgctxt']}\x04{told['msgid']}" if "msgctxt" in told else told["msgid"]
        found[key] = told["msgstr"]
    return found


def test_every_sentence_is_translated() -> None:
    heard = list(spoken())
    assert len(heard) > 300, "the sentences were not found"
    french = catalogue()
    assert {f"{message!r} ({where})" for message, where in heard if not french.get(message)} == set()


def test_nothing_is_translated_that_nobody_says() -> None:
    said = {message for message, _where in spoken()}
    assert {key for key in catalogue() if key} - said == set()


def test_the_compiled_catalogue_is_the_written_one() -> None:
    text = _CATALOGUE.with_suffix(".po").read_text()
    assert "#, fuzzy" not in text
    assert "#~" not in text
    ours = {key: translated for key, translated in written().items() if key}
    assert ours == {key: translated for key, translated in catalogue().items() if key}


def test_no_placeholder_is_lost_in_translation() -> None:
    lost = {
        message
        for message, translated in catalogue().items()
        if message and set(_PLACEHOLDER.findall(message)) != set(_PLACEHOLDER.findall(translated))
    }
    assert lost == set()
