"""A picture of a model's probabilities on the validation set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from threeways.training.examples import Target
from threeways.training.measures import BINS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability(category: str, holds: Target, predicted: Target, baseline: Target) -> Figure:
    """Draw by bins of the probability how often uploads are of the category: on the line it is calibrated."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.6), dpi=110, layout="constrained")
    axes = figure.add_subplot(
        title=f"How often an upload is of {category}", xlabel="probability", ylabel="share of uploads"
    )
    axes.plot([0, 1], [0, 1], color="#d62728", linewidth=1, label="calibrated")
    for name, colour, told in (
        ("this model", "#1b6ca8", predicted),
        ("linear baseline", "#c77d2e", baseline),
    ):
        of_bin = np.minimum((told * BINS).astype(int), BINS - 1)
        count = np.bincount(of_bin, minlength=BINS)
        some = count > 0
        mean, share = (np.bincount(of_bin, one, BINS)[some] / count[some] for one in (told, holds))
        axes.plot(mean, share, color=colour, marker="o", markersize=4, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend(loc="upper left")
    return figure
