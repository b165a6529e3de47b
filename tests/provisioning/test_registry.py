"""A registry holds named items in order and refuses duplicate and unknown names."""

import pytest

from provisioning.registry import Registry, UnknownNameError


@pytest.fixture
def colours() -> Registry[int]:
    registry: Registry[int] = Registry("colours")
    registry.register("red", 1)
    registry.register("blue", 2)
    return registry


def test_items_keep_the_order_of_registration(colours: Registry[int]) -> None:
    assert list(colours) == ["red", "blue"] and list(colours.values()) == [1, 2]
    assert dict(colours.items()) == {"red": 1, "blue": 2} and len(colours) == 2
    assert colours.get("blue") == 2 and "red" in colours and "green" not in colours


def test_a_duplicate_name_is_refused(colours: Registry[int]) -> None:
    with pytest.raises(ValueError, match="“red” is already registered in colours"):
        colours.register("red", 1)
    assert colours.get("red") == 1


def test_an_unknown_name_is_refused(colours: Registry[int]) -> None:
    with pytest.raises(UnknownNameError, match="“green” is not registered in colours"):
        colours.get("green")
