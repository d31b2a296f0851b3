"""A sequence whose items are made where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload


class OnDemand[Key, T](Sequence[T]):
    """What is made of each key, made where it is asked for."""

    def __init__(self, keys: Sequence[Key], make: Callable[[Key], T]) -> None:
        self._keys, self._make = keys, make

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return OnDemand(self._keys[index], self._make)
        return self._make(self._keys[index])
