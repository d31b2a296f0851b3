"""Check PolynomialFeatures: it allocates as many columns as it states, and fills those that it computes."""

from __future__ import annotations

from math import comb
from typing import Any

from threeways.artifact.sklearn.trees import refuse, width_of


def check_polynomial(transformer: Any) -> None:
    """Check that the degrees give the stated numbers of columns, so that no memory stays uninitialised."""
    if "_n_out_full" not in vars(transformer):
        return  # an unfitted parameter
    width = width_of(transformer)
    least, most = transformer._min_degree, transformer._max_degree  # noqa: SLF001  (what `transform` goes by)
    flags = (transformer.interaction_only, transformer.include_bias)
    counts = (transformer._n_out_full, transformer.n_output_features_)  # noqa: SLF001  (the same)
    if any(type(number) is not int for number in (least, most, *counts)) or not 0 <= least <= most:
        refuse("a PolynomialFeatures' degrees are no numbers")
    if any(type(flag) is not bool for flag in flags):
        refuse("a PolynomialFeatures' options are neither true nor false")
    if counts != (_columns(width, 0, most, *flags), _columns(width, least, most, *flags)):
        refuse("a PolynomialFeatures makes other columns than its degrees give")


def _columns(width: int, least: int, most: int, interaction_only: bool, include_bias: bool) -> int:
    """Count the products of `width` columns of these degrees, with or without repeated factors."""
    first = max(1, least)
    if interaction_only:
        products = sum(comb(width, degree) for degree in range(first, min(most, width) + 1))
    else:
        products = comb(width + most, most) - comb(width + first - 1, first - 1) if most else 0
    return products + include_bias
