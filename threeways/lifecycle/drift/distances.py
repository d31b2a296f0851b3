"""How far counts are from the reference's, and how far they are by themselves when nothing has changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.reference import Bins

FLOOR = 1e-3
"""Is added to each share: the stability index of an empty bin would be infinite."""
RARE = 0.005
"""Categories with a smaller share of the reference are compared as one by the stability index."""
LEAST_PSI, LEAST_WASSERSTEIN = 0.01, 0.02
"""Smaller ones are of no consequence, however many rows show them."""
REPLICATES = 300
CHANGED, LEAST_PART = 0.25, 200
"""A reference is of two parts where the index of two weeks is larger, and either has so many rows."""
WEEK = 7

type Array = NDArray[Any]


def psi(first: Array, second: Array) -> Array:
    """Return the population stability index of (…, bins) counts: 0 where their shares are the same."""
    one, other = _shares(first), _shares(second)
    return np.asarray(((one - other) * np.log(one / other)).sum(axis=-1))


def wasserstein(first: Array, second: Array, means: Array) -> Array:
    """Return the distance of distributions over (bins,) ascending values, as scipy.stats has it.

    first, second: (…, bins) counts, of missing values none.
    """
    one, other = (
        counts.cumsum(-1) / np.maximum(counts.sum(-1, keepdims=True), 1) for counts in (first, second)
    )
    return np.asarray((np.abs(one - other)[..., :-1] * np.diff(means)).sum(axis=-1))


def _shares(counts: Array) -> Array:
    total = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    return np.asarray((counts / total + FLOOR) / (1 + FLOOR * counts.shape[-1]))


@dataclass(frozen=True)
class Compared:
    """A column of the reference, ready to be compared with. days: how long its blocks are."""

    column: Bins
    days: int

    @cached_property
    def groups(self) -> Array:
        """The (width,) group of each bin: rare categories are one, missing values stay apart."""
        counts = self.column.by_block.sum(axis=0)
        kept = counts >= (RARE * counts.sum() if self.column.is_category else 0)
        groups = np.where(kept, np.cumsum(kept) - 1, kept.sum())
        groups[-1] = kept.sum() + 1
        return groups

    def distances(self, counts: Array, reference: Array) -> tuple[Array, Array | None]:
        """Return (…) stability indices, and Wasserstein distances in standard deviations, of sizes only."""
        index = psi(self._grouped(counts), self._grouped(reference))
        if self.column.is_category or len(self.column.means) < 2:
            return index, None
        means = np.array(self.column.means)
        order = np.argsort(means, kind="stable")
        weights = np.maximum(self.column.by_block.sum(axis=0)[:-1], 1e-9)
        centre = np.average(means, weights=weights)
        deviation = np.sqrt(np.average((means - centre) ** 2, weights=weights)) or 1.0
        return index, wasserstein(counts[..., order], reference[..., order], means[order]) / deviation

    def replicates(self, days: int, rows: int, seed: int) -> tuple[Array, Array]:
        """Return (REPLICATES, bins) counts of windows at rest, and of references as long as this one.

        Both are put together of runs of whole blocks, up to a week, so that what hangs together in time stays
        together. days: a window's blocks. rows: how many it has; where the blocks have more, some are drawn.
        """
        random = np.random.default_rng(seed)
        blocks = self.column.by_block
        parts = [blocks] if self.changed is None else np.split(blocks, [self.changed])
        share = REPLICATES // len(parts)
        drawn = [
            _runs(part, min(length, 4 * len(part)), self._run(length, part), share, random)
            for length in (days, 0)
            for part in parts
            for length in [length or len(part)]
        ]
        window, reference = np.concatenate(drawn[: len(parts)]), np.concatenate(drawn[len(parts) :])
        totals = window.sum(axis=1)
        shares = window / np.maximum(totals, 1)[:, None]
        return random.multinomial(np.minimum(totals, rows), shares), reference

    @cached_property
    def changed(self) -> int | None:
        """The block from which on the reference itself is another; None where it is one.

        A week is compared with the next, so that weekdays are alike. Windows at rest are then compared within
        either part: between them lies the change.
        """
        blocks = self.column.by_block
        if self.days != 1 or len(blocks) < 2 * WEEK:
            return None
        sums = np.concatenate([np.zeros((1, blocks.shape[1]), np.int64), blocks.cumsum(axis=0)])
        weeks = sums[WEEK:] - sums[:-WEEK]
        before, after = weeks[:-WEEK], weeks[WEEK:]
        index, _ = self.distances(before, after)
        index[np.minimum(before.sum(axis=1), after.sum(axis=1)) < LEAST_PART] = 0
        place = int(np.argmax(index))
        return place + WEEK if index[place] > CHANGED else None

    def _run(self, days: int, blocks: Array) -> int:
        return max(1, min(WEEK if self.days == 1 else 1, days, len(blocks)))

    def _grouped(self, counts: Array) -> Array:
        return np.asarray(counts @ (self.groups[:, None] == np.arange(self.groups.max() + 1)))


def _runs(blocks: Array, count: int, run: int, replicates: int, random: np.random.Generator) -> Array:
    """Return (replicates, bins) sums over `count` blocks each, in runs of consecutive ones."""
    starts = random.integers(0, len(blocks), (replicates, -(-count // run)))
    places = (starts[..., None] + np.arange(run)).reshape(replicates, -1)[:, :count] % len(blocks)
    weights = np.zeros((replicates, len(blocks)))
    np.add.at(weights, (np.arange(replicates)[:, None], places), 1)
    return (weights @ blocks).astype(np.int64)


def quantile(values: Array, tail: float) -> float:
    """Return what values at rest exceed with this probability: by a gamma distribution of their moments.

    It is never below the largest of them.
    """
    from scipy import stats

    mean, variance = float(values.mean()), float(values.var())
    most = float(values.max())
    if mean <= 0 or variance <= 0:
        return most
    return max(most, float(stats.gamma.isf(tail, mean**2 / variance, scale=variance / mean)))
