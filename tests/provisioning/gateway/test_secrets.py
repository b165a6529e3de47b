"""Secrets are sealed where the contract marks them, also when the answer has another shape."""

import base64
import html
import json
import pickle
from urllib.parse import quote, quote_plus

import pytest

from provisioning import contract
from provisioning.gateway.responses import seal_body
from provisioning.gateway.secrets import MASK, Sealed, mask, reveal_all, scrub, seal_paths, sealed_copy

SECRETS = contract.secret_paths("ConnectorListResponse")


def _shown(body):
    return json.dumps(mask(seal_body(body, SECRETS)), ensure_ascii=False)


@pytest.mark.parametrize(
    "connectors",
    [
        [{"sharedSecret": "canary"}],
        [{"config": {"password": "canary", "apiSecret": "canary", "APISecret": "canary"}}],
        [{"config": {"extraData": {"a": {"b": "canary"}}, "vault": {"c": ["canary"]}}}],
        [{"config": {"merchantPassphrase": "canary", "nested": {"key": "canary"}, "number": 0}}],
        [{"settings": {"kount:api_key": "canary"}}],
        {"sharedSecret": "canary", "config": {"password": "canary", "other": "canary"}},
        {"0": {"sharedSecret": "canary", "config": {"other": "canary"}}},
        [[{"sharedSecret": "canary"}]],
        [{"config": [{"password": "canary", "other": "canary"}]}],
        [{"config": "canary"}],
        ["canary"],
        "canary",
    ],
)
def test_no_shape_of_the_answer_leaves_a_secret_readable(connectors):
    assert "canary" not in _shown({"success": True, "connectors": connectors})


def test_values_that_are_not_secret_stay_readable():
    config = {"username": "u", "language": "de", "testMode": True, "password": "", "extraData": []}
    body = seal_body({"connectors": [{"name": "C", "config": config, "Adapter": "Simulator"}]}, SECRETS)
    assert body["connectors"] == [
        {"name": "C", "adapter": "Simulator", "config": {**config, "extraData": {}}},
    ]


def test_an_answer_without_secrets_is_not_even_copied():
    body = {"merchants": []}
    assert seal_body(body, ()) is body


def test_a_sealed_value_shows_itself_nowhere():
    secret = Sealed("canary")
    assert repr(secret) == str(secret) == f"{secret}" == f"{secret:>3}" == MASK
    for dump in (json.dumps, pickle.dumps):
        with pytest.raises(TypeError):
            dump(secret)
    assert secret == Sealed("canary") and secret != Sealed("other") and secret != "canary"
    assert secret and not Sealed("") and len({secret, Sealed("canary")}) == 2


def test_copies_share_nothing_but_the_seals():
    body = {"a": [{"b": Sealed("canary")}]}
    copy = sealed_copy(body)
    copy["a"][0]["c"] = 1
    assert body == {"a": [{"b": Sealed("canary")}]}
    assert reveal_all(copy) == {"a": [{"b": "canary", "c": 1}]}
    assert seal_paths(copy, [("a", "*", "c")])["a"][0]["c"] == Sealed(1)


def test_scrubbing_takes_the_longest_secret_first_and_leaves_short_ones():
    secrets = {"a": Sealed({"b": ["canary", "canary-long"], "c": "xy"})}
    assert scrub("canary-long, canary, xy", secrets) == f"{MASK}, {MASK}, xy"


@pytest.mark.parametrize(
    "spelling",
    [
        json.dumps,
        lambda secret: json.dumps(secret, ensure_ascii=False),
        lambda secret: json.dumps(secret).replace("/", r"\/"),
        lambda secret: quote(secret, safe=""),
        quote,
        lambda secret: quote_plus(secret).lower(),
        html.escape,
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    ],
)
def test_scrubbing_finds_a_secret_in_every_usual_spelling(spelling):
    secret = 'canary/"&<ü> 7f3a'
    assert MASK in scrub(f"quoted: {spelling(secret)}", Sealed(secret))
