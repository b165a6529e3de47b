"""Form fields as the partials draw them: labels, help, errors, secrets, groups."""

from typing import Any

from django import forms
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test.html import parse_html

from portal.core.form_rendering import render_select
from portal.core.forms import PayloadForm, Section

LOAD = "{% load portal %}"


class Sample(forms.Form):
    """One field of each kind."""

    name = forms.CharField(help_text="As on the contract.")
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "wide"}))
    kind = forms.ChoiceField(choices=[("", "—"), ("api", "API")])
    live = forms.BooleanField(required=False, help_text="Takes payments.")
    token = forms.CharField(widget=forms.HiddenInput, required=False)
    password = forms.CharField(widget=forms.PasswordInput(render_value=True), required=False)
    rights = forms.MultipleChoiceField(
        choices=[("Money", [("refund", "Refund"), ("view", "View")]), ("other", "Other")],
        widget=forms.CheckboxSelectMultiple,
        help_text="What the user may do.",
    )


class Merchant(PayloadForm):
    """A payload form with a folded section."""

    schema = "MerchantCreate"
    name = forms.CharField(label="Name")
    externalId = forms.CharField(label="External id", required=False, max_length=2)  # noqa: N815 - the API's name
    sections = (
        Section("Base data", ("name",), help="What people see."),
        Section("Rare", ("externalId",), advanced=True),
    )


class Secretive(PayloadForm):
    """A payload form with a secret that was declared as plain text."""

    schema = "MerchantUserCreate"
    password = forms.CharField(label="Password", required=False)


def drawn(form: forms.Form, name: str) -> str:
    return " ".join(
        Template(LOAD + "{% field form_field %}").render(Context({"form_field": form[name]})).split()
    )


def sections(form: forms.Form, **context: Any) -> str:
    return render_to_string("partials/form_sections.html", {"form": form, **context})


def test_a_field_has_label_help_and_widget_tied_together() -> None:
    shown = drawn(Sample(), "name")
    assert '<label class="form-label" for="id_name">' in shown
    assert 'aria-describedby="id_name_help"' in shown
    assert 'id="id_name_help"' in shown
    assert "form-control" in shown
    assert "(required)" in shown
    assert "aria-invalid" not in shown


def test_a_wrong_field_says_so_to_everyone() -> None:
    shown = drawn(Sample({"name": ""}), "name")
    assert 'aria-invalid="true"' in shown
    assert 'aria-describedby="id_name_help id_name_error"' in shown
    assert 'id="id_name_error"' in shown


def test_a_class_of_the_form_is_kept() -> None:
    assert 'class="wide form-control"' in drawn(Sample(), "note")


def test_a_select_and_a_checkbox_look_like_one() -> None:
    assert "form-select" in drawn(Sample(), "kind")
    shown = drawn(Sample({"live": "on"}), "live")
    assert "form-check-input" in shown
    assert "checked" in shown
    assert "aria-required" not in shown


def test_a_hidden_field_is_nothing_but_its_input() -> None:
    assert drawn(Sample(), "token").startswith('<input type="hidden"')


def test_a_password_never_comes_back_to_the_page() -> None:
    shown = drawn(Sample({"password": "CANARY"}), "password")
    assert "CANARY" not in shown
    assert 'autocomplete="new-password"' in shown


def test_a_secret_of_the_contract_is_a_password_field_whatever_the_form_says() -> None:
    shown = drawn(Secretive({"password": "CANARY"}), "password")
    assert 'type="password"' in shown
    assert "CANARY" not in shown


def test_a_kept_secret_says_that_blank_keeps_it() -> None:
    form = Sample()
    assert "Leave blank" not in drawn(form, "password")
    form.fields["password"].kept = True
    assert "Leave blank" in drawn(form, "password")


def test_a_strong_password_can_be_offered() -> None:
    form = Sample()
    form.fields["password"].offer_password = True
    assert 'data-generate-password="id_password"' in drawn(form, "password")


def test_checkboxes_are_grouped_explained_and_preset() -> None:
    form = Sample({"rights": ["view"]})
    form.fields["rights"].choice_help = {"refund": "Gives money back."}
    form.fields["rights"].presets = {"Read only": ["view", "other"]}
    shown = drawn(form, "rights")
    assert "<legend>Money</legend>" in shown
    assert 'value="view" id="id_rights_0_1" checked' in shown
    assert 'aria-describedby="id_rights_0_0_help"' in shown
    assert "Gives money back." in shown
    assert 'data-preset="view\nother"' in shown.replace("view other", "view\nother")


def test_the_error_summary_links_to_fields() -> None:
    shown = sections(Sample({}))
    assert 'role="alert"' in shown
    assert '<a href="#id_name">Name</a>' in shown
    assert '<a href="#id_rights">Rights</a>' in shown
    assert 'id="id_rights"' in shown


def test_a_form_without_errors_has_no_summary() -> None:
    assert "data-form-errors" not in sections(Sample())


def test_errors_of_the_whole_form_come_first() -> None:
    form = Sample({})
    form.add_error(None, "The gateway refused it.")
    assert "<li>The gateway refused it.</li>" in sections(form)


def test_sections_are_titled_and_rare_ones_folded() -> None:
    shown = sections(Merchant())
    assert "Base data" in shown
    assert "What people see." in shown
    assert '<details class="card section">' in shown


def test_a_folded_section_opens_when_something_in_it_is_wrong() -> None:
    assert '<details class="card section" open>' in sections(Merchant({"name": "Blue", "externalId": "abc"}))


class Choosy(forms.Form):
    """Grouped, numbered and hostile choices."""

    zone = forms.ChoiceField(choices=[("", "—"), ("Europe", [("Europe/Vienna", "Vienna")]), ("<x>", "<b>")])
    number = forms.TypedChoiceField(choices=[(None, "none"), (1, "one")], coerce=int, required=False)


def test_a_select_is_drawn_as_django_would() -> None:
    for data in (None, {"zone": "Europe/Vienna", "number": "1"}, {"zone": "<x>"}):
        form = Choosy(data)
        for name in ("zone", "number"):
            bound = form[name]
            ours = render_select(bound, bound.field.widget, {"class": "form-select"})
            assert parse_html(ours) == parse_html(bound.as_widget(attrs={"class": "form-select"}))
