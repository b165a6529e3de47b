"""A page tells how much of its time it waited for the gateway."""

import re
from collections.abc import Callable
from typing import Any

MERCHANT = "/sandbox/merchants/ME-1234-1234-1234-1234-1234-1234/"


def timings(response: Any) -> dict[str, float]:
    """The Server-Timing header in milliseconds."""
    return {
        name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", response["Server-Timing"])
    }


def test_a_page_that_reads_the_gateway_says_how_long_it_waited(
    agent: Any, client_of: Callable[[Any], Any], connection: Any
) -> None:
    """The waiting is part of the whole, and the next page starts from nothing."""
    browser = client_of(agent)
    read = timings(browser.get(MERCHANT))
    assert 0 < read["gateway"] < read["total"]
    assert timings(browser.get("/accounts/profile/"))["gateway"] == 0
