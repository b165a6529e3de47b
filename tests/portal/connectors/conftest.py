"""A merchant of its own for every test of the connectors' pages, and someone who may work on it."""

import pytest

from tests.factories import merchant_made


@pytest.fixture
def merchant(connection):
    """A fresh merchant at the gateway."""
    return merchant_made(connection)


@pytest.fixture
def browser(client_of, agent):
    """A support agent's browser."""
    return client_of(agent)
