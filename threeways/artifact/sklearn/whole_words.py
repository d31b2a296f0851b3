"""Contributions of parts of words, added up by the whole words that they are in.

A vectorizer of characters within words (`char_wb`) has a column for each n-gram. What an n-gram adds to a
score is shared by the words of the text that it is in, as often as they have it: the sum stays the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from threeways.artifact.sklearn.term_labels import Label, Split

_EDGES = re.compile(r"^\W+|\W+$")
_WORDS = 2**16


class WholeWords:
    """Adds up the contributions of parts. labels: of a model's terms, those of parts with `Label.split`."""

    def __init__(self, labels: Sequence[Label]) -> None:
        kinds = [(one.feature, one.split) for one in labels if one.split is not None]
        self._kinds: list[tuple[str, Split]] = list(dict.fromkeys(kinds))
        places = {kind: place for place, kind in enumerate(self._kinds)}
        self._kind = [-1 if one.split is None else places[one.feature, one.split] for one in labels]
        self._parts = [one.word or "" for one in labels]
        self._labels = labels
        self._split: list[Split] = [lru_cache(_WORDS)(split) for _, split in self._kinds]

    def of(
        self, places: Sequence[int], numbers: Sequence[float], text_of: Callable[[str], object]
    ) -> dict[Label, float]:
        """Return the contributions of one row by label. text_of: the row's text in a column."""
        found: dict[Label, float] = {}
        parts: list[dict[str, float]] = [{} for _ in self._kinds]
        for place, number in zip(places, numbers, strict=True):
            kind = self._kind[place]
            if kind < 0:
                found[self._labels[place]] = number
            else:
                parts[kind][self._parts[place]] = number
        for (feature, _), split, of_part in zip(self._kinds, self._split, parts, strict=True):
            if of_part:
                for word, number in _by_word(str(text_of(feature)), split, of_part):
                    label = Label(feature, word)
                    found[label] = found.get(label, 0.0) + number
        return found


def _by_word(text: str, split: Split, numbers: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return each word's share of the contributions of the parts that it has."""
    words = Counter(text.split())
    has = {word: [part for part in split(word) if part in numbers] for word in words}
    times: Counter[str] = Counter()
    for word, parts in has.items():
        for part in parts:
            times[part] += words[word]
    made = [
        (_plain(word), words[word] * sum(numbers[part] / times[part] for part in parts))
        for word, parts in has.items()
        if parts
    ]
    return made + [(part, number) for part, number in numbers.items() if part not in times]


@lru_cache(_WORDS)
def _plain(word: str) -> str:
    """Return a word as a vectorizer of words has it: in lower case, without what stands around it."""
    return _EDGES.sub("", word.lower()) or word
