"""Ten thousand inputs that hypothesis makes, spread over every address and its fields: never an HTTP 500."""

import html
import re
from itertools import cycle
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from portal.changes.models import Change
from tests.access_table import TABLE
from tests.portal.hostile.inputs import KINDS, Composer, address, values

INPUTS, PARTS = 10_000, 4
PER_REQUEST, REQUESTS = 3, 12  # of one example
EXAMPLES = -(-INPUTS // (PARTS * PER_REQUEST * REQUESTS))
NAMES = sorted(TABLE)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_generated_input_breaks_an_address(visitor, paused, part):
    composers = [Composer(name, visitor.guids, visitor.fields(name)) for name in NAMES[part::PARTS]]
    turns, inputs = cycle(composers), []

    @given(
        st.lists(values, min_size=PER_REQUEST * REQUESTS, max_size=PER_REQUEST * REQUESTS),
        st.randoms(use_true_random=True),
    )
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(made, random):
        inputs.extend(made)
        for start in range(0, len(made), PER_REQUEST):
            composer = next(turns)
            visitor.visit(composer.name, **composer.request(random, made[start : start + PER_REQUEST]))

    send()
    assert visitor.broken == {}
    assert len(inputs) >= INPUTS / PARTS and visitor.sent >= len(inputs) / PER_REQUEST
    assert visitor.again < visitor.sent / 20, "most of it reached no page, for nobody was signed in"


UNIQUE = "another each time"
CREATED = {
    "merchant_users:create": {"type": "api", "username": UNIQUE, "password": "Aa1!Aa1!Aa1!Aa1!"},
    "connectors:create": {
        "name": "Card",
        "adapter": "Simulator",
        "method": "Creditcard",
        "apiKey": UNIQUE,
        "sharedSecret": "x",
    },
}
CHANGED = ("merchants:edit", "merchant_users:edit", "connectors:edit")


def filled(visitor, name):
    """What a person's browser would send from the page."""
    form = visitor.browser.get(address(name, visitor.guids)).context["form"]
    seen = {bound.html_name: bound.value() for bound in form}
    whole = {**seen, **CREATED.get(name, {})}
    return {field: value for field, value in whole.items() if isinstance(value, str)}


@pytest.mark.parametrize("name", [*CREATED, *CHANGED])
def test_no_generated_input_breaks_a_form_whose_values_reach_the_gateway(visitor, name):
    form = filled(visitor, name)
    base = visitor.visit(name, method="GET", path=address(name, visitor.guids))[2].decode()
    form["base"] = html.unescape("".join(re.findall(r'name="base" value="([^"]*)"', base)))

    @given(st.lists(values, min_size=2, max_size=2), st.randoms(use_true_random=True))
    @settings(
        max_examples=30, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(made, random):
        fresh = str(UUID(int=random.getrandbits(128), version=4))
        whole = {name: fresh[:13] if value == UNIQUE else value for name, value in form.items()}
        odd = dict(zip(random.choices(sorted(form), k=2), made, strict=True))
        data = urlencode({**whole, "submission": fresh, **odd}).encode()
        path = address(name, visitor.guids)
        visitor.visit(name, method="POST", path=path, data=data, CONTENT_TYPE=KINDS[0])

    send()
    assert visitor.broken == {}
    assert Change.objects.count() > 1, "nothing got past the form"
