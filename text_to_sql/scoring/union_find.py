"""Classes of things that are equal to each other."""

from collections.abc import Hashable


class UnionFind[T: Hashable]:
    """Puts things into classes; each starts alone."""

    def __init__(self) -> None:
        self._parent: dict[T, T] = {}
        self._size: dict[T, int] = {}

    def find(self, item: T) -> T:
        """Returns the representative of an item's class."""
        while (parent := self._parent.get(item, item)) != item:
            item = parent
        return item

    def join(self, one: T, other: T) -> None:
        """Makes one class of two."""
        one, other = self.find(one), self.find(other)
        if one != other:
            self._parent[one] = other
            self._size[other] = self._size.get(one, 1) + self._size.get(other, 1)

    def size(self, item: T) -> int:
        """Returns how many things are in an item's class."""
        return self._size.get(self.find(item), 1)
