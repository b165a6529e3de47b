"""A store of named items that apps fill in `AppConfig.ready`, such as dashboard cards or permissions."""

from collections.abc import ItemsView, Iterator, ValuesView
from typing import Generic, TypeVar

T = TypeVar("T")


class UnknownNameError(LookupError):
    """Nothing is registered under this name: a mistake in the program."""


class Registry(Generic[T]):
    """Items by name, in the order of registration. `contents` says in messages what is stored."""

    def __init__(self, contents: str) -> None:
        self.contents = contents
        self._items: dict[str, T] = {}

    def register(self, name: str, item: T) -> None:
        """Add an item. Raise ValueError if the name is taken."""
        if name in self._items:
            raise ValueError(f"“{name}” is already registered in {self.contents}.")
        self._items[name] = item

    def get(self, name: str) -> T:
        """Return the item of that name. Raise UnknownNameError if there is none."""
        try:
            return self._items[name]
        except KeyError:
            raise UnknownNameError(f"“{name}” is not registered in {self.contents}.") from None

    def items(self) -> ItemsView[str, T]:
        """Return pairs of name and item."""
        return self._items.items()

    def values(self) -> ValuesView[T]:
        """Return the registered items in their order."""
        return self._items.values()

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __len__(self) -> int:
        return len(self._items)
