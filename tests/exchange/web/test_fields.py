"""Fields of forms: what is typed comes back, what was wrong is said at its field, secrets never come back."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.test import RequestFactory

from accounts.errors import Invalid
from exchange.web import fields
from exchange.web.fields import Form, Option

ASKED = (
    fields.text("title", "Title", hint="A few words."),
    fields.textarea("note", "Note", optional=True),
    fields.radios("kind", "Kind", (Option("ngo", "NGO"), Option("company", "Company"))),
    fields.checkboxes("types", "Types", (Option("md5", "MD5"), Option("pdq", "PDQ"))),
    fields.checkbox("agreed", "I agree"),
    fields.password("secret", "Password"),
)


def sent(**values: str | list[str]) -> Form:
    return fields.posted(RequestFactory().post("/", values), *ASKED)


def html(form: Form) -> str:
    return render_to_string("web/parts/fields.html", {"form": form})


def test_what_was_typed_is_read_and_shown_again() -> None:
    form = sent(title="  A <b>list</b> ", note="", kind="company", types=["pdq", "md5"], agreed="yes")
    assert form.value("title") == "A <b>list</b>"
    assert form.values("types") == ("pdq", "md5")
    assert (form.ticked("agreed"), form.ticked("note")) == (True, False)
    shown = html(form)
    assert 'value="  A &lt;b&gt;list&lt;/b&gt; "' in shown
    assert shown.count(" checked") == 4


def test_a_refusal_is_said_at_its_field_and_linked_from_the_summary() -> None:
    form = sent(title="x").refused(
        Invalid("Too short.", code="specimen", field="title"),
        Invalid("Choose one.", code="specimen", field="kind"),
        Invalid("Not now.", code="specimen"),
    )
    shown, summary = html(form), render_to_string("web/parts/error_summary.html", {"form": form})
    assert 'id="title-why"' in shown
    assert 'aria-describedby="title-hint title-why" aria-invalid="true"' in shown
    assert [line in summary for line in ('href="#title"', 'href="#kind-0"', "<strong>Not now.</strong>")] == [
        True
    ] * 3
    assert 'id="kind-0"' in shown


def test_a_form_without_mistakes_has_no_summary() -> None:
    assert render_to_string("web/parts/error_summary.html", {"form": sent()}).strip() == ""


def test_a_password_is_neither_trimmed_nor_shown_again() -> None:
    form = sent(secret=" with spaces ")
    assert form.value("secret") == " with spaces "
    assert "with spaces" not in html(form)
    assert form.refused(Invalid("Wrong.", code="specimen", field="title")).value("secret") == ""


def test_a_choice_that_was_not_offered_reaches_the_verb_and_ticks_nothing() -> None:
    form = sent(kind="emperor", types=["sha256"])
    assert (form.value("kind"), form.values("types")) == ("emperor", ("sha256",))
    assert " checked" not in html(form)


def test_a_field_is_found_by_its_name_in_a_template_whatever_the_name() -> None:
    form = fields.blank(fields.text("fields", "A field of this name"), values={"fields": "kept"})
    assert 'value="kept"' in html(form)
    assert form["fields"].value == "kept"
