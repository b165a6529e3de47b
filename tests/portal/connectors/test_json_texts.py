"""JSON typed into a connector's form: no spelling of a secret is drawn or kept, and no depth breaks it."""

from urllib.parse import urlencode

import pytest
from django.http import QueryDict

from portal.changes.base_views import get_form_data
from portal.connectors.forms import ConnectorCreateForm

SECRET = "canary-secret"
BASE = {"name": "ACME", "adapter": "Simulator", "method": "Creditcard", "apiKey": "k1"}


def typed(**values):
    return ConnectorCreateForm(data=QueryDict(urlencode({**BASE, **values})))


@pytest.mark.parametrize("key", ["kount:api_key", r"kount:api\u005fkey", r"\u006bount:api_key"])
@pytest.mark.parametrize("broken", ["", ","])
def test_however_a_secret_setting_is_spelt_its_text_is_neither_drawn_nor_kept(key, broken):
    form = typed(settings=f'{{"{key}": "{SECRET}"{broken}}}')
    assert form.is_valid() is not bool(broken)
    assert SECRET not in str(form["settings"])
    assert SECRET not in str(get_form_data(form))


def test_plain_settings_are_kept_as_typed():
    form = typed(settings='{"tx:expiration-minutes": 900}')
    assert "settings" in get_form_data(form)


@pytest.mark.parametrize("name", ["settings", "config.extraData", "config.vault"])
@pytest.mark.parametrize("levels", [51, 300, 700, 800, 950, 100_000])
def test_too_deep_an_object_is_refused_with_words(name, levels):
    form = typed(**{name: '{"a":' * levels + "1" + "}" * levels})
    assert not form.is_valid()
    assert name in form.errors


def test_an_object_of_some_depth_is_taken():
    assert typed(**{"config.extraData": '{"a":' * 40 + "1" + "}" * 40}).is_valid()


@pytest.mark.parametrize("name", ["settings", "config.extraData", "config.vault"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', "“a” occurs twice"),
        ('{"b": {"a": 1, "a": 1}}', "“a” occurs twice"),
        (r'{"a": 1, "\u0061": 2}', "occurs twice"),
        ('{"b": [{"c": 1, "c": 2}]}', "occurs twice"),
        ('{"a": 1e400}', "too large"),
        ('{"a": -1e999}', "too large"),
        ('{"a": NaN}', "not a number"),
        ('{"a": Infinity}', "too large"),
        (r'{"a": "\ud800"}', "half a character"),
        (r'{"\udfff": 1}', "half a character"),
        ('{"a\u200b": 1}', "zero width space"),
        (r'{"a\u200b": 1}', "zero width space"),
        ('{"a": "x\ufeff"}', "byte order mark"),
        ('{"a": }', "Not valid JSON"),
        ("[1]", "JSON object"),
    ],
)
def test_json_that_would_change_when_sent_is_refused_with_the_reason(name, text, words):
    form = typed(**{name: text})
    assert words in str(form.errors[name]), form.errors


def test_a_secret_with_several_lines_is_taken():
    assert typed(**{"config.extraData": r'{"key": "-----BEGIN\nabc\n-----END"}'}).is_valid()
